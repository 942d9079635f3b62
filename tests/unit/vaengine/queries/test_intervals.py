"""The algebra of intervals, by examples that a person can check."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaengine.queries import intervals
from vaengine.queries.language.words import RelationName

SPAN = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: tuple(sorted(pair)))


def holds(
    relation: RelationName,
    first: tuple[float, float],
    second: tuple[float, float],
    within: float | None = None,
) -> bool:
    starts, ends = np.array([second[0]], float), np.array([second[1]], float)
    return bool(intervals.related(relation, *first, starts, ends, within)[0])


@pytest.mark.parametrize(
    ("relation", "first", "second", "within_s", "expected"),
    [
        ("near", (0, 1), (6, 7), 5.0, True),
        ("near", (0, 1), (6.001, 7), 5.0, False),
        ("near", (6, 7), (0, 1), 5.0, True),
        ("near", (0, 5), (3, 4), 0.0, True),
        ("before", (0, 1), (1, 2), 0.0, True),
        ("before", (0, 1), (0.9, 2), 5.0, False),
        ("before", (0, 1), (3, 4), None, True),
        ("after", (3, 4), (0, 1), 2.0, True),
        ("after", (3, 4), (0, 1), 1.9, False),
        ("overlaps", (0, 1), (1, 2), None, False),
        ("overlaps", (0, 1.5), (1, 2), None, True),
        ("overlaps", (1, 1), (1, 2), None, True),  # a point at the beginning
        ("overlaps", (2, 2), (1, 2), None, False),  # and one at the end
        ("during", (1, 2), (0, 2), None, True),
        ("during", (2, 2), (0, 2), None, False),
        ("contains", (0, 2), (1, 2), None, True),
        ("starts", (0, 1), (0, 2), None, True),
        ("starts", (0, 3), (0, 2), None, False),
        ("finishes", (1, 2), (0, 2), None, True),
        ("finishes", (1, 2), (1.5, 2), None, False),
        ("meets", (0, 1), (1, 2), None, True),
        ("meets", (0, 0.999), (1, 2), None, False),
    ],
)
def test_relations_between_two_intervals(
    relation: RelationName,
    first: tuple[float, float],
    second: tuple[float, float],
    within_s: float | None,
    expected: bool,
) -> None:
    assert holds(relation, first, second, within_s) is expected


def test_a_distance_in_decimals_is_reached_whatever_floats_make_of_it() -> None:
    assert 0.7 + 0.1 < 0.8  # this is what floats make of it
    assert holds("near", (0.0, 0.7), (0.8, 1.0), 0.1)


@given(SPAN, SPAN, st.integers(0, 10))
def test_near_is_before_after_or_overlapping(
    first: tuple[int, int], second: tuple[int, int], within_s: int
) -> None:
    either = any(holds(one, first, second, within_s) for one in ("before", "after"))
    assert holds("near", first, second, within_s) == (either or holds("overlaps", first, second))


@given(SPAN, SPAN)
def test_relations_have_their_reverse(first: tuple[int, int], second: tuple[int, int]) -> None:
    assert holds("before", first, second) == holds("after", second, first)
    assert holds("during", first, second) == holds("contains", second, first)
    assert holds("overlaps", first, second) == holds("overlaps", second, first)


@given(st.lists(SPAN, max_size=8), SPAN)
def test_the_union_covers_each_instant_once(others: list[tuple[int, int]], span: tuple[int, int]) -> None:
    starts, ends = np.array([one[0] for one in others], float), np.array([one[1] for one in others], float)
    covered = {n for first, last in others for n in range(first, last)} & set(range(*span))
    assert intervals.covered_s(*span, starts, ends) == len(covered)


def test_the_most_at_one_instant_counts_each_name_once() -> None:
    starts, ends = np.array([0.0, 1.0, 1.0, 5.0]), np.array([2.0, 3.0, 3.0, 6.0])
    names = np.array(["a", "b", "b", "c"], object)
    assert intervals.most_at_once(0.0, starts, ends, names) == 2
