"""From a detector's numbers to faces: each in its own picture, each only once, large ones at a scale of
their own.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from actors.faces.alignment import alignments, centrings, crops
from actors.faces.model_pack import FaceModel, FacePack
from actors.faces.onnx_session import FaceNetwork
from actors.faces.scrfd import LARGE_FACE_PIXELS, SMALL_SIDE, STRIDES, Scrfd, at_least, candidates
from schemas.inference.detections import Detections
from schemas.settings.settings import FaceSettings
from tests.support.media.face_packs import HALF, detector, scene

ANCHORS = 2


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> FaceModel:
    folder = tmp_path_factory.mktemp("pack")
    detector(folder / "det.onnx")
    return FacePack.of(folder, None).detection


def scrfd(model: FaceModel, **face) -> Scrfd:
    return Scrfd(FaceNetwork(model, "cpu"), FaceSettings(detector="scrfd", **face))


def silent(pictures: int, height: int, width: int) -> list[np.ndarray]:
    """Outputs of a network that sees nothing."""
    places = [pictures * (height // stride) * (width // stride) * ANCHORS for stride in STRIDES[3]]
    return [np.zeros((rows, numbers), np.float32) for numbers in (1, 4, 10) for rows in places]


@given(st.data())
def test_a_place_that_scores_is_a_face_around_it_in_its_own_picture(data):
    pictures, height, width = data.draw(st.integers(1, 4)), 96, 160
    level = data.draw(st.integers(0, 2))
    stride = STRIDES[3][level]
    picture, row, column, anchor = (
        data.draw(st.integers(0, most - 1)) for most in (pictures, height // stride, width // stride, ANCHORS)
    )
    reach = data.draw(st.lists(st.floats(0.5, 10, width=16), min_size=4, max_size=4))
    outputs = silent(pictures, height, width)
    place = ((picture * (height // stride) + row) * (width // stride) + column) * ANCHORS + anchor
    outputs[level][place] = 0.75
    outputs[3 + level][place] = reach
    outputs[6 + level][place] = np.arange(10)
    found = candidates(outputs, pictures, (height, width), 0.5)
    assert [len(faces) for faces in found] == [int(number == picture) for number in range(pictures)]
    x, y = column * stride, row * stride
    left, top, right, bottom = (part * stride for part in reach)
    assert found[picture].xyxy.tolist() == [[x - left, y - top, x + right, y + bottom]]
    assert found[picture].confidence.tolist() == [0.75]
    assert found[picture].keypoints.tolist() == [
        [[x + 2 * i * stride, y + (2 * i + 1) * stride, 1.0] for i in range(5)]
    ]


def test_a_box_turned_inside_out_is_no_face():
    outputs = silent(1, 64, 64)
    outputs[0][:3] = 0.9
    outputs[3][:3] = [[1, 1, 1, 1], [-1, 1, -1, 1], [0, 0, 0, 0]]
    assert candidates(outputs, 1, (64, 64), 0.5)[0].xyxy.tolist() == [[-8.0, -8.0, 8.0, 8.0]]


def test_a_face_is_found_where_it_is(model):
    (found,) = scrfd(model).faces([scene(360, 640, (320, 160, 32))])
    assert found.xyxy.tolist() == [[320 - 32 * HALF, 160 - 32 * HALF, 320 + 32 * HALF, 160 + 32 * HALF]]
    assert found.keypoints.tolist() == [[[288, 160, 1]] + [[320, 160, 1]] * 4]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=2, max_size=6))
def test_what_is_found_in_a_picture_is_the_same_bit_for_bit_whatever_shares_its_batch(model, corners):
    finder = scrfd(model)
    shown = [scene(360, 640, (64 * left, 64 * top, 32), (8 * left, 8 * top, 8)) for left, top in corners]
    alone = [finder.faces([picture])[0] for picture in shown]
    together = finder.faces(shown)
    assert [one.xyxy.tobytes() + one.confidence.tobytes() for one in together] == [
        one.xyxy.tobytes() + one.confidence.tobytes() for one in alone
    ]


def test_a_face_too_large_for_the_first_scale_is_found_at_the_second(model):
    shown = scene(640, 640)
    shown[160:320, 320:480, 2] = 255  # one place of the second scale
    least, most = 32 * 2 * HALF, 32 * 2 * HALF * 640 / SMALL_SIDE
    (found,) = scrfd(model).faces([shown])
    assert (found.xyxy[:, 2] - found.xyxy[:, 0]).tolist() == [*[least] * (len(found) - 1), most]
    assert found.xyxy[-1].tolist() == [0, -160, 640, 480]


def test_the_second_scale_adds_large_faces_only(model):
    shown = scene(640, 640, (320, 64, 32))
    shown[320:360, 320:360, 0] = 255  # one place of the second scale, too small to count there
    (found,) = scrfd(model, nms_iou=1.0).faces([shown])
    sides = (found.xyxy[:, 2:] - found.xyxy[:, :2]).max(axis=1)
    assert set(sides) == {8 * 2 * HALF, 32 * 2 * HALF}
    assert LARGE_FACE_PIXELS > 40 * 2 * HALF


def test_the_second_scale_displaces_no_face_of_the_first(model):
    finder = scrfd(model)
    weak = Detections(np.array([[0.0, 0, 300, 300]]), np.array([0.5]), np.zeros((1, 5, 3)))
    strong = Detections(
        np.array([[0.0, 0, 310, 310], [400, 400, 700, 700]]), np.array([0.9, 0.6]), np.ones((2, 5, 3))
    )
    assert finder._suppressed(weak, strong).confidence.tolist() == [0.5, 0.6]


def test_large_means_so_many_pixels_of_the_longer_side():
    boxes = np.array([[0.0, 0, 10, 99], [0, 0, 100, 5], [0, 0, 99, 99]])
    assert at_least(Detections(boxes, np.ones(3)), 100.0).xyxy.tolist() == [[0, 0, 100, 5]]
    assert len(at_least(Detections.none(), 1.0)) == 0


def test_a_model_of_one_size_is_given_square_frames_at_one_scale(tmp_path):
    detector(tmp_path / "det.onnx", side=320)
    finder = scrfd(FacePack.of(tmp_path, None).detection)
    assert finder.bucket(360, 640) == (320, 320)
    shown = scene(360, 640)
    shown[128:192, 320:384, 2] = 255  # one place, since the picture is halved
    (found,) = finder.faces([shown])
    assert found.xyxy.tolist() == [[320 - 64 * HALF, 128 - 64 * HALF, 320 + 64 * HALF, 128 + 64 * HALF]]


def test_a_batch_too_large_for_the_device_is_tried_in_halves(model, monkeypatch):
    network = FaceNetwork(model, "cpu", batch=4)
    finder, whole = Scrfd(network, FaceSettings(detector="scrfd")), network.outputs
    shown = [scene(360, 640, (64 * i, 64, 32)) for i in range(4)]
    expected = finder.faces(shown)
    seen: list[int] = []

    def cramped(tensor):
        seen.append(len(tensor))
        if len(tensor) > 1:
            raise MemoryError
        return whole(tensor)

    monkeypatch.setattr(network, "outputs", cramped)
    assert [one.xyxy.tolist() for one in finder.faces(shown)] == [one.xyxy.tolist() for one in expected]
    assert seen[:3] == [4, 2, 1]


@given(
    st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), min_size=5, max_size=5, unique=True),
    st.sampled_from([112, 128, 224]),
)
@pytest.mark.filterwarnings("ignore:`estimate` is deprecated")
def test_a_face_is_aligned_as_insightface_aligns_it(points, side):
    from insightface.utils.face_align import estimate_norm

    given_points = np.array(points)
    assume(np.linalg.norm(given_points - given_points.mean(0), axis=1).max() >= 1)
    expected = estimate_norm(given_points.astype(np.float32), side)
    assert alignments(given_points[None], side)[0] == pytest.approx(
        expected, rel=1e-3, abs=1e-3 * max(1.0, np.abs(expected).max())
    )


def test_points_that_are_one_leave_a_crop_without_a_number_out_of_place():
    assert np.isfinite(alignments(np.full((2, 5, 2), 7.0), 112)).all()


@given(st.floats(0, 400), st.floats(0, 400), st.floats(1, 300), st.floats(1, 300), st.sampled_from([96, 192]))
def test_a_centred_crop_is_half_as_wide_again_as_the_longer_side_of_the_box(left, top, width, height, side):
    ((scale, _, x), (_, same, y)) = centrings(np.array([[left, top, left + width, top + height]]), side)[0]
    assert scale == same == pytest.approx(side / max(width, height) / 1.5)
    assert (scale * (left + width / 2) + x, scale * (top + height / 2) + y) == pytest.approx(
        (side / 2, side / 2)
    )


def test_a_crop_beyond_the_picture_is_black_there():
    (crop,) = crops(np.full((100, 100, 3), 255, np.uint8), centrings(np.array([[-50.0, 0, 50, 100]]), 96), 96)
    assert not crop[:, :40].any()
    assert (crop[48, 60:75] == 255).all()
