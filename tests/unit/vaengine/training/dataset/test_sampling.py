"""Of many moments those are taken that are far enough apart, and not too many."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vaengine.training.dataset.sampling import spaced, thinned


@dataclass(frozen=True)
class Moment:
    time_s: float


@given(st.lists(st.integers(0, 2000), unique=True), st.sampled_from([0.0, 0.5, 1.0, 3.3]))
def test_moments_are_at_least_so_far_apart_and_none_is_left_out_that_could_be_taken(
    hundredths: list[int], every_s: float
) -> None:
    moments = [Moment(number / 100) for number in sorted(hundredths)]
    taken = list(spaced(moments, every_s))
    assert all(after.time_s - before.time_s >= every_s - 1e-5 for before, after in pairwise(taken))
    for moment in moments:
        earlier = [one.time_s for one in taken if one.time_s <= moment.time_s]
        assert earlier
        assert moment in taken or moment.time_s - earlier[-1] < every_s


@given(st.lists(st.integers(), unique=True), st.integers(1, 20))
def test_things_are_thinned_evenly_in_their_order(things: list[int], most: int) -> None:
    found = thinned(things, most)
    assert len(found) == min(most, len(things))
    places = [things.index(one) for one in found]
    steps = {after - before for before, after in pairwise(places)}
    assert not steps or (min(steps) >= 1 and max(steps) - min(steps) <= 1)
