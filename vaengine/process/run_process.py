"""The parent's view of a run: what its process says, how it ends, and what the terminal asks of it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from vaengine.console.output import say
from vaengine.console.terminal import clear_line, leave_line
from vaengine.process.signals import EXIT_CODES, Asks

AT_ONCE_S: Final = 3.0  # that a child may take to end once it was asked twice
ASKING: Final = tuple(signal.Signals[name] for name in EXIT_CODES)

# Facts that a child tells.
LIVE: Final = "live"  # its display redraws the last lines of the terminal
CURSORLESS: Final = "cursorless"  # its display has hidden the cursor
KEPT: Final = "kept"  # a checkpoint file, once it is there, and the command that goes on from it
ENDED: Final = "ended"  # it got to the end of its own code


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended; `orderly`: it got to the end of its own code.

    `goes_on` is the command that goes on from what is stored.
    """

    code: int
    orderly: bool
    goes_on: str | None = None


def last_word(ending: Ending) -> str | None:
    """What is left to say after an end: nothing where the child has reported."""
    stopped = ending.code in EXIT_CODES.values()
    if ending.orderly and (ending.goes_on or not stopped):
        return None
    lost = "the run's process is lost"
    if ending.goes_on:
        return f"{'stopped at once' if stopped else lost}; what was committed is kept: {ending.goes_on}"
    return f"{'stopped' if stopped else lost}, before anything was annotated"


@dataclass(slots=True)
class RunProcess:
    """A process that works; `analyze` is where its facts are read, without waiting for any."""

    pid: int
    hear: int
    _heard: bytes = field(default=b"", init=False)

    def facts(self) -> dict[str, Any]:
        """What it has told so far: the values of each fact."""
        with contextlib.suppress(BlockingIOError):  # a process of its own may still hold the other end
            while more := os.read(self.hear, 4096):
                self._heard += more
        return {fact: values for fact, *values in map(json.loads, self._heard.splitlines())}

    def ended(self) -> Ending | None:
        """How it ended; None while it works."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        facts = self.facts()
        os.close(self.hear)
        code = os.waitstatus_to_exitcode(status)
        return Ending(code if code >= 0 else 128 - code, ENDED in facts, goes_on(facts))

    def send(self, number: int) -> None:
        """A signal to the process alone, which knows what to do about the others."""
        os.kill(self.pid, number)  # its number is nobody else's before it is waited for

    def stop(self) -> None:
        """The process and all below it."""
        from vaengine.process import process_tree

        process_tree.stop(self.pid)

    def go_on(self) -> None:
        """Those of them that are stopped."""
        from vaengine.process import process_tree

        process_tree.go_on(self.pid)


def goes_on(facts: Mapping[str, Any]) -> str | None:
    """The command that goes on from what is stored; None where the batch is not even known."""
    checkpoint, command = facts.get(KEPT, ("", ""))
    return command if checkpoint and Path(checkpoint).exists() else None


class RunMonitor:
    """Waits for children, one after the other, and passes on what this process is told meanwhile, in the
    order in which it comes.
    """

    def __init__(
        self,
        awaited: Callable[[float], int | None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        stop_here: Callable[[], None] | None = None,
    ) -> None:
        self._awaited, self._stop_here = awaited or awaited_signal, stop_here or stop_this_process
        self._clock, self._asks = clock, Asks(clock)
        self._kill_at_s, self._killed_for = math.inf, ""

    @property
    def asked(self) -> bool:
        """Whether anybody has asked for the end."""
        return self._asks.received is not None

    def ending(self, child: RunProcess) -> Ending:
        """How a child ends; one that was asked twice and goes on is killed, and has ended as it was asked
        to.
        """
        while (ending := child.ended()) is None:
            if number := self._awaited(self._kill_at_s - self._clock()):
                self._obey(number, child)
            else:
                child.send(signal.SIGKILL)
                self._kill_at_s = math.inf
        return replace(ending, code=EXIT_CODES[self._killed_for]) if self._was_killed(ending) else ending

    def _was_killed(self, ending: Ending) -> bool:
        return bool(self._killed_for) and ending.code == 128 + signal.SIGKILL

    def _obey(self, number: int, child: RunProcess) -> None:
        if number == signal.SIGTSTP:
            self._suspend(child)
        elif number == signal.SIGCONT:
            child.go_on()
        elif number in ASKING:
            self._ask(signal.Signals(number), child)

    def _suspend(self, child: RunProcess) -> None:
        """Stop the run, then this process, as a shell expects it; it goes on from here after `fg`."""
        child.stop()
        if CURSORLESS in child.facts():
            leave_line()
        self._stop_here()
        child.go_on()

    def _ask(self, number: signal.Signals, child: RunProcess) -> None:
        """The child decides as this process does; what is stopped of it goes on, since a stopped process
        hears nothing.
        """
        if self._asks.first(number.name):
            self._acknowledge(child)
        elif not self._asks.repeats(number.name):
            self._kill_at_s, self._killed_for = self._clock() + AT_ONCE_S, number.name
        child.send(number)
        child.go_on()

    def _acknowledge(self, child: RunProcess) -> None:
        """At once, whatever the child is busy with; a live display says it itself, and a line of ours
        would tear it apart.
        """
        if LIVE not in child.facts():
            clear_line()
            say("stopping; once more to stop at once")


def passed_on() -> set[signal.Signals]:
    """Signals that a run is told of, and of its child's end; what this process was started to ignore, as
    by nohup, stays ignored.
    """
    ignored = {
        number for number in (signal.SIGHUP, signal.SIGTSTP) if signal.getsignal(number) == signal.SIG_IGN
    }
    return {*ASKING, signal.SIGTSTP, signal.SIGCONT, signal.SIGCHLD} - ignored


def awaited_signal(seconds: float) -> int | None:
    """The next of the signals that are passed on, which must be blocked; None where none comes within so
    many seconds.
    """
    if seconds == math.inf:
        return signal.sigwait(passed_on())
    told = signal.sigtimedwait(passed_on(), max(0.0, seconds))
    return told.si_signo if told else None


def stop_this_process() -> None:
    """As Ctrl-Z does by itself; returns when somebody continues it, at once where nobody could: in a
    group without a shell.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTSTP,))
    signal.raise_signal(signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTSTP,))
