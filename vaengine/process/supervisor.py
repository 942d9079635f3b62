"""Runs a command in a child process, and starts it again when it is lost.

Ray ends a process whose node is gone, whatever it is doing. Its client of the object store does so with
`_exit(1)`, from C++ and in any thread (Ray's `plasma/client.cc`, `exit_on_connection_failure`), so that no
code of ours can notice.

The child leads a session of its own, which has no terminal. So nothing that it starts can be stopped for
touching one (SIGTTIN, SIGTTOU), and Ray's processes get no Ctrl-C of their own, which would end workers with
the chunks that they hold. The parent keeps the terminal, is never busy, and passes on what comes from it.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from actors.child_process import die_with_parent
from schemas.errors import UsageError
from schemas.work.run import new_batch_id
from vaengine.console.output import say
from vaengine.console.standard_input import read_standard_input
from vaengine.console.terminal import leave_line
from vaengine.process.run_process import ENDED, Ending, RunMonitor, RunProcess, last_word, passed_on
from vaengine.process.signals import EXIT_CODES

SUPERVISED: Final = ("run", "resume")
MAX_STARTS: Final = 4
# Where somebody else starts the command, such as a job server or Slurm: the same batch when it starts again.
BATCH_VARIABLE: Final = "VAENGINE_BATCH"


@dataclass(frozen=True, slots=True)
class Invocation:
    """The time when a command began, and the id for a new batch.

    Both are the same for each process that works on the command, one after the other.
    """

    batch_id: str
    at: datetime

    @classmethod
    def now(cls) -> Invocation:
        """The command that begins now; raises `UsageError` for an id that cannot be part of a file's name."""
        batch_id = os.environ.get(BATCH_VARIABLE) or new_batch_id()
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", batch_id):
            raise UsageError(
                f"{BATCH_VARIABLE}={batch_id}: a batch's id has letters, digits, '.', '_' and '-', 64 at most"
            )
        return cls(batch_id, datetime.now(UTC))


def is_supervised_command(arguments: Sequence[str]) -> bool:
    """Whether a command line starts a run, which can be started again."""
    return bool(arguments) and arguments[0] in SUPERVISED and sys.platform == "linux"


def run_supervised(arguments: Sequence[str] = ()) -> int | None:
    """Fork. Returns None in the child, which does the work; in the parent the exit code.

    The parent returns once a child has ended by its own decision. Call this while the process has one thread
    and nothing open. A child dies with its parent, gets the signals that the parent gets, and is stopped and
    continued with it. Its standard input is empty, or a list of paths that `arguments` name, from the
    beginning at each start. Raises `UsageError` where that cannot be read.
    """
    try:
        standard_input = _standard_input(arguments)
    except KeyboardInterrupt:  # while a person types the list
        return _report_end(Ending(EXIT_CODES["SIGINT"], orderly=False))
    for number in (signal.SIGTTIN, signal.SIGTTOU):
        # Also in this process, which must be able to print its last message in the background.
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # They stay pending until the monitor waits for them.
    signals_before = signal.pthread_sigmask(signal.SIG_BLOCK, passed_on())
    monitor = RunMonitor()
    for attempt in range(MAX_STARTS):
        child = _fork(standard_input)
        if child is None:
            signal.pthread_sigmask(signal.SIG_SETMASK, signals_before)
            _mark_restart(attempt)
            return None
        ending = monitor.ending(child)
        if (
            ending.orderly
            or monitor.stop_requested
            or ending.code in EXIT_CODES.values()
            or attempt == MAX_STARTS - 1
        ):
            return _report_end(ending)
        say("the run's process is lost; it is started again")
    raise AssertionError("the last start has an end")


def _report_end(ending: Ending) -> int:
    """Print the last message, if there is one; returns the exit code."""
    if word := last_word(ending):
        leave_line()
        say(word)
    return ending.code


def is_restarted() -> bool:
    """Whether this process goes on with the work of one that was lost."""
    return _restarts > 0


def _mark_restart(restarts: int) -> None:
    global _restarts  # noqa: PLW0603
    _restarts = restarts


def tell_parent(fact: str, *values: str) -> None:
    """Report a fact of `run_process` to the supervising process, once; does nothing without one."""
    if _channel is not None and fact not in _channel.facts:
        _channel.facts.add(fact)
        os.write(_channel.descriptor, json.dumps([fact, *values]).encode() + b"\n")


@dataclass(slots=True)
class _ParentChannel:
    """The pipe to the parent, and the facts that were reported through it."""

    descriptor: int
    facts: set[str] = field(default_factory=set)


_channel: _ParentChannel | None = None  # a process has one parent, and nobody hands it on
_restarts = 0  # how many processes of this command were lost before this one


def _standard_input(arguments: Sequence[str]) -> IO[bytes]:
    """The standard input of every child: nothing, or a list of paths.

    A list can be read only once, so it is kept in a file.
    """
    if "-" not in arguments:
        return Path(os.devnull).open("rb")  # open for as long as there may be another child
    kept = tempfile.TemporaryFile()  # noqa: SIM115
    kept.write(read_standard_input())
    kept.flush()
    return kept


def _fork(standard_input: IO[bytes]) -> RunProcess | None:
    """Fork; returns the child's process in the parent, and None in the child."""
    parent, (read_end, write_end) = os.getpid(), os.pipe()
    if pid := os.fork():
        os.close(write_end)
        os.set_blocking(read_end, False)
        return RunProcess(pid, read_end)
    os.close(read_end)
    die_with_parent()
    if os.getppid() != parent:  # it was quicker
        os._exit(1)
    os.setsid()
    standard_input.seek(0)
    os.dup2(standard_input.fileno(), 0)
    global _channel  # noqa: PLW0603
    _channel = _ParentChannel(write_end)
    atexit.register(tell_parent, ENDED)
    return None
