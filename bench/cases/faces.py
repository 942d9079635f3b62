"""Benchmark of faces: found, told apart and timed, one thread each.

The engine's detectors are compared with known counts, and with InsightFace's own loop.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from actors.faces.detector import pack_faces
from actors.vision.boxes import iou
from bench.harness.report import table
from bench.harness.timing import Taken, in_turns
from schemas.inference.detections import Detections
from schemas.inference.detector import Detector
from schemas.media.frames import Pixels
from schemas.settings.settings import FaceSettings

TITLE = "Faces, against InsightFace's own loop"
SHARED = Path(__file__).parents[3] / "shared"
PACKS, PACK = SHARED / "models/insightface", "test_pack"
MEDIA = SHARED / "media"
TALKERS, TALKERS_TRUTH = (
    MEDIA / "derived/grid_11_talkers_33s.mp4",
    MEDIA / "groundtruth/grid_11_talkers_33s.json",
)
TALKERS_STEP = 25  # frames: one picture a second
COMING = MEDIA / "video/pyfeat_face_noface.mov"  # each tenth frame: eight with one face, nine without
COMING_STEP, COMING_FACES = 10, 8
IMAGES = {
    "biden": 1,
    "biden2": 1,
    "obama": 1,
    "obama2": 1,
    "obama3": 1,
    "obama_and_biden": 3,
    "pyfeat_multi_face": 5,
}  # counted by eye
LONGER_PIXELS = FaceSettings().input_pixels
BATCHES = (1, 8)
SCRFD = FaceSettings(detector="scrfd", device="cpu", pack=str(PACKS / "models" / PACK))
TWICE, ONCE = (128, 128), (640, 640)
LIBRARY, LIBRARY_TWICE = "InsightFace, 640 x 640", "InsightFace, 128 x 128 and 640 x 640"


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A picture, H x W x 3 uint8 RGB, in which there are so many `faces`; `who` is there where it is one
    known person.
    """

    about: str
    picture: Pixels
    faces: int
    who: str | None = None


def measure(rounds: int) -> dict[str, Any]:
    """Counts, verification, differences, and processor milliseconds a picture; raises FileNotFoundError
    without the shared folder.
    """
    from actors.faces.cascade import CascadeDetector

    cv2.setNumThreads(1)
    shown = [*talkers(), *coming(), *images()]
    detectors: dict[str, Detector] = {
        "SCRFD": pack_faces(SCRFD),
        "cascade": CascadeDetector(SCRFD.min_confidence),
    }
    found = {
        name: [detector.detect([one.picture])[0] for one in shown] for name, detector in detectors.items()
    }
    library = loop(ONCE)
    return {
        "pack": PACK,
        "counts": {name: counted(shown, faces) for name, faces in found.items()},
        "verification": asdict(verified(shown, found["SCRFD"], SCRFD.same_person)),
        "difference": asdict(difference(found["SCRFD"], [library(one.picture) for one in shown])),
        "milliseconds": {
            about: race([one.picture for one in own], rounds)
            for about, own in by_set(shown).items()
            if about != "images"
        },
    }


def talkers() -> Iterator[ShownFace]:
    """A picture a second of ten people who talk in eleven clips."""
    people = json.loads(TALKERS_TRUTH.read_text(encoding="utf-8"))["clips"]
    for number, picture in frames(TALKERS, TALKERS_STEP):
        (clip,) = (clip for clip in people if clip["frames"][0] <= number < clip["frames"][1])
        yield ShownFace("talkers, 360 x 288", picture, clip["faces"], clip["person"])


def coming() -> Iterator[ShownFace]:
    """A face that goes away."""
    for order, (_, picture) in enumerate(frames(COMING, COMING_STEP)):
        yield ShownFace("face and no face, 960 x 540", picture, int(order < COMING_FACES))


def images() -> Iterator[ShownFace]:
    for name, faces in IMAGES.items():
        picture = cv2.imread(str(MEDIA / "images" / f"{name}.jpg"))
        if picture is None:
            raise FileNotFoundError(MEDIA / "images" / f"{name}.jpg")
        yield ShownFace("images", fitted(picture), faces, name.rstrip("0123456789") if faces == 1 else None)


def frames(video: Path, step: int) -> Iterator[tuple[int, Pixels]]:
    """Every `step`th frame of a video and its number."""
    import av

    with av.open(str(video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % step == 0:
                yield number, fitted(frame.to_ndarray(format="bgr24"))


def fitted(bgr: Pixels) -> Pixels:
    """As RGB, no side above what the pipeline gives to its detector."""
    scale = LONGER_PIXELS / max(bgr.shape)
    if scale < 1:
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(bgr[:, :, ::-1])


def by_set(shown: Sequence[ShownFace]) -> dict[str, list[ShownFace]]:
    return {
        about: [one for one in shown if one.about == about]
        for about in dict.fromkeys(one.about for one in shown)
    }


def counted(shown: Sequence[ShownFace], found: Sequence[Detections]) -> dict[str, float]:
    """Precision and recall by counts: of the faces found in a picture as many are right as there are."""
    known, seen = sum(one.faces for one in shown), sum(map(len, found))
    right = sum(min(one.faces, len(faces)) for one, faces in zip(shown, found, strict=True))
    return {
        "faces": known,
        "found": seen,
        "right": right,
        "precision": right / max(1, seen),
        "recall": right / max(1, known),
    }


@dataclass(frozen=True, slots=True)
class Verification:
    """Pairs of faces of one person and of two: how many there are, how many are taken for one person's,
    and the cosines at their worst.
    """

    same: int
    same_accepted: int
    least_same: float
    different: int
    different_accepted: int
    most_different: float


def verified(shown: Sequence[ShownFace], found: Sequence[Detections], least: float) -> Verification:
    """All pairs of pictures of one known person each, in which one face was found."""
    looks = [
        (one.who, faces.embeddings[0])
        for one, faces in zip(shown, found, strict=True)
        if one.who and len(faces) == 1
    ]
    cosines = [
        (who == other, float(mine @ theirs)) for (who, mine), (other, theirs) in combinations(looks, 2)
    ]
    same, different = (
        np.array([cosine for is_same, cosine in cosines if is_same is kind]) for kind in (True, False)
    )
    return Verification(
        len(same),
        int((same >= least).sum()),
        float(same.min()),
        len(different),
        int((different >= least).sum()),
        float(different.max()),
    )


@dataclass(frozen=True, slots=True)
class FaceDifference:
    """Faces of both and how many are pairs (IoU 0.5), and the worst pair: landmarks apart by a share of
    the box's width, cosines.
    """

    engine: int
    library: int
    pairs: int
    least_iou: float
    most_landmark: float
    least_cosine: float


def difference(engine: Sequence[Detections], library: Sequence[Detections]) -> FaceDifference:
    """Picture by picture, each face of the library with the engine's that overlaps it most; raises
    `ValueError` where none is a pair.
    """
    pairs = []
    for mine, theirs in zip(engine, library, strict=True):
        overlap = iou(theirs.xyxy, mine.xyxy)
        pairs += [
            (mine, int(row.argmax()), theirs, i, float(row.max()))
            for i, row in enumerate(overlap)
            if row.max(initial=0.0) >= 0.5
        ]
    return FaceDifference(
        engine=sum(map(len, engine)),
        library=sum(map(len, library)),
        pairs=len(pairs),
        least_iou=min(share for *_, share in pairs),
        most_landmark=max(
            float(
                np.abs(mine.keypoints[i] - theirs.keypoints[j]).max()
                / (theirs.xyxy[j, 2] - theirs.xyxy[j, 0])
            )
            for mine, i, theirs, j, _ in pairs
        ),
        least_cosine=min(float(mine.embeddings[i] @ theirs.embeddings[j]) for mine, i, theirs, j, _ in pairs),
    )


def loop(*sizes: tuple[int, int]) -> Callable[[Pixels], Detections]:
    """InsightFace as its manual says to use it, at frames of these sizes (width, height), on one thread;
    its faces as ours.
    """
    import onnxruntime
    from insightface.app import FaceAnalysis

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3
    analysis = FaceAnalysis(
        name=PACK, root=str(PACKS), providers=["CPUExecutionProvider"], sess_options=options
    )
    analysis.prepare(ctx_id=-1, det_size=list(sizes), det_thresh=SCRFD.min_confidence)
    return lambda picture: as_detections(analysis.get(picture[:, :, ::-1]), picture)


def as_detections(faces: Sequence[Any], picture: Pixels) -> Detections:
    if not faces:
        return Detections.none()
    points = np.dstack([np.array([face.kps for face in faces], float), np.ones((len(faces), 5, 1))])
    return Detections(
        np.array([face.bbox for face in faces], float),
        np.array([face.det_score for face in faces], float),
        points,
        np.array([face.normed_embedding for face in faces], np.float32),
    ).clipped(*picture.shape[1::-1])


def race(pictures: Sequence[Pixels], rounds: int) -> dict[str, Any]:
    """Processor milliseconds a picture, all warm, in turns."""
    pictures = pictures[: len(pictures) // max(BATCHES) * max(BATCHES)]
    cases: dict[str, Taken] = {
        LIBRARY: partial(spent, loop(ONCE), pictures, len(pictures)),
        LIBRARY_TWICE: partial(spent, loop(TWICE, ONCE), pictures, len(pictures)),
    }
    for batch in BATCHES:
        parts = [list(pictures[first : first + batch]) for first in range(0, len(pictures), batch)]
        cases[f"engine, batch {batch}"] = partial(
            spent, pack_faces(SCRFD, batch=batch).detect, parts, len(pictures)
        )
    for case in cases.values():
        case()
    return {name: times.to_data() for name, times in in_turns(cases, rounds).items()}


def spent(work: Callable[[Any], object], parts: Sequence[Any], pictures: int) -> float:
    """Processor milliseconds a picture of work on all parts."""
    began = time.process_time()
    for part in parts:
        work(part)
    return (time.process_time() - began) * 1000 / pictures


def described(measured: Mapping[str, Any]) -> str:
    """Counts, verification, differences and times."""
    counts = [
        [name, f"{c['found']} of {c['faces']}", f"{c['precision']:.3f}", f"{c['recall']:.3f}"]
        for name, c in measured["counts"].items()
    ]
    times = [
        [about, name, *(f"{ms[which]:.1f}" for which in ("min", "median", "max"))]
        for about, cases in measured["milliseconds"].items()
        for name, ms in cases.items()
    ]
    pairs, apart = measured["verification"], measured["difference"]
    return "\n\n".join(
        [
            f"Pack {measured['pack']} (SCRFD-500M and a MobileFaceNet of 128 numbers); faces are counted by "
            "eye in ten people who talk, one"
            " who leaves, and seven images.",
            table(["detector", "faces found", "precision", "recall"], counts),
            f"Of {pairs['same']} pairs of faces of one person {pairs['same_accepted']} are taken for one "
            "(cosine from"
            f" {pairs['least_same']:.3f}), of {pairs['different']} pairs of two people "
            f"{pairs['different_accepted']} (up to"
            f" {pairs['most_different']:.3f}).",
            f"Against InsightFace at 640 x 640: {apart['pairs']} pairs of {apart['engine']} and "
            f"{apart['library']} faces; boxes overlap by"
            f" IoU {apart['least_iou']:.3f} and more, landmarks lie within "
            f"{100 * apart['most_landmark']:.1f} % of a face's width, cosines"
            f" are {apart['least_cosine']:.3f} and more.",
            table(["one thread, processor milliseconds a picture", "", "min", "median", "max"], times),
        ]
    )
