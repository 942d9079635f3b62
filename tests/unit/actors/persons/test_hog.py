"""The embedded person detector finds upright people, and says the same of a picture every time."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.persons.hog import HogDetector
from actors.vision.boxes import iou
from tests.support.media import clips


@pytest.fixture(scope="module")
def hog():
    return HogDetector(batch_size=2)


@pytest.fixture(scope="module")
def walk(clip_folder):
    """A clip of one walking person, and five of its pictures with the true box."""
    clip = clips.with_persons(clip_folder)
    with av.open(str(clip.path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [(pictures[n], np.array([clip.persons[0][n].xyxy], float)) for n in range(0, clip.frame_count, 10)]


def test_a_walking_person_is_found_with_the_right_box_in_most_pictures(hog, walk):
    best = [iou(hog.detect(picture[None])[0].xyxy, true).max(initial=0.0) for picture, true in walk]
    assert sum(overlap >= 0.5 for overlap in best) >= 4


def test_boxes_lie_in_the_picture_strongest_first_with_confidence_in_0_to_1(hog, walk):
    for picture, _ in walk:
        boxes = hog.detect(picture[None])[0]
        assert (boxes.xyxy >= 0).all()
        assert (boxes.xyxy <= [480, 360, 480, 360]).all()
        assert (np.diff(boxes.confidence) <= 0).all()
        assert ((boxes.confidence > 0) & (boxes.confidence < 1)).all()


def test_no_two_boxes_are_one_person(hog, walk):
    for picture, _ in walk:
        boxes = hog.detect(picture[None])[0].xyxy
        assert (np.triu(iou(boxes, boxes), 1) < 0.5).all()


def test_nobody_is_in_an_empty_picture(hog):
    assert len(hog.detect(np.full((1, 360, 640, 3), 90, np.uint8))[0]) == 0


@pytest.mark.parametrize(
    "size", [(8, 8), (1, 640), (640, 1), (30, 500), (500, 30), (62, 640), (66, 640), (640, 31), (640, 33)]
)
def test_a_picture_of_any_size_has_an_answer(hog, size):
    noise = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
    boxes = hog.detect(noise)[0]
    assert (boxes.xyxy <= [size[1], size[0], size[1], size[0]]).all()
    assert np.isfinite(boxes.confidence).all()


def test_weak_boxes_are_left_out_below_the_least_confidence(hog, walk):
    everything = hog.detect(walk[0][0][None])[0]
    strong = HogDetector(min_confidence=0.5).detect(walk[0][0][None])[0]
    assert strong.confidence.tolist() == [value for value in everything.confidence if value >= 0.5]
    assert len(strong) < len(everything)


def test_what_it_says_of_a_picture_does_not_depend_on_the_pictures_around_it(hog, walk):
    first, second = walk[0][0], walk[2][0]
    alone = [hog.detect(picture[None])[0] for picture in (first, second, second)]
    together = hog.detect(np.stack([first, second, second]))
    for one, other in zip(alone, together, strict=True):
        assert one.xyxy.tobytes() == other.xyxy.tobytes()
        assert one.confidence.tobytes() == other.confidence.tobytes()


BOXES = st.lists(st.tuples(*[st.integers(0, 20)] * 4), min_size=1, max_size=4).map(
    lambda rows: np.array(
        [[left, top, left + width, top + height] for left, top, width, height in rows], float
    )
)


@given(BOXES, BOXES)
def test_overlap_is_symmetric_between_0_and_1_and_1_for_a_box_with_itself(left, right):
    assert (iou(left, right) == iou(right, left).T).all()
    assert ((iou(left, right) >= 0) & (iou(left, right) <= 1)).all()
    solid = (left[:, 2:] > left[:, :2]).all(axis=1)
    assert (np.diag(iou(left, left)) == solid).all()
