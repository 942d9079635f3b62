"""A run in a child of the command, started again when it is lost: Ray ends the process whose node is gone, whatever that is doing.

Its client of the object store does so with `_exit(1)`, from C++ and in any thread (Ray's `plasma/client.cc`,
`exit_on_connection_failure`), so that no code of ours can notice, let alone go on.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Final

from actors.leash import end_with_parent

SUPERVISED: Final = ("run", "resume")
MOST_STARTS: Final = 4
STOPPED: Final = (130, 143)  # by somebody who asked twice, of the child itself
WATCHED: Final = (signal.SIGINT, signal.SIGTERM)

_SAID: Final = b"."  # what a child says at its orderly end


@dataclass(frozen=True, slots=True)
class Beginning:
    """When a command began, and the id of a batch that is new with it: the same for each process that works on it, one after the other."""

    batch_id: str
    at: datetime

    @classmethod
    def now(cls) -> Beginning:
        return cls(new_batch_id(), datetime.now(UTC))


def new_batch_id() -> str:
    """One that no store has yet."""
    return uuid.uuid4().hex[:12]


def calls_for_it(arguments: Sequence[str]) -> bool:
    """Whether a command line starts a run that can be started again; a list on standard input can be read only once."""
    return bool(arguments) and arguments[0] in SUPERVISED and "-" not in arguments and sys.platform == "linux"


def supervised() -> int | None:
    """Fork. In the child: None, to do the work. In the parent: the exit code, once a child has come to an end by its own decision.

    Call it while this process has one thread and nothing open. A child dies with its parent and gets the signals that the parent gets.
    """
    told: list[int] = []
    for start in range(MOST_STARTS):
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)  # until there is somebody to pass them on to
        child = _forked()
        if child is None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
            return None
        ending = child.ending(told)
        if ending.orderly or told or ending.code in STOPPED or start == MOST_STARTS - 1:
            return ending.code
        print("the run's process is lost, probably with Ray's node; it is started again", file=sys.stderr, flush=True)  # noqa: T201 before any display
    raise AssertionError("the last start has an end")


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a child ended; `orderly`: it got to the end of its own code."""

    code: int
    orderly: bool


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    said: int  # descriptor from which its last word is read

    def ending(self, told: list[int]) -> _Ending:
        """Wait for it, and pass signals on meanwhile; `told` gets those that there were."""

        def pass_on(number: int, _frame: FrameType | None) -> None:
            told.append(number)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

        before = {number: signal.signal(number, pass_on) for number in WATCHED}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        _, status = os.waitpid(self.pid, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.set_blocking(self.said, False)
        try:
            orderly = os.read(self.said, 1) == _SAID
        except BlockingIOError:  # a process of its own still holds the other end
            orderly = False
        os.close(self.said)
        code = os.waitstatus_to_exitcode(status)
        return _Ending(code if code >= 0 else 128 - code, orderly)


def _forked() -> _Child | None:
    """A child, or None in the child."""
    parent, (hear, say) = os.getpid(), os.pipe()
    if pid := os.fork():
        os.close(say)
        return _Child(pid, hear)
    os.close(hear)
    end_with_parent()
    if os.getppid() != parent:  # it was quicker
        os._exit(1)
    os.setpgid(0, 0)  # Ctrl-C in a terminal is the parent's, which passes it on: once, however it came
    atexit.register(os.write, say, _SAID)
    return None
