"""Nobody is blamed for the time in which everything was stopped."""

from __future__ import annotations

from datetime import UTC, datetime

from actors.coordination.in_flight import InFlight
from actors.coordination.patience import MAX_INTERVAL_S, PatienceClock
from schemas.work.attempt import Token
from schemas.work.progress import Worker


class Now:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def test_it_counts_as_any_clock_while_it_is_read() -> None:
    now = Now()
    clock = PatienceClock(clock=now)
    for _ in range(100):
        now.s += 0.5
        read_s = clock()
    assert read_s == 50


def test_a_stop_however_long_counts_for_a_moment() -> None:
    now = Now()
    clock = PatienceClock(clock=now)
    now.s += 86_400
    assert clock() == MAX_INTERVAL_S
    now.s += 1
    assert clock() == MAX_INTERVAL_S + 1


def test_a_worker_that_was_stopped_with_the_whole_run_is_not_stalled() -> None:
    now = Now()
    ledger = InFlight(60, PatienceClock(clock=now), lambda: datetime.now(UTC))
    ledger.lease(Token("c1", "v1", 1), Worker("n", "h", 1))
    now.s += 3600  # Ctrl-Z, fg
    (call,) = ledger.calls()
    assert not call.stalled
    for _ in range(130):
        now.s += 0.5
        (call,) = ledger.calls()
    assert call.stalled, "one that hangs is found as before"
