from __future__ import annotations

import math

import numpy as np
import pytest

from schemas.annotations.annotation import PERSON_DETECTION, Annotation, BBox
from schemas.pipelines import PERSON
from vaengine.comparing.boxes import Seen, agreement, boxes_at, iou_matrix


def seen(who: str, left: float, top: float = 0.0, size: float = 10.0) -> Seen:
    return Seen(who, (left, top, left + size, top + size))


def row(frame: int, x: float, who: str | None = "person_0001", segment: int = 0) -> Annotation:
    attributes = {"segment": segment} if segment else {}
    place = PERSON_DETECTION, frame / 25, None, frame
    return Annotation(
        f"{frame}", "v", PERSON, "c", *place, who, bbox=BBox(x, 0.0, 10.0, 10.0), attributes=attributes
    )


def test_boxes_that_are_the_same_agree_wholly() -> None:
    frames = {frame: [seen("a", frame), seen("b", 100 + frame)] for frame in range(5)}
    found = agreement(frames, frames, 0.5)
    assert (found.precision, found.recall, found.f1, found.mean_iou) == (1.0, 1.0, 1.0, 1.0)
    assert (found.hota, found.det_a, found.ass_a) == pytest.approx((1.0, 1.0, 1.0))


def test_overlap_is_intersection_over_union() -> None:
    # Half of each box: 50 of 150. A touch is none.
    matrix = iou_matrix([seen("a", 0)], [seen("b", 5), seen("c", 10)])
    np.testing.assert_allclose(matrix, [[1 / 3, 0.0]])


def test_as_many_pairs_as_possible_are_matched() -> None:
    # The best single pair (A1 with B2) would leave A2 alone.
    truth = [seen("a", 0), seen("b", 4)]
    found = [seen("x", -3), seen("y", 1)]
    assert agreement({0: truth}, {0: found}, 0.5).matched == 2


def test_precision_and_recall_count_boxes_that_the_other_side_lacks() -> None:
    truth = {0: [seen("a", 0)], 1: [seen("a", 0)], 2: [seen("a", 0)], 3: [seen("a", 0)]}
    found = {0: [seen("x", 0)], 1: [seen("x", 50), seen("y", 0)]}
    result = agreement(truth, found, 0.5)
    assert (result.matched, result.precision, result.recall) == (2, 2 / 3, 2 / 4)


def test_a_track_that_is_cut_in_half_has_half_of_the_association() -> None:
    # By the paper: DetA is 1; of each box 2 of 4 pairs of the truth are associated, so AssA is 1/2.
    truth = {frame: [seen("a", 0)] for frame in range(4)}
    found = {frame: [seen("x" if frame < 2 else "y", 0)] for frame in range(4)}
    result = agreement(truth, found, 0.5)
    assert (result.det_a, result.ass_a) == pytest.approx((1.0, 0.5))
    assert result.hota == pytest.approx(math.sqrt(0.5))


def test_boxes_without_tracks_have_no_track_agreement() -> None:
    frames = {0: [seen("", 0)]}
    result = agreement(frames, frames, 0.5)
    assert (result.precision, result.hota) == (1.0, None)


def test_nothing_to_compare_has_no_shares() -> None:
    result = agreement({}, {}, 0.5)
    assert (result.precision, result.recall, result.f1, result.hota) == (None, None, None, None)


def test_boxes_between_two_of_a_segment_are_computed_and_none_between_segments() -> None:
    rows = [row(0, 0.0), row(10, 20.0), row(20, 20.0, segment=1), row(30, 20.0, segment=1)]
    found = boxes_at(rows, "person_id", [0, 5, 10, 15, 25, 40])
    assert {frame: [one.corners[0] for one in boxes] for frame, boxes in found.items()} == {
        0: [0.0],
        5: [10.0],
        10: [20.0],
        15: [],
        25: [20.0],
        40: [],
    }


def test_boxes_in_no_track_stay_in_their_frame() -> None:
    found = boxes_at([row(0, 0.0, None), row(10, 20.0, None)], "person_id", [0, 5, 10])
    assert [len(found[frame]) for frame in (0, 5, 10)] == [1, 0, 1]


def test_hota_is_what_the_paper_says_of_a_miss_a_false_box_and_a_change_of_identity() -> None:
    # By hand, equations 7, 9 and 17 of Luiten et al.: 3 true boxes, 1 missed, 1 false, so DetA is 3/5. The
    # first two have 2 pairs of one identity and 2 of the truth more: 2/4 each; the third 1, 3 and 1: 1/5.
    truth = {frame: [seen("a", 0)] for frame in range(4)}
    found = {0: [seen("x", 0)], 1: [seen("x", 0)], 2: [seen("y", 0)], 3: [seen("y", 500)]}
    result = agreement(truth, found, 0.5)
    assert result.det_a == pytest.approx(3 / 5)
    assert result.ass_a == pytest.approx((2 / 4 + 2 / 4 + 1 / 5) / 3)
    assert result.hota == pytest.approx(math.sqrt(0.6 * 0.4))


def test_hota_counts_the_overlaps_at_which_boxes_are_still_the_same() -> None:
    # Boxes that overlap by a third are one at 0.05 to 0.30: at 6 of the 19 overlaps.
    truth = {frame: [seen("a", 0)] for frame in range(3)}
    found = {frame: [seen("x", 5)] for frame in range(3)}
    result = agreement(truth, found, 0.5)
    assert (result.hota, result.det_a, result.ass_a) == pytest.approx((6 / 19,) * 3)
