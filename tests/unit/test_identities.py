"""Grouping by looks: the same person is one group, whoever must be kept apart is, and the order of things does not matter."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.identities import BLOCK, grouped

people = st.lists(st.integers(0, 5), min_size=1, max_size=24)


def looks(who: list[int], seed: int = 0, blur: float = 0.1) -> Any:
    """A vector near that of its person for each; persons are at right angles."""
    rng = np.random.default_rng(seed)
    vectors = np.eye(16)[who] + blur * rng.standard_normal((len(who), 16)) / 4
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def by_appearance(who: list[int]) -> list[int]:
    order = list(dict.fromkeys(who))
    return [order.index(one) for one in who]


@given(people, st.integers(0, 100))
def test_faces_of_one_person_are_one_group_numbered_by_first_appearance(who: list[int], seed: int) -> None:
    assert grouped(looks(who, seed), least=0.5).tolist() == by_appearance(who)


@given(people, st.randoms(use_true_random=False))
def test_the_order_of_faces_changes_only_the_numbers(who: list[int], random: Any) -> None:
    order = random.sample(range(len(who)), len(who))
    labels = grouped(looks(who), least=0.5)
    shuffled = grouped(looks(who)[order], least=0.5)
    assert by_appearance(labels[order].tolist()) == shuffled.tolist()


@settings(max_examples=50)
@given(people, st.data())
def test_a_pair_that_is_kept_apart_is_never_in_one_group(who: list[int], data: st.DataObject) -> None:
    index = st.integers(0, len(who) - 1)
    pairs = [pair for pair in data.draw(st.lists(st.tuples(index, index), max_size=8)) if pair[0] != pair[1]]
    labels = grouped(looks(who), least=0.5, apart=pairs)
    assert all(labels[one] != labels[other] for one, other in pairs)


def test_nothing_is_grouped_to_nothing() -> None:
    assert grouped(np.zeros((0, 8), np.float32), least=0.5).tolist() == []


def test_below_the_least_likeness_everybody_is_somebody_else() -> None:
    assert grouped(looks([0, 0, 1], blur=0.5), least=0.999).tolist() == [0, 1, 2]


def test_a_mean_of_many_counts_for_as_many() -> None:
    lone, crowd = np.float32([1, 0, 0]), np.float32([0.8, 0.6, 0])
    between = np.float32([0.95, 0.3122499, 0])
    assert grouped([lone, crowd, between], least=0.92, weights=np.array([1.0, 50.0, 1.0])).tolist() == [0, 1, 0]


def test_more_than_fit_at_once_are_folded_in_and_end_in_time() -> None:
    who = [n % 7 for n in range(3 * BLOCK + 5)]
    began = time.process_time()
    assert grouped(looks(who), least=0.5).tolist() == by_appearance(who)
    assert time.process_time() - began < 20
