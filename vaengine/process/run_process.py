"""The parent's view of a run: the facts that its process reports, how it ends, and signals to it."""

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
from vaengine.process.signals import EXIT_CODES, StopSignals

KILL_AFTER_S: Final = 3.0  # time for a child to end after the second stop signal
STOP_SIGNALS: Final = tuple(signal.Signals[name] for name in EXIT_CODES)

# Facts that a child reports.
LIVE: Final = "live"  # its display redraws the last lines of the terminal
CURSORLESS: Final = "cursorless"  # its display has hidden the cursor
KEPT: Final = "kept"  # a checkpoint file, once it exists, and the command that resumes from it
ENDED: Final = "ended"  # it reached the end of its own code


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended.

    `orderly` says that it reached the end of its own code. `goes_on` is the command that resumes from what is
    stored.
    """

    code: int
    orderly: bool
    goes_on: str | None = None


def last_word(ending: Ending) -> str | None:
    """The last message after an end; None where the child has reported itself."""
    stopped = ending.code in EXIT_CODES.values()
    if ending.orderly and (ending.goes_on or not stopped):
        return None
    lost = "the run's process is lost"
    if ending.goes_on:
        return f"{'stopped at once' if stopped else lost}; what was committed is kept: {ending.goes_on}"
    return f"{'stopped' if stopped else lost}, before anything was annotated"


@dataclass(slots=True)
class RunProcess:
    """The process of a run; its facts are read from `descriptor` without waiting."""

    pid: int
    descriptor: int
    _received: bytes = field(default=b"", init=False)

    def facts(self) -> dict[str, Any]:
        """The facts it has reported so far, with their values."""
        with contextlib.suppress(BlockingIOError):  # a descendant may still hold the other end
            while more := os.read(self.descriptor, 4096):
                self._received += more
        return {fact: values for fact, *values in map(json.loads, self._received.splitlines())}

    def ended(self) -> Ending | None:
        """How it ended; None while it works."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        facts = self.facts()
        os.close(self.descriptor)
        code = os.waitstatus_to_exitcode(status)
        return Ending(code if code >= 0 else 128 - code, ENDED in facts, goes_on(facts))

    def send(self, number: int) -> None:
        """Send a signal to the process alone; it passes it on to others as needed."""
        os.kill(self.pid, number)  # its id is not reused before it is waited for

    def stop(self) -> None:
        """Stop the process and all its descendants."""
        from vaengine.process import process_tree

        process_tree.stop(self.pid)

    def go_on(self) -> None:
        """Continue those of them that are stopped."""
        from vaengine.process import process_tree

        process_tree.go_on(self.pid)


def goes_on(facts: Mapping[str, Any]) -> str | None:
    """The command that resumes from what is stored; None where the batch has no checkpoint."""
    checkpoint, command = facts.get(KEPT, ("", ""))
    return command if checkpoint and Path(checkpoint).exists() else None


class RunMonitor:
    """Waits for children one after the other, and passes on the signals that this process receives."""

    def __init__(
        self,
        next_signal: Callable[[float], int | None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        stop_here: Callable[[], None] | None = None,
    ) -> None:
        self._next_signal, self._stop_here = next_signal or wait_for_signal, stop_here or stop_this_process
        self._clock, self._stop_signals = clock, StopSignals(clock)
        self._kill_at_s, self._killed_after = math.inf, ""

    @property
    def stop_requested(self) -> bool:
        """Whether a stop signal was received."""
        return self._stop_signals.received is not None

    def ending(self, child: RunProcess) -> Ending:
        """Wait for a child's end.

        A child that goes on after two stop signals is killed; its exit code is that of the signal.
        """
        while (ending := child.ended()) is None:
            if number := self._next_signal(self._kill_at_s - self._clock()):
                self._handle(number, child)
            else:
                child.send(signal.SIGKILL)
                self._kill_at_s = math.inf
        return replace(ending, code=EXIT_CODES[self._killed_after]) if self._was_killed(ending) else ending

    def _was_killed(self, ending: Ending) -> bool:
        return bool(self._killed_after) and ending.code == 128 + signal.SIGKILL

    def _handle(self, number: int, child: RunProcess) -> None:
        if number == signal.SIGTSTP:
            self._suspend(child)
        elif number == signal.SIGCONT:
            child.go_on()
        elif number in STOP_SIGNALS:
            self._pass_stop_signal(signal.Signals(number), child)

    def _suspend(self, child: RunProcess) -> None:
        """Stop the run, then this process, as a shell expects it; continues here after `fg`."""
        child.stop()
        if CURSORLESS in child.facts():
            leave_line()
        self._stop_here()
        child.go_on()

    def _pass_stop_signal(self, number: signal.Signals, child: RunProcess) -> None:
        """Pass a stop signal to the child, unless it is a repetition.

        A child at its end handles signals no more, so a repetition would end it before it has written its
        last file. Stopped processes are continued, because they cannot receive a signal otherwise.
        """
        if self._stop_signals.first(number.name):
            self._acknowledge(child)
            child.send(number)
        elif not self._stop_signals.repeats(number.name):
            self._kill_at_s, self._killed_after = self._clock() + KILL_AFTER_S, number.name
            child.send(number)
        child.go_on()

    def _acknowledge(self, child: RunProcess) -> None:
        """Print a message at once, whatever the child is busy with.

        A live display prints its own, and our line would disturb it.
        """
        if LIVE not in child.facts():
            clear_line()
            say("stopping; once more to stop at once")


def passed_on() -> set[signal.Signals]:
    """Signals that are passed on to a run, and SIGCHLD.

    A signal that this process was started to ignore, as by nohup, stays ignored.
    """
    ignored = {
        number for number in (signal.SIGHUP, signal.SIGTSTP) if signal.getsignal(number) == signal.SIG_IGN
    }
    return {*STOP_SIGNALS, signal.SIGTSTP, signal.SIGCONT, signal.SIGCHLD} - ignored


def wait_for_signal(seconds: float) -> int | None:
    """The next of the passed-on signals, which must be blocked; None after so many seconds."""
    if seconds == math.inf:
        return signal.sigwait(passed_on())
    info = signal.sigtimedwait(passed_on(), max(0.0, seconds))
    return info.si_signo if info else None


def stop_this_process() -> None:
    """Stop this process as Ctrl-Z does; returns when it is continued.

    Returns at once in a group without a shell, where nobody could continue it.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTSTP,))
    signal.raise_signal(signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTSTP,))
