"""The embedded face detector finds faces that look ahead, and says the same of a picture every time."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from actors.faces.cascade import MAX_LONGER_PIXELS, WINDOW_PIXELS, CascadeDetector
from actors.faces.detector import face_detector
from schemas.settings.layers import configured, layer
from vaengine.model_selection.presets import overlay


@pytest.fixture(scope="module")
def group():
    """A picture of six faces that comes with insightface, H x W x 3 uint8 RGB."""
    package = find_spec("insightface")
    picture = cv2.imread(str(Path(package.origin).parent / "data" / "images" / "t1.jpg"))
    return np.ascontiguousarray(picture[:, :, ::-1])


@pytest.fixture(scope="module")
def cascade():
    return CascadeDetector(0.5)


def test_it_is_what_the_embedded_preset_uses():
    assert isinstance(
        face_detector(configured(layer("embedded", overlay("embedded"))).settings), CascadeDetector
    )


def test_faces_of_a_group_are_found_each_once_and_nothing_else(cascade, group):
    (found,) = cascade.detect([group])
    assert 3 <= len(found) <= 6
    middles = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    assert ((middles[:, 1] > 250) & (middles[:, 1] < 450)).all()  # where all heads are
    assert (np.diff(np.sort(middles[:, 0])) > 100).all()  # and so far apart
    assert ((found.confidence >= 0.5) & (found.confidence <= 1)).all()
    assert (np.diff(found.confidence) <= 0).all()
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= np.tile(group.shape[1::-1], 2)).all()


def test_it_tells_neither_points_nor_looks_nor_traits(cascade, group):
    (found,) = cascade.detect([group])
    assert found.keypoints.shape[1] == found.embeddings.shape[1] == found.traits.shape[1] == 0


def test_boxes_are_in_pixels_of_a_picture_that_was_made_smaller(cascade, group):
    large = cv2.resize(group, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    assert max(group.shape) > MAX_LONGER_PIXELS
    (small,), (found,) = cascade.detect([group]), cascade.detect([large])
    assert len(small) == len(found) >= 3
    assert all(np.abs(found.xyxy / 2 - box).max(axis=1).min() < 20 for box in small.xyxy)


def test_a_picture_says_the_same_alone_and_among_others(cascade, group):
    blank = np.zeros_like(group)
    (alone,) = cascade.detect([group])
    _, among, again = cascade.detect([blank, group, group])
    assert alone.xyxy.tobytes() == among.xyxy.tobytes() == again.xyxy.tobytes()
    assert alone.confidence.tobytes() == among.confidence.tobytes() == again.confidence.tobytes()


def test_fewer_faces_are_sure_enough_the_more_is_asked(group):
    counts = [len(CascadeDetector(least).detect([group])[0]) for least in (0.0, 0.5, 0.95, 1.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


@pytest.mark.parametrize(
    "size",
    [
        (1, 1),
        (1, 2000),
        (2000, 1),
        (WINDOW_PIXELS - 1, WINDOW_PIXELS - 1),
        (WINDOW_PIXELS, WINDOW_PIXELS),
        (24, 640),
        (2000, 30),
    ],
)
def test_pictures_that_hold_no_face_are_no_trouble(cascade, size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert [len(found) for found in cascade.detect([noise, np.full_like(noise, 128)])] == [0, 0]
