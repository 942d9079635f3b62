"""The bench's scorer counts what it says."""

from __future__ import annotations

from bench.detection import Person, scored

LEFT, RIGHT = (0.0, 0.0, 10.0, 20.0), (50.0, 0.0, 60.0, 20.0)
TRUTH = [Person(frame, who, box) for frame in range(3) for who, box in (("a", LEFT), ("b", RIGHT))]


def test_the_truth_itself_scores_one():
    data = scored(TRUTH, TRUTH).to_data()
    assert data == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "mota": 1.0, "switches": 0}


def test_a_missed_person_costs_recall_and_a_box_that_is_nobody_costs_precision():
    nobody = Person(1, "c", (200.0, 0.0, 210.0, 20.0))
    data = scored(TRUTH, [*TRUTH[:3], nobody]).to_data()
    assert (data["precision"], data["recall"], data["f1"]) == (0.75, 0.5, 0.6)
    assert data["mota"] == 1 - 4 / 6


def test_a_second_box_on_one_person_is_nobody():
    assert scored(TRUTH[:1], [Person(0, "x", LEFT), Person(0, "y", LEFT)]).false == 1


def test_a_box_that_overlaps_by_less_than_half_is_no_hit():
    assert scored(TRUTH[:1], [Person(0, "a", (5.0, 0.0, 15.0, 20.0))]).found == 0


def test_two_people_who_swap_numbers_are_two_switches():
    swapped = [Person(p.frame, {"a": "b", "b": "a"}[p.who] if p.frame == 2 else p.who, p.box) for p in TRUTH]
    assert scored(TRUTH, swapped).switches == 2


def test_nothing_found_scores_zero():
    assert scored(TRUTH, []).to_data() == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "mota": 0.0, "switches": 0}
