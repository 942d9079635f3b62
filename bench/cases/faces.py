"""Benchmark of faces, against known counts and InsightFace's own loop: detection, identity and cost."""

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
from bench.harness.timing import Measurement, in_turns
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
TALKERS_STEP = 25  # frames: one each second
COMING = MEDIA / "video/pyfeat_face_noface.mov"  # of each tenth frame eight have a face, then nine have none
COMING_STEP, COMING_FACES = 10, 8
IMAGES = {  # name -> number of faces, counted by eye
    "biden": 1,
    "biden2": 1,
    "obama": 1,
    "obama2": 1,
    "obama3": 1,
    "obama_and_biden": 3,
    "pyfeat_multi_face": 5,
}
LONGER_PIXELS = FaceSettings().input_pixels
BATCHES = (1, 8)
SCRFD = FaceSettings(detector="scrfd", device="cpu", pack=str(PACKS / "models" / PACK))
TWICE, ONCE = (128, 128), (640, 640)
LIBRARY, LIBRARY_TWICE = "InsightFace, 640 x 640", "InsightFace, 128 x 128 and 640 x 640"


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A picture, H x W x 3 uint8 RGB, with its number of `faces`; `who` names the only person, if known."""

    about: str
    picture: Pixels
    faces: int
    who: str | None = None


def measure(rounds: int) -> dict[str, Any]:
    """Counts, verification, differences to the library, and processor milliseconds a picture.

    Raises FileNotFoundError without the shared folder.
    """
    from actors.faces.cascade import CascadeDetector

    cv2.setNumThreads(1)
    shown = [*talkers(), *coming(), *images()]
    detectors: dict[str, Detector] = {
        "SCRFD": pack_faces(SCRFD),
        "cascade": CascadeDetector(SCRFD.min_confidence),
    }
    found = {
        name: [detector.detect([picture.picture])[0] for picture in shown]
        for name, detector in detectors.items()
    }
    library = loop(ONCE)
    return {
        "pack": PACK,
        "counts": {name: counted(shown, faces) for name, faces in found.items()},
        "verification": asdict(verified(shown, found["SCRFD"], SCRFD.same_person)),
        "difference": asdict(difference(found["SCRFD"], [library(picture.picture) for picture in shown])),
        "milliseconds": {
            about: race([picture.picture for picture in pictures], rounds)
            for about, pictures in by_set(shown).items()
            if about != "images"
        },
    }


def talkers() -> Iterator[ShownFace]:
    """Yield a picture for each second of eleven clips of ten people who talk."""
    people = json.loads(TALKERS_TRUTH.read_text(encoding="utf-8"))["clips"]
    for number, picture in frames(TALKERS, TALKERS_STEP):
        (clip,) = (clip for clip in people if clip["frames"][0] <= number < clip["frames"][1])
        yield ShownFace("talkers, 360 x 288", picture, clip["faces"], clip["person"])


def coming() -> Iterator[ShownFace]:
    """Yield pictures of a face that leaves."""
    for order, (_, picture) in enumerate(frames(COMING, COMING_STEP)):
        yield ShownFace("face and no face, 960 x 540", picture, int(order < COMING_FACES))


def images() -> Iterator[ShownFace]:
    """Yield the images; raises FileNotFoundError."""
    for name, faces in IMAGES.items():
        picture = cv2.imread(str(MEDIA / "images" / f"{name}.jpg"))
        if picture is None:
            raise FileNotFoundError(MEDIA / "images" / f"{name}.jpg")
        yield ShownFace("images", fitted(picture), faces, name.rstrip("0123456789") if faces == 1 else None)


def frames(video: Path, step: int) -> Iterator[tuple[int, Pixels]]:
    """Yield the number and the pixels of every `step`th frame of a video."""
    import av

    with av.open(str(video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % step == 0:
                yield number, fitted(frame.to_ndarray(format="bgr24"))


def fitted(bgr: Pixels) -> Pixels:
    """A picture as RGB, scaled down to the largest side that the pipeline gives to its detector."""
    scale = LONGER_PIXELS / max(bgr.shape)
    if scale < 1:
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(bgr[:, :, ::-1])


def by_set(shown: Sequence[ShownFace]) -> dict[str, list[ShownFace]]:
    """The pictures of each set, by its name."""
    return {
        about: [picture for picture in shown if picture.about == about]
        for about in dict.fromkeys(picture.about for picture in shown)
    }


def counted(shown: Sequence[ShownFace], found: Sequence[Detections]) -> dict[str, float]:
    """Precision and recall by counts: of the faces found in a picture, as many are right as it has faces."""
    known_count, found_count = sum(picture.faces for picture in shown), sum(map(len, found))
    right = sum(min(picture.faces, len(faces)) for picture, faces in zip(shown, found, strict=True))
    return {
        "faces": known_count,
        "found": found_count,
        "right": right,
        "precision": right / max(1, found_count),
        "recall": right / max(1, known_count),
    }


@dataclass(frozen=True, slots=True)
class Verification:
    """Pairs of faces of one person and of two: their numbers, those accepted as one person, worst cosines."""

    same: int
    same_accepted: int
    least_same: float
    different: int
    different_accepted: int
    most_different: float


def verified(shown: Sequence[ShownFace], found: Sequence[Detections], threshold: float) -> Verification:
    """The verification of all pairs of pictures of a known person in which one face was found."""
    embeddings = [
        (picture.who, faces.embeddings[0])
        for picture, faces in zip(shown, found, strict=True)
        if picture.who and len(faces) == 1
    ]
    cosines = [
        (first_who == second_who, float(first @ second))
        for (first_who, first), (second_who, second) in combinations(embeddings, 2)
    ]
    same, different = (
        np.array([cosine for is_same, cosine in cosines if is_same is kind]) for kind in (True, False)
    )
    return Verification(
        len(same),
        int((same >= threshold).sum()),
        float(same.min()),
        len(different),
        int((different >= threshold).sum()),
        float(different.max()),
    )


@dataclass(frozen=True, slots=True)
class FaceDifference:
    """The numbers of faces of both and of pairs (IoU 0.5), and the largest differences of a pair.

    `most_landmark` is the distance of landmarks as a share of the box's width.
    """

    engine: int
    library: int
    pairs: int
    least_iou: float
    most_landmark: float
    least_cosine: float


def difference(engine: Sequence[Detections], library: Sequence[Detections]) -> FaceDifference:
    """Compare each face of the library with the engine's face that overlaps it most in the same picture.

    Raises `ValueError` without any pair.
    """
    pairs = []
    for our_faces, their_faces in zip(engine, library, strict=True):
        overlap = iou(their_faces.xyxy, our_faces.xyxy)
        pairs += [
            (our_faces, int(row.argmax()), their_faces, i, float(row.max()))
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
                np.abs(ours.keypoints[i] - theirs.keypoints[j]).max()
                / (theirs.xyxy[j, 2] - theirs.xyxy[j, 0])
            )
            for ours, i, theirs, j, _ in pairs
        ),
        least_cosine=min(float(ours.embeddings[i] @ theirs.embeddings[j]) for ours, i, theirs, j, _ in pairs),
    )


def loop(*sizes: tuple[int, int]) -> Callable[[Pixels], Detections]:
    """InsightFace as its manual recommends it, at these input sizes (width, height), on one thread.

    The function returns the faces of a picture as `Detections`.
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
    """Faces of InsightFace as the engine's detections, clipped to the picture."""
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
    """The processor milliseconds a picture of the engine and the library, both warm, measured in turns."""
    pictures = pictures[: len(pictures) // max(BATCHES) * max(BATCHES)]
    cases: dict[str, Measurement] = {
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
    """The processor milliseconds a picture of work on all parts."""
    began_s = time.process_time()
    for part in parts:
        work(part)
    return (time.process_time() - began_s) * 1000 / pictures


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables: counts, verification, differences and times."""
    counts = [
        [
            name,
            f"{count['found']} of {count['faces']}",
            f"{count['precision']:.3f}",
            f"{count['recall']:.3f}",
        ]
        for name, count in measured["counts"].items()
    ]
    times = [
        [about, name, *(f"{ms[statistic]:.1f}" for statistic in ("min", "median", "max"))]
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
