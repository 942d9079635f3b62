"""What is requested from an autoscaler, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.autoscaling import (
    MAX_BACK_OFF_S,
    PATIENCE_S,
    Load,
    Resources,
    ScalingState,
    next_request,
)

NONE = Resources()
MOST = Resources(64, 4)
resources = st.builds(Resources, st.integers(0, 200), st.integers(0, 20))


def after(load: Load, state: ScalingState | None = None, now_s: float = 0.0) -> ScalingState:
    return next_request(state or ScalingState(), load, NONE, MOST, now_s)


@pytest.mark.parametrize(
    ("load", "cpus", "gpus"),
    [
        (Load(0, 0, 0, NONE), 0, 0),
        (Load(1, 0, 0, NONE), 1, 0),
        (Load(40, 0, 0, NONE), 10, 0),
        (Load(40, 0, 0, NONE, uses_gpu=True), 10, 1),
        (Load(4000, 0, 0, NONE, uses_gpu=True), 64, 4),
        (Load(4000, 8, 8, Resources(8)), 64, 0),
        (Load(4000, 8, 2, Resources(8)), 8, 0),
        (Load(0, 8, 8, Resources(8)), 2, 0),
        (Load(0, 8, 0, Resources(8)), 0, 0),
    ],
    ids=[
        "no work",
        "one chunk",
        "a node per few chunks",
        "a GPU with them",
        "no more than the most",
        "growth while all are busy",
        "no growth while slots are idle",
        "the end",
        "released",
    ],
)
def test_requests_follow_what_waits(load: Load, cpus: int, gpus: int) -> None:
    assert after(load).requested == Resources(cpus, gpus)


@given(st.integers(0, 10_000), st.integers(0, 100), resources, st.booleans(), st.floats(0, 1e6))
def test_a_request_is_between_the_least_and_the_most(
    waiting: int, busy: int, there: Resources, uses_gpu: bool, now_s: float
) -> None:
    least = Resources(2, 1)
    load = Load(waiting, max(busy, there.cpus), busy, there, uses_gpu)
    requested = next_request(ScalingState(), load, least, MOST, now_s).requested
    assert requested.covers(least)
    assert MOST.covers(requested)


def test_nodes_that_do_not_come_are_left_to_others_for_a_while_which_doubles() -> None:
    load = Load(4000, 8, 8, Resources(8))
    state, now_s, pauses = ScalingState(), 0.0, []
    for _ in range(6):
        state = after(load, state, now_s)
        assert state.requested == Resources(64)
        now_s += PATIENCE_S
        state = after(load, state, now_s)
        assert state.requested == Resources(8), "only what is there"
        pauses.append(state.back_off_until_s - now_s)
        assert after(load, state, state.back_off_until_s - 1).requested == Resources(8)
        now_s = state.back_off_until_s
    assert pauses == [300, 600, 1200, 2400, MAX_BACK_OFF_S, MAX_BACK_OFF_S]


def test_nodes_that_come_end_the_back_off() -> None:
    waiting = Load(4000, 8, 8, Resources(8))
    state = after(waiting, after(waiting), PATIENCE_S)
    state = after(Load(4000, 64, 64, Resources(64, 4)), state, PATIENCE_S + 1)
    assert state == ScalingState(Resources(64))


def test_the_end_of_the_work_releases_everything_even_in_a_back_off() -> None:
    waiting = Load(4000, 8, 8, Resources(8))
    state = after(waiting, after(waiting), PATIENCE_S)
    assert after(Load(0, 8, 0, Resources(8)), state, PATIENCE_S + 1).requested == NONE


def test_resources_are_not_negative() -> None:
    with pytest.raises(ValueError, match="not negative"):
        Resources(-1)
