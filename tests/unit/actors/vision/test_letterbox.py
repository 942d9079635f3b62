"""A picture's place in a network's input depends on its own size alone, and boxes find their way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.vision.letterbox import BLACK, GREY, Letterbox
from schemas.inference.detections import Detections

sides = st.integers(16, 2000)


@given(sides, sides, st.sampled_from([320, 640, 1280]))
def test_a_tight_frame_is_the_smallest_multiple_of_the_stride(height, width, longer):
    box = Letterbox.tight(height, width, longer, 32)
    assert max(box.inner) == longer
    assert all(
        outer % 32 == 0 and 0 <= outer - inner < 32 for outer, inner in zip(box.outer, box.inner, strict=True)
    )


@given(sides, sides)
def test_a_picture_lies_within_its_frame_and_keeps_its_aspect(height, width):
    box = Letterbox.within(height, width, (640, 640))
    assert box.outer == (640, 640)
    assert 0 <= box.top <= 640 - box.inner[0]
    assert 0 <= box.left <= 640 - box.inner[1]
    assert abs(box.inner[0] / height - box.inner[1] / width) <= 1 / min(height, width)


@given(sides, sides, st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=5))
def test_boxes_and_points_of_the_framed_picture_come_back_to_the_picture(height, width, shares):
    box = Letterbox.tight(height, width, 640, 32)
    corners = np.sort(np.array(shares).reshape(-1, 2, 2), axis=1).reshape(-1, 4) * np.tile([width, height], 2)
    framed = Detections(
        corners, np.ones(len(corners)), np.dstack([corners[:, None, :2], np.ones((len(corners), 1, 1))])
    )
    there = framed.scaled(box.inner[1] / width, box.inner[0] / height).moved(box.left, box.top)
    back = box.undone(there)
    assert back.xyxy == pytest.approx(corners, abs=1e-6 * max(height, width))
    assert back.keypoints[:, 0, :2] == pytest.approx(corners[:, :2], abs=1e-6 * max(height, width))


@given(sides, sides)
def test_a_cornered_picture_is_as_large_as_fits_a_square_and_its_frame_as_small_as_its_stride_allows(
    height, width
):
    square, tight = (Letterbox.cornered(height, width, (640, 640), stride) for stride in (None, 32))
    assert max(square.inner) == 640
    assert (
        square.inner
        == tight.inner
        == (max(1, min(640, 640 * height // width)), max(1, min(640, 640 * width // height)))
    )
    assert (square.top, square.left, square.outer) == (0, 0, (640, 640))
    assert all(
        outer % 32 == 0 and 0 <= outer - inner < 32
        for outer, inner in zip(tight.outer, tight.inner, strict=True)
    )


def test_around_a_cornered_picture_it_is_black():
    framed = Letterbox.cornered(350, 640, (640, 640), 32).placed(np.full((350, 640, 3), 200, np.uint8))
    assert framed.shape == (352, 640, 3)
    assert (framed[350:] == BLACK).all()
    assert (framed[:350] == 200).all()


def test_what_lies_beyond_the_picture_is_cut_off():
    box = Letterbox.tight(360, 640, 640, 32)
    found = box.undone(Detections(np.array([[-5.0, 0.0, 700.0, 384.0]]), np.ones(1)))
    assert found.xyxy.tolist() == [[0.0, 0.0, 640.0, 360.0]]


def test_the_rest_of_a_frame_is_grey():
    framed = Letterbox.tight(360, 640, 640, 32).placed(np.zeros((360, 640, 3), np.uint8))
    assert framed.shape == (384, 640, 3)
    assert (framed[:12] == GREY).all()
    assert (framed[372:] == GREY).all()
    assert not framed[12:372].any()


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match="360 x 640"):
        Letterbox.tight(360, 640, 640, 32).placed(np.zeros((10, 10, 3), np.uint8))
