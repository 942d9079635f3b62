"""From a network's output only sure people remain, each once, and each with what belongs to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.persons.yolo_output import OutputLayout, Thresholds, kept, people
from actors.vision.boxes import iou
from schemas.errors import UnsuitableWeights

LIMITS = Thresholds(min_confidence=0.1, nms_iou=0.7, max_boxes=300)
TWO = OutputLayout(classes=2, person=0)
POSE = OutputLayout(classes=1, person=0, keypoints=17)


def output(*pictures, layout=TWO):
    """Pictures as lists of (centre x, centre y, width, height, scores..., points...); the rest of the
    places is empty.
    """
    channels = 4 + layout.classes + 3 * layout.keypoints
    raw = np.zeros((len(pictures), channels, max(1, *(len(places) for places in pictures))), np.float32)
    for number, places in enumerate(pictures):
        for at, place in enumerate(places):
            raw[number, : len(place), at] = place
    return raw


def test_a_place_is_a_person_only_where_that_is_its_best_class():
    raw = output([(50, 50, 20, 40, 0.6, 0.2), (150, 50, 20, 40, 0.6, 0.7)])
    (found,) = people(raw, None, TWO, LIMITS)
    assert found.xyxy.tolist() == [[40.0, 30.0, 60.0, 70.0]]
    assert found.confidence == pytest.approx([0.6])


def test_the_least_confidence_is_not_enough_by_itself():
    (found,) = people(
        output([(50, 50, 20, 40, np.float32(0.1), 0)]),
        None,
        TWO,
        Thresholds(float(np.float32(0.1)), 0.7, 300),
    )
    assert len(found) == 0


def test_boxes_of_different_pictures_never_drop_each_other():
    found = people(output([(50, 50, 20, 40, 0.6, 0)], [(50, 50, 20, 40, 0.5, 0)], []), None, TWO, LIMITS)
    assert [len(one) for one in found] == [1, 1, 0]


def test_of_two_boxes_of_one_person_the_surer_remains_with_its_own_looks():
    raw = output([(50, 50, 20, 40, 0.5, 0), (51, 50, 20, 40, 0.9, 0)])
    looks = np.array([[[1.0, 2.0], [3.0, 4.0]]], np.float32)
    (found,) = people(raw, looks, TWO, LIMITS)
    assert found.confidence == pytest.approx([0.9])
    assert found.embeddings.tolist() == [[3.0, 4.0]]


def test_at_most_so_many_boxes_are_kept_the_surest_first():
    raw = output([(100 * i, 50, 20, 40, 0.2 + 0.1 * i, 0) for i in range(1, 6)])
    (found,) = people(raw, None, TWO, Thresholds(0.1, 0.7, 2))
    assert found.confidence == pytest.approx([0.7, 0.6])


def test_key_points_stay_with_their_box():
    points = np.arange(51) / 10
    (found,) = people(output([(50, 50, 20, 40, 0.9, *points)], layout=POSE), None, POSE, LIMITS)
    assert found.keypoints[0] == pytest.approx(points.reshape(17, 3), abs=1e-6)


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 4), max_size=30), st.sampled_from([0.3, 0.5, 0.7]))
def test_no_kept_box_overlaps_a_stronger_kept_one_and_each_dropped_one_does(corners, overlap):
    boxes = np.array(
        [(left, top, left + 1 + width, top + 1 + height) for left, top, width, height in corners], float
    ).reshape(-1, 4)
    chosen = kept(boxes, overlap).tolist()
    shared = iou(boxes, boxes)
    assert all(shared[a, b] <= overlap for a in chosen for b in chosen if a < b)
    assert all(
        any(shared[a, b] > overlap for a in chosen if a < b) for b in range(len(boxes)) if b not in chosen
    )


def test_the_person_is_found_by_name_wherever_it_is_among_the_classes():
    assert OutputLayout.of("m.onnx", {"names": "{0: 'car', 1: 'person'}", "stride": "32"}).person == 1
    assert OutputLayout.of("m.onnx", {"names": {0: "mouse"}}).person == 0


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({}, "what its classes are"),
        ({"names": {0: "car", 1: "bus"}}, "none of its 2 classes"),
        ({"names": {0: "person"}, "kpt_shape": "[17, 2]"}, "have no scores"),
    ],
)
def test_a_network_that_cannot_find_people_is_refused_with_the_reason(metadata, why):
    with pytest.raises(UnsuitableWeights, match=why):
        OutputLayout.of("m.onnx", metadata)


def test_an_output_of_another_width_is_refused():
    with pytest.raises(UnsuitableWeights, match="116 channels"):
        OutputLayout(classes=80, person=0).checked("seg.onnx", 116)
