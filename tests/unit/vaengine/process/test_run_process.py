"""What a run's parent does about each signal and each end, with a child that is none."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from vaengine.process import run_process
from vaengine.process.run_process import ENDED, KEPT, KILL_AFTER_S, LIVE, Ending, RunMonitor, last_word
from vaengine.process.signals import REPEAT_WINDOW_S


class FakeChild:
    """Notes what is done to it, in `done`; ends after so many waits, or when it is killed."""

    def __init__(self, waits: int, *facts: str, code: int = 0) -> None:
        self.done: list[str] = []
        self._waits, self._facts, self._code = waits, facts, code

    def facts(self) -> dict[str, Any]:
        return dict.fromkeys(self._facts, ())

    def ended(self) -> Ending | None:
        self._waits -= 1
        if "SIGKILL" in self.done:
            return Ending(128 + signal.SIGKILL, orderly=False)
        return Ending(self._code, ENDED in self._facts) if self._waits < 0 else None

    def send(self, number: int) -> None:
        self.done.append(signal.Signals(number).name)

    def stop(self) -> None:
        self.done.append("stop")

    def go_on(self) -> None:
        self.done.append("go on")


def vigil(sent: Iterable[tuple[str, float]], child: FakeChild) -> tuple[RunMonitor, list[float]]:
    """A vigil that gets each of these signals so many seconds after the one before, then none; and for
    how long it would have waited.
    """
    now, coming, waited = [100.0], iter(sent), []

    def awaited(seconds: float) -> int | None:
        waited.append(seconds)
        name, after_s = next(coming, ("", seconds))
        now[0] += after_s
        return getattr(signal, name) if name else None

    return RunMonitor(awaited, clock=lambda: now[0], stop_here=lambda: child.done.append("stop here")), waited


def done(*sent: tuple[str, float], facts: tuple[str, ...] = ()) -> list[str]:
    child = FakeChild(len(sent), *facts)
    vigil(sent, child)[0].ending(child)  # type: ignore[arg-type]
    return child.done


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_that_is_passed_on_reaches_a_child_that_is_stopped(name: str) -> None:
    assert done((name, 0)) == [name, "go on"]


def test_ctrl_z_stops_all_of_the_child_before_the_parent_and_continues_it_after() -> None:
    assert done(("SIGTSTP", 0)) == ["stop", "stop here", "go on"]


def test_who_continues_the_parent_continues_the_child() -> None:
    assert done(("SIGCONT", 0)) == ["go on"]


def test_a_child_that_is_asked_twice_and_does_not_end_is_killed_and_has_ended_as_it_was_asked_to() -> None:
    child = FakeChild(1000)
    watching, waited = vigil([("SIGINT", 0), ("SIGTERM", REPEAT_WINDOW_S)], child)
    assert watching.ending(child).code == 143  # type: ignore[arg-type]
    assert child.done == ["SIGINT", "go on", "SIGTERM", "go on", "SIGKILL"]
    assert waited == [float("inf"), float("inf"), KILL_AFTER_S]


@pytest.mark.parametrize(
    ("first", "then", "after_s"),
    [("SIGINT", "SIGINT", 0.1), ("SIGTERM", "SIGHUP", 0.1), ("SIGHUP", "SIGHUP", 5), ("SIGINT", "SIGHUP", 5)],
)
def test_what_was_sent_once_and_came_twice_is_passed_on_once_and_kills_nobody(
    first: str, then: str, after_s: float
) -> None:
    assert done((first, 0), (then, after_s), ("SIGCHLD", 10)) == [first, "go on", "go on"]


def test_the_first_ask_is_answered_at_once_and_only_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    done(("SIGINT", 0), ("SIGINT", 1))
    assert capsys.readouterr().err == "stopping; once more to stop at once\n"


def test_a_live_display_says_itself_that_the_run_stops(capsys: pytest.CaptureFixture[str]) -> None:
    done(("SIGINT", 0), facts=(LIVE,))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (Ending(0, orderly=True), None),
        (Ending(1, orderly=True), None),
        (Ending(130, orderly=True, goes_on="vaengine resume b1"), None),
        (
            Ending(130, orderly=False, goes_on="vaengine resume b1"),
            "stopped at once; what was committed is kept: vaengine resume b1",
        ),
        (
            Ending(129, orderly=False, goes_on="vaengine resume b1"),
            "stopped at once; what was committed is kept: vaengine resume b1",
        ),
        (Ending(143, orderly=True), "stopped, before anything was annotated"),
        (Ending(143, orderly=False), "stopped, before anything was annotated"),
        (
            Ending(134, orderly=False, goes_on="vaengine resume b1"),
            "the run's process is lost; what was committed is kept: vaengine resume b1",
        ),
    ],
)
def test_the_last_word_is_said_where_the_child_could_not(ending: Ending, says: str | None) -> None:
    assert last_word(ending) == says


def test_a_batch_is_named_only_if_it_can_be_gone_on_with(tmp_path: Path) -> None:
    told: dict[str, Any] = {KEPT: [str(tmp_path / "checkpoint"), "vaengine resume b1"]}
    assert run_process.goes_on(told) is None
    (tmp_path / "checkpoint").touch()
    assert run_process.goes_on(told) == "vaengine resume b1"
    assert run_process.goes_on({}) is None


def test_what_was_ignored_stays_ignored_as_by_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in run_process.passed_on()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.SIGHUP in run_process.passed_on()
