"""Ctrl-C and SIGTERM, sent to real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vaengine.process.signals import EXIT_CODES, REPEAT_WINDOW_S, Signals

CHECKOUT = Path(__file__).parents[4]
PROGRAM = """
import signal, sys
from vaengine.process.signals import Signals
armed, sent = sys.argv[1] == "armed", [told.split("@") for told in sys.argv[2:]]
now = 0.0
with Signals(clock=lambda: now) as signals:
    if armed:
        signals.deliver_to(lambda name: print("stop", name, flush=True))
    for name, at in sent:
        now = float(at)
        signal.raise_signal(getattr(signal, name))
print("end", flush=True)
"""


def outcome(armed: str, *sent: str) -> tuple[int, str]:
    """Exit code and output after these signals, each as NAME@SECONDS."""
    program = [sys.executable, "-c", PROGRAM, armed, *sent]
    done = subprocess.run(
        program,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        timeout=60,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", list(EXIT_CODES))
def test_the_first_signal_stops_the_run_and_lets_it_return(name: str) -> None:
    assert outcome("armed", f"{name}@0") == (0, f"stop {name}\nend\n")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_second_signal_ends_the_process_at_once(name: str) -> None:
    assert outcome("armed", f"{name}@0", f"{name}@{REPEAT_WINDOW_S}") == (EXIT_CODES[name], f"stop {name}\n")


@pytest.mark.parametrize("first", list(EXIT_CODES))
def test_a_window_that_is_closed_later_hurries_nobody(first: str) -> None:
    assert outcome("armed", f"{first}@0", "SIGHUP@7", "SIGHUP@9") == (0, f"stop {first}\nend\n")


@pytest.mark.parametrize("name", list(EXIT_CODES))
def test_the_same_signal_at_nearly_the_same_time_is_one(name: str) -> None:
    """Sent to a group of processes it comes directly, and once more from the parent, which passes its own
    copy on.
    """
    assert outcome("armed", f"{name}@7", f"{name}@7.1", f"{name}@7.4") == (0, f"stop {name}\nend\n")


def test_a_session_that_ends_sends_two_signals_that_are_one() -> None:
    assert outcome("armed", "SIGHUP@7", "SIGTERM@7.1") == (0, "stop SIGHUP\nend\n")
    assert outcome("armed", "SIGHUP@7", "SIGTERM@8") == (143, "stop SIGHUP\n")


def test_a_signal_that_is_repeated_without_end_is_no_longer_one() -> None:
    assert outcome("armed", "SIGINT@7", "SIGINT@7.3", "SIGINT@7.6") == (130, "stop SIGINT\n")


def test_another_signal_ends_the_process_however_soon_it_comes() -> None:
    assert outcome("armed", "SIGINT@7", "SIGTERM@7") == (143, "stop SIGINT\n")


@pytest.mark.parametrize("name", list(EXIT_CODES))
def test_before_there_is_a_run_one_signal_ends_the_process(name: str) -> None:
    assert outcome("early", f"{name}@0") == (EXIT_CODES[name], "")


def test_handlers_are_as_before_afterwards() -> None:
    before = {name: signal.getsignal(signal.Signals[name]) for name in EXIT_CODES}
    with Signals() as signals:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as ray.init replaces it
        signals.rearm()
        assert signal.getsignal(signal.SIGTERM) == signals._handle
    assert {name: signal.getsignal(signal.Signals[name]) for name in EXIT_CODES} == before
