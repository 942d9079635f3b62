"""The rule of fencing: who is silent is decided by signs of life, and what was taken stays taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.coordination.holders import BEATS_MISSED, MAX_BEAT_SECONDS, Holders, beat_seconds
from schemas.work.progress import Worker

ANN, BOB = Worker("node", "here", 1), Worker("other", "there", 1)
SILENT_S = 30.0
BEAT_S = beat_seconds(SILENT_S)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def holders() -> tuple[Holders, Clock]:
    clock = Clock()
    return Holders(SILENT_S, clock), clock


def silent(one: Holders) -> list[tuple[Worker, tuple[str, ...]]]:
    return [(found.worker, found.chunk_ids) for found in one.silent()]


def beat_for(one: Holders, clock: Clock, worker: Worker, seconds: float) -> None:
    for _ in range(int(seconds / BEAT_S)):
        clock.now += BEAT_S
        one.beat(worker)


def test_a_worker_that_holds_chunks_is_silent_after_the_time_that_was_set_and_not_before() -> None:
    one, clock = holders()
    one.begin(ANN, "a")
    one.begin(ANN, "b")
    clock.now = SILENT_S
    assert silent(one) == []
    clock.now += 0.1
    assert silent(one) == [(ANN, ("a", "b"))]


def test_a_thread_that_beats_keeps_its_worker_alive_however_long_its_call_takes() -> None:
    one, clock = holders()
    one.begin(ANN, "a")
    beat_for(one, clock, ANN, 100 * SILENT_S)
    assert silent(one) == []


def test_a_worker_beats_several_times_before_it_would_be_silent_and_never_seldom() -> None:
    assert beat_seconds(3.0) == 0.5
    assert beat_seconds(3600.0) == MAX_BEAT_SECONDS


def test_after_a_broken_connection_beats_do_not_count_until_the_work_is_heard() -> None:
    """The thread goes on while the work waits for an answer that was lost with the connection."""
    one, clock = holders()
    one.begin(ANN, "a")
    clock.now += BEAT_S * (BEATS_MISSED + 1)
    beat_for(one, clock, ANN, 2 * SILENT_S)
    assert silent(one) == [(ANN, ("a",))]
    assert one.breaks == 1
    one.worked(ANN)
    beat_for(one, clock, ANN, 2 * SILENT_S)
    assert silent(one) == []


def test_a_worker_that_has_handed_over_what_it_made_holds_nothing_and_is_never_silent() -> None:
    one, clock = holders()
    one.begin(ANN, "a")
    one.hold(BOB, ["a"])
    one.hand_over(ANN, ["a"])
    clock.now = 2 * SILENT_S
    assert silent(one) == [(BOB, ("a",))]
    one.drop("a")
    assert silent(one) == []


def test_a_new_attempt_of_a_chunk_is_held_by_its_own_worker_alone() -> None:
    one, clock = holders()
    one.begin(ANN, "a")
    one.begin(BOB, "a")
    clock.now = 2 * SILENT_S
    assert silent(one) == [(BOB, ("a",))]


def test_what_is_taken_from_a_worker_stays_taken_whatever_it_still_says() -> None:
    one, clock = holders()
    one.begin(ANN, "a")
    one.begin(BOB, "b")
    assert one.fence(ANN) == ["a"]
    one.hold(ANN, ["a", "c"])
    one.beat(ANN)
    one.worked(ANN)
    clock.now = 2 * SILENT_S
    assert silent(one) == [(BOB, ("b",))]
    assert (one.is_fenced(ANN), one.is_fenced(BOB)) == (True, False)
    assert one.fence(ANN) == []


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "hold", "hand over", "drop", "beat", "worked", "fence", "wait"]),
        st.sampled_from([ANN, BOB]),
        st.sampled_from(["a", "b"]),
    ),
    max_size=30,
)


@given(EVENTS)
def test_under_any_order_of_events_nobody_is_silent_who_was_just_heard_or_holds_nothing(
    events: list[tuple[str, Worker, str]],
) -> None:
    one, clock = holders()
    for name, worker, chunk in events:
        match name:
            case "begin":
                one.begin(worker, chunk)
            case "hold":
                one.hold(worker, [chunk])
            case "hand over":
                one.hand_over(worker, [chunk])
            case "drop":
                one.drop(chunk)
            case "beat":
                one.beat(worker)
            case "worked":
                one.worked(worker)
            case "fence":
                one.fence(worker)
            case _:
                clock.now += SILENT_S
        names = {found.worker for found in one.silent()}
        assert not any(one.is_fenced(found) for found in names)
        assert all(found.chunk_ids for found in one.silent())
        if name in ("begin", "worked", "hand over"):
            assert worker not in names
