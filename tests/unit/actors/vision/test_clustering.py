"""Grouping of vectors: the method's definition, what must stay apart, order, size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.vision import clustering
from actors.vision.clustering import grouped
from schemas.media.frames import Floats, Ints

SEEDS = st.integers(0, 10**6)


def directions(
    count: int, persons: int, seed: int, *, width: int = 16, spread: float = 0.6
) -> tuple[Floats, Ints]:
    """Unit vectors about the directions of some persons, and whose each is."""
    order = np.random.default_rng(seed)
    means = order.normal(size=(persons, width))
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    whose = order.integers(0, persons, count)
    rows = means[whose] + order.normal(size=(count, width)) * spread / np.sqrt(width)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), whose


def by_definition(rows: Floats, least: float, weights: Floats, apart: Sequence[tuple[int, int]]) -> Ints:
    """Average linkage as a textbook writes it: all pairs of all groups, again and again."""
    groups = [[row] for row in range(len(rows))]
    forbidden = {frozenset(pair) for pair in apart}

    def average(one: list[int], other: list[int]) -> float:
        if any(frozenset((a, b)) in forbidden for a in one for b in other):
            return -np.inf
        return float(
            np.average(
                [rows[a] @ rows[b] for a in one for b in other],
                weights=[weights[a] * weights[b] for a in one for b in other],
            )
        )

    while len(groups) > 1:
        a, b = max(
            combinations(range(len(groups)), 2), key=lambda pair: average(groups[pair[0]], groups[pair[1]])
        )
        if average(groups[a], groups[b]) < least:
            break
        groups[a] += groups.pop(b)
    labels = np.zeros(len(rows), np.int64)
    for label, group in enumerate(sorted(groups, key=min)):
        labels[group] = label
    return labels


def some_pairs(count: int, seed: int) -> list[tuple[int, int]]:
    order = np.random.default_rng(seed)
    return [(int(a), int(b)) for a, b in order.integers(0, count, (count, 2)) if a != b]


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(2, 14),
    persons=st.integers(1, 5),
    seed=SEEDS,
    least=st.floats(-1, 1),
    keep=st.booleans(),
)
def test_groups_are_those_of_average_linkage_by_its_definition(
    count: int, persons: int, seed: int, least: float, keep: bool
) -> None:
    rows, _ = directions(count, persons, seed)
    weights = np.random.default_rng(seed).uniform(0.2, 5, count)
    apart = some_pairs(count, seed) if keep else []
    assert (
        grouped(rows, least=least, weights=weights, apart=apart).tolist()
        == by_definition(rows, least, weights, apart).tolist()
    )


@settings(max_examples=30, deadline=None)
@given(count=st.integers(2, 80), persons=st.integers(1, 8), seed=SEEDS)
def test_the_order_of_the_vectors_changes_nothing_but_the_numbers(
    count: int, persons: int, seed: int
) -> None:
    rows, _ = directions(count, persons, seed)
    apart = some_pairs(count, seed)[:10]
    moved = np.random.default_rng(seed).permutation(count)
    places = np.argsort(moved)
    labels = grouped(rows, least=0.5, apart=apart)
    again = grouped(rows[moved], least=0.5, apart=[(int(places[a]), int(places[b])) for a, b in apart])[
        places
    ]
    assert (np.equal.outer(labels, labels) == np.equal.outer(again, again)).all()


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 60), seed=SEEDS, least=st.floats(-1, 1), block=st.sampled_from([5, 17, 2048]))
def test_what_must_stay_apart_stays_apart_and_numbers_count_first_appearances(
    count: int, seed: int, least: float, block: int
) -> None:
    rows, _ = directions(count, 3, seed)
    apart = some_pairs(count, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "BLOCK_VECTORS", block)
        labels = grouped(rows, least=least, apart=apart)
    assert all(labels[a] != labels[b] for a, b in apart)
    firsts = [int(label) for label in dict.fromkeys(labels.tolist())]
    assert firsts == list(range(len(firsts)))
    assert labels.dtype == np.int64


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 120), persons=st.integers(1, 6), seed=SEEDS, block=st.integers(1, 30))
def test_persons_that_are_well_apart_are_told_apart_in_blocks_of_any_size(
    count: int, persons: int, seed: int, block: int
) -> None:
    rows, whose = directions(count, persons, seed, width=64, spread=0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "BLOCK_VECTORS", block)
        labels = grouped(rows, least=0.65)
    assert (np.equal.outer(labels, labels) == np.equal.outer(whose, whose)).all()


def test_a_vector_of_weight_three_counts_like_three_of_it() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [np.sqrt(0.5), np.sqrt(0.5)]])
    assert grouped(rows.astype(np.float32), least=0.7).tolist() == [0, 1, 0]
    thrice, once = rows[[0, 0, 0, 2, 1]], rows[[0, 2, 1]]
    for least in (0.1, 0.17, 0.2):
        assert (
            grouped(once, least=least, weights=[3, 1, 1])[[0, 0, 0, 1, 2]].tolist()
            == grouped(thrice, least=least).tolist()
        )


def test_equal_vectors_are_one_group_unless_kept_apart() -> None:
    rows = np.tile(np.array([[0.6, 0.8]], np.float32), (6, 1))
    assert grouped(rows, least=0.99).tolist() == [0] * 6
    assert grouped(rows, least=0.99, apart=[(0, 1), (0, 2), (1, 2)]).tolist()[:3] == [0, 1, 2]


def test_below_the_least_likeness_everybody_is_somebody_else() -> None:
    rows, _ = directions(3, 1, 0)
    assert grouped(rows, least=0.999).tolist() == [0, 1, 2]


def test_a_mean_of_many_counts_for_as_many() -> None:
    lone, crowd = np.array([1, 0, 0], np.float32), np.array([0.8, 0.6, 0], np.float32)
    between = np.array([0.95, 0.3122499, 0], np.float32)
    assert grouped([lone, crowd, between], least=0.92, weights=np.array([1.0, 50.0, 1.0])).tolist() == [
        0,
        1,
        0,
    ]


def test_nothing_gives_no_group_and_one_gives_one() -> None:
    assert grouped(np.zeros((0, 0), np.float32), least=0.5).tolist() == []
    assert grouped(np.ones((1, 1), np.float32), least=0.5).tolist() == [0]


def test_the_same_vectors_give_the_same_groups_again() -> None:
    rows, _ = directions(500, 40, 3)
    assert (grouped(rows, least=0.4) == grouped(rows.copy(), least=0.4)).all()


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        (np.ones(3), {}, "N x D"),
        (np.array([[np.nan]]), {}, "finite"),
        (np.ones((2, 1)), {"weights": [1.0]}, "N weights"),
        (np.ones((2, 1)), {"weights": [1.0, 0.0]}, "above 0"),
        (np.ones((2, 1)), {"apart": [(0, 2)]}, "two different rows of 2"),
        (np.ones((2, 1)), {"apart": [(1, 1)]}, "two different rows of 2"),
    ],
)
def test_what_cannot_be_grouped_is_refused(rows: Floats, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        grouped(rows, least=0.5, **options)


@pytest.mark.parametrize(
    ("count", "persons", "seconds"),
    [(1000, 60, 2), (1000, 900, 2), (2 * clustering.BLOCK_VECTORS + 5, 3000, 20)],
)
def test_many_faces_end_in_time_whether_they_are_few_persons_or_many(
    count: int, persons: int, seconds: float
) -> None:
    rows, whose = directions(count, persons, 5, width=256, spread=0.3)
    begun = time.process_time()
    labels = grouped(rows, least=0.6)
    assert time.process_time() - begun < seconds
    assert (
        len(set(zip(labels.tolist(), whose.tolist(), strict=True)))
        == len(set(labels.tolist()))
        == len(set(whose.tolist()))
    )
