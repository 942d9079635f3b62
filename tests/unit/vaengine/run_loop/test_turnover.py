"""A pass that ends early for another placement: nothing begins, what is in work ends, and work goes on."""

from __future__ import annotations

from schemas.work.progress import Snapshot
from vaengine.run_loop.turnover import Turnover

GRACE_S = 60.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def turnover(*, outgrown: bool) -> tuple[Turnover, Clock, list[bool]]:
    clock, paused = Clock(), list[bool]()
    return Turnover(lambda: outgrown, paused.append, GRACE_S, clock), clock, paused


def test_a_pass_that_fits_its_machines_is_left_alone() -> None:
    one, clock, paused = turnover(outgrown=False)
    for _ in range(3):
        assert not one.is_over(Snapshot(in_work=0))
        clock.now += GRACE_S
    assert (one.end(), paused) == (False, [])


def test_what_is_in_work_comes_to_its_end_before_the_next_pass_and_nothing_else_begins_meanwhile() -> None:
    one, _, paused = turnover(outgrown=True)
    assert not one.is_over(Snapshot(in_work=2))
    assert paused == [True]
    assert not one.is_over(Snapshot(in_work=1))
    assert one.is_over(Snapshot(in_work=0))
    assert (one.end(), paused) == (True, [True, False])


def test_what_does_not_end_within_the_grace_is_waited_for_no_longer() -> None:
    one, clock, _ = turnover(outgrown=True)
    one.is_over(Snapshot(in_work=1))
    clock.now = GRACE_S + 1
    assert one.is_over(Snapshot(in_work=1))


def test_a_pass_that_ends_by_itself_meanwhile_lets_work_begin_again() -> None:
    one, _, paused = turnover(outgrown=True)
    one.is_over(Snapshot(in_work=1))
    assert (one.end(), one.end(), paused) == (True, False, [True, False])
