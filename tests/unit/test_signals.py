"""Ctrl-C and SIGTERM, sent to real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vaengine.signals import EXIT_CODES, Signals

CHECKOUT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, sys, time
from vaengine.signals import Signals
number, times, armed = getattr(signal, sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "armed"
with Signals() as signals:
    if armed:
        signals.deliver_to(lambda name: print("stop", name, flush=True))
    for _ in range(times):
        os.kill(os.getpid(), number)
        time.sleep(0.05)
print("end", flush=True)
"""


def outcome(name: str, times: int, armed: str) -> tuple[int, str]:
    program = [sys.executable, "-c", PROGRAM, name, str(times), armed]
    done = subprocess.run(program, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, timeout=60)
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", list(EXIT_CODES))
def test_the_first_signal_stops_the_run_and_lets_it_return(name: str) -> None:
    assert outcome(name, 1, "armed") == (0, f"stop {name}\nend\n")


@pytest.mark.parametrize("name", list(EXIT_CODES))
def test_the_second_signal_ends_the_process_at_once(name: str) -> None:
    assert outcome(name, 2, "armed") == (EXIT_CODES[name], f"stop {name}\n")


@pytest.mark.parametrize("name", list(EXIT_CODES))
def test_before_there_is_a_run_one_signal_ends_the_process(name: str) -> None:
    assert outcome(name, 1, "early") == (EXIT_CODES[name], "")


def test_handlers_are_as_before_afterwards() -> None:
    before = {name: signal.getsignal(signal.Signals[name]) for name in EXIT_CODES}
    with Signals() as signals:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as ray.init replaces it
        signals.rearm()
        assert signal.getsignal(signal.SIGTERM) == signals._handle
    assert {name: signal.getsignal(signal.Signals[name]) for name in EXIT_CODES} == before
