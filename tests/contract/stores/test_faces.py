"""Faces by a pack of InsightFace: those of the library it comes from, and each picture's own whatever its
batch mates.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from onnxruntime import InferenceSession

from actors.faces.attributes import FaceEmbedder, GenderAge, HeadPose, mean_shape
from actors.faces.detector import FaceDetector, face_detector, pack_faces
from actors.faces.model_pack import FacePack, pack_digest
from actors.faces.onnx_session import FaceNetwork
from actors.faces.scrfd import Scrfd
from actors.stages.batching import BatchedDetector
from actors.vision.letterbox import Letterbox
from bench.cases.faces import (
    ONCE,
    PACKS,
    SCRFD,
    ShownFace,
    coming,
    difference,
    images,
    loop,
    talkers,
    verified,
)
from schemas.inference.detections import Detections
from schemas.media.frames import FrameBatch, Pixels
from schemas.settings.settings import FaceSettings, Settings
from tests.support.media.face_packs import describer, detector

pytestmark = pytest.mark.filterwarnings("ignore:`estimate` is deprecated")
shared = pytest.mark.shared
PACK = PACKS / "models" / "test_pack"
FULL = ONCE[0]


@cache
def shown() -> tuple[ShownFace, ...]:
    """Seven images, and some of the pictures of ten talkers and of a face that goes away."""
    return (*images(), *list(talkers())[1::3], *list(coming())[4:12])


@cache
def scrfd() -> FaceDetector:
    return pack_faces(SCRFD)


@cache
def found() -> tuple[Detections, ...]:
    return tuple(scrfd().detect([one.picture])[0] for one in shown())


def portrait(share: float) -> Pixels:
    """640 x 640 pixels of a face whose longer side fills such a share of them."""
    one = next(one.picture for one in images() if one.who == "obama")
    left, top, right, bottom = scrfd().detect([one])[0].xyxy[0]
    scale = FULL * share / max(right - left, bottom - top)
    shift = FULL / 2 - scale * np.array([left + right, top + bottom]) / 2
    return cv2.warpAffine(one, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), (FULL, FULL))


@cache
def library() -> tuple[Detections, ...]:
    get = loop(ONCE)
    return tuple(get(one.picture) for one in shown())


@pytest.mark.long
@shared
def test_in_a_square_frame_all_numbers_are_those_of_the_library() -> None:
    """The library takes the scale of heights for that of widths too, where one is rounded; here each has
    its own.
    """
    pack = FacePack.of(PACK, None)
    square = FaceDetector(
        Scrfd(FaceNetwork(replace(pack.detection, side=FULL), "cpu"), SCRFD),
        FaceEmbedder(FaceNetwork(pack.recognition, "cpu")),
    )
    for one, theirs in zip(shown(), library(), strict=True):
        height, width = one.picture.shape[:2]
        box = Letterbox.cornered(height, width, (FULL, FULL))
        ratio = (box.inner[0] / height) / (box.inner[1] / width)
        (mine,) = square.detect([one.picture])
        expected = theirs.scaled(ratio, 1.0)
        assert len(mine) == len(theirs) == one.faces
        assert mine.xyxy == pytest.approx(expected.xyxy, abs=0.01)
        assert mine.keypoints.ravel() == pytest.approx(expected.keypoints.ravel(), abs=0.01)
        assert mine.confidence == pytest.approx(theirs.confidence, abs=1e-5)
        if ratio == 1.0 and len(mine):
            assert (mine.embeddings * theirs.embeddings).sum(axis=1).min() > 0.9999


@shared
def test_in_a_tight_frame_faces_are_nearly_those_of_the_librarys_square_one() -> None:
    apart = difference(found(), library())
    assert apart.engine == apart.library == apart.pairs == sum(one.faces for one in shown())
    assert apart.least_iou > 0.95
    assert apart.most_landmark < 0.03  # of a face's width
    assert apart.least_cosine > 0.98


@shared
@pytest.mark.parametrize("batch", [1, 4])
def test_batch_mates_and_their_order_change_not_one_bit(batch: int) -> None:
    vision = BatchedDetector(pack_faces(SCRFD, batch=batch))
    talker, leaver = (
        [one.picture for one in shown() if one.about.startswith(name)][:5] for name in ("talkers", "face")
    )
    alone = [vision.detect([as_batch([picture])])[0][0] for picture in talker]
    mixed = vision.detect([as_batch(leaver), as_batch(talker[::-1]), as_batch(leaver[:1])])[1][::-1]
    for one, other in zip(alone, mixed, strict=True):
        assert len(one) == 1
        assert [getattr(one, name).tobytes() for name in Detections.__slots__] == [
            getattr(other, name).tobytes() for name in Detections.__slots__
        ]


def as_batch(pictures: list[Pixels]) -> FrameBatch:
    numbers = np.arange(len(pictures))
    return FrameBatch(numbers, numbers / 2, np.stack(pictures), 1.0, 1.0)


@shared
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2])
def test_a_face_is_found_once_however_much_of_the_picture_it_fills(share: float) -> None:
    (mine,) = scrfd().detect([portrait(share)])
    assert len(mine) == 1
    left, top, right, bottom = mine.xyxy[0]
    assert max(right - left, bottom - top) == pytest.approx(FULL * min(1.0, share), rel=0.1)


@shared
def test_a_portrait_that_the_first_scale_misses_is_still_the_same_person() -> None:
    near, far = scrfd().detect([portrait(0.9)])[0], scrfd().detect([portrait(0.3)])[0]
    assert len(loop(ONCE)(portrait(0.9))) == 0
    assert float(near.embeddings[0] @ far.embeddings[0]) > SCRFD.same_person


@shared
def test_five_faces_are_found_down_to_twelve_pixels_of_the_first_frame() -> None:
    group = next(one.picture for one in images() if one.faces == 5)
    small = cv2.resize(group, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    wide = np.zeros((720, 1280, 3), np.uint8)
    wide[: small.shape[0], : small.shape[1]] = small
    (mine,) = scrfd().detect([wide])
    assert len(mine) == 5
    assert (mine.xyxy[:, 2] - mine.xyxy[:, 0]).min() / 2 < 12


@shared
def test_people_are_told_apart_at_the_settings_cosine() -> None:
    again = list(talkers())[2::3]
    faces = [scrfd().detect([one.picture])[0] for one in again]
    pairs = verified([*shown(), *again], [*found(), *faces], FaceSettings().same_person)
    assert pairs.same_accepted == pairs.same > 15
    assert pairs.different_accepted == 0 < pairs.different
    assert pairs.least_same > pairs.most_different + 0.2


@shared
def test_the_embedded_cascade_finds_the_faces_too_if_not_so_surely() -> None:
    cascade = face_detector(Settings(face=FaceSettings(detector="cascade")))
    counts = [(one.faces, len(cascade.detect([one.picture])[0])) for one in shown()]
    assert sum(min(known, seen) for known, seen in counts) >= 0.9 * sum(known for known, _ in counts)
    assert sum(max(0, seen - known) for known, seen in counts) <= 2


@shared
def test_a_pack_is_settled_on_by_its_digest() -> None:
    told = Settings(
        face=FaceSettings(detector="scrfd", pack=str(PACK), pack_sha256=pack_digest(PACK), device="cpu")
    )
    (mine,) = face_detector(told).detect([shown()[0].picture])
    assert mine.embeddings.tobytes() == found()[0].embeddings.tobytes()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory):
    """A pack of stand-ins for the models whose weights are not here, pictures, and boxes of faces in them."""
    folder = tmp_path_factory.mktemp("pack")
    detector(folder / "det.onnx")
    describer(folder / "genderage.onnx", 96, 3, bias=np.array([0.0, 0.0, 0.4]))
    straight = np.tile(mean_shape("test").ravel() * 0.5, 17)[-3309:]
    describer(
        folder / "1k3d68.onnx", 192, 3309, bias=np.concatenate([np.zeros(3309 - len(straight)), straight])
    )
    random = np.random.default_rng(1)
    pictures = [cv2.resize(random.integers(0, 256, (9, 16, 3), np.uint8), (320, 180)) for _ in range(3)]
    corners = random.uniform(-20, 150, (3, 4, 2))
    boxes = np.concatenate([corners, corners + random.uniform(20, 160, (3, 4, 2))], axis=2)
    return folder, pictures, [Detections(own, np.ones(4)) for own in boxes]


@pytest.mark.parametrize("batch", [1, 5])
def test_age_and_sex_are_those_of_the_library(told, batch: int) -> None:
    from insightface.model_zoo.attribute import Attribute

    folder, pictures, faces = told
    mine = GenderAge(FaceNetwork(FacePack.of(folder, None).gender_age, "cpu", batch=batch)).of(
        pictures, faces
    )
    theirs = [
        (face["age"], face["gender"])
        for face in described_by(Attribute, folder / "genderage.onnx", pictures, faces)
    ]
    assert mine.shape == (12, 2)
    assert np.abs(mine[:, 0] - np.array(theirs)[:, 0]).max() <= 0.51  # the library rounds
    assert mine[:, 1].tolist() == [float(gender) for _, gender in theirs]
    assert len({gender for _, gender in theirs}) == 2


@pytest.mark.parametrize("batch", [1, 5])
def test_head_pose_is_that_of_the_library(told, batch: int) -> None:
    from insightface.model_zoo.landmark import Landmark

    folder, pictures, faces = told
    mine = HeadPose(FaceNetwork(FacePack.of(folder, None).landmarks, "cpu", batch=batch)).of(pictures, faces)
    theirs = np.array(
        [face["pose"] for face in described_by(Landmark, folder / "1k3d68.onnx", pictures, faces)]
    )
    assert mine == pytest.approx(theirs, abs=0.1)  # degrees
    assert np.ptp(theirs, axis=0).min() > 1


def described_by(kind, path, pictures, faces) -> list[dict[str, Any]]:
    from insightface.app.common import Face

    model = kind(
        model_file=str(path), session=InferenceSession(str(path), providers=["CPUExecutionProvider"])
    )
    seen = [
        (picture, Face(bbox=box)) for picture, own in zip(pictures, faces, strict=True) for box in own.xyxy
    ]
    for picture, face in seen:
        model.get(picture[:, :, ::-1].copy(), face)
    return [face for _, face in seen]
