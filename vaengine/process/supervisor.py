"""A run in a child of the command, started again when it is lost: Ray ends the process whose node is gone,
whatever that is doing.

Its client of the object store does so with `_exit(1)`, from C++ and in any thread (Ray's `plasma/client.cc`,
`exit_on_connection_failure`), so that no code of ours can notice, let alone go on.

The child leads a session of its own, which has no terminal: nothing that it starts can be stopped for
touching one (SIGTTIN, SIGTTOU), and Ray's processes get no Ctrl-C of their own, which would end workers with
the chunks that they hold. The terminal is the parent's, which is never busy and passes on what comes from it.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from actors.child_process import die_with_parent
from schemas.work.run import new_batch_id
from vaengine.console.output import say
from vaengine.console.standard_input import read_standard_input
from vaengine.console.terminal import leave_line
from vaengine.process.run_process import ENDED, Ending, RunMonitor, RunProcess, last_word, passed_on
from vaengine.process.signals import EXIT_CODES

SUPERVISED: Final = ("run", "resume")
MOST_STARTS: Final = 4


@dataclass(frozen=True, slots=True)
class Invocation:
    """When a command began, and the id of a batch that is new with it: the same for each process that
    works on it, one after the other.
    """

    batch_id: str
    at: datetime

    @classmethod
    def now(cls) -> Invocation:
        return cls(new_batch_id(), datetime.now(UTC))


def is_supervised_command(arguments: Sequence[str]) -> bool:
    """Whether a command line starts a run, which can be started again."""
    return bool(arguments) and arguments[0] in SUPERVISED and sys.platform == "linux"


def run_supervised(arguments: Sequence[str] = ()) -> int | None:
    """Fork. In the child: None, to do the work. In the parent: the exit code, once a child has come to an end
    by its own decision.

    Call it while this process has one thread and nothing open. A child dies with its parent, gets the signals
    that the parent gets, stops and goes on with it, and reads nothing on standard input but a list of paths
    that `arguments` name, from the beginning at each start. Raises `UsageError` where that cannot be read.
    """
    try:
        reads = _standard_input(arguments)
    except KeyboardInterrupt:  # while a person types the list
        return _ended(Ending(EXIT_CODES["SIGINT"], orderly=False))
    for number in (signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(
            number, signal.SIG_IGN
        )  # also of this process, whose last word must be said in the background too
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, passed_on())  # they wait until somebody takes them
    vigil = RunMonitor()
    for start in range(MOST_STARTS):
        child = _forked(reads)
        if child is None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return None
        ending = vigil.ending(child)
        if ending.orderly or vigil.asked or ending.code in EXIT_CODES.values() or start == MOST_STARTS - 1:
            return _ended(ending)
        say("the run's process is lost; it is started again")
    raise AssertionError("the last start has an end")


def _ended(ending: Ending) -> int:
    """Say what is left to say; returns the exit code."""
    if word := last_word(ending):
        leave_line()
        say(word)
    return ending.code


def tell_parent(fact: str, *values: str) -> None:
    """Let the process that supervises this one know a fact of `child_process`, once; does nothing where
    there is none.
    """
    if _told is not None and fact not in _told.facts:
        _told.facts.add(fact)
        os.write(_told.descriptor, json.dumps([fact, *values]).encode() + b"\n")


@dataclass(slots=True)
class _Told:
    """What a child has told its parent, and where."""

    descriptor: int
    facts: set[str] = field(default_factory=set)


_told: _Told | None = None  # a process has one parent, and nobody hands it on


def _standard_input(arguments: Sequence[str]) -> IO[bytes]:
    """What every child reads: nothing, or a list of paths, which can be read only once and is therefore
    kept.
    """
    if "-" not in arguments:
        return Path(os.devnull).open("rb")  # open for as long as there may be another child
    kept = tempfile.TemporaryFile()  # noqa: SIM115
    kept.write(read_standard_input())
    kept.flush()
    return kept


def _forked(reads: IO[bytes]) -> RunProcess | None:
    """A child, or None in the child."""
    parent, (hear, say_on) = os.getpid(), os.pipe()
    if pid := os.fork():
        os.close(say_on)
        os.set_blocking(hear, False)
        return RunProcess(pid, hear)
    os.close(hear)
    die_with_parent()
    if os.getppid() != parent:  # it was quicker
        os._exit(1)
    os.setsid()
    reads.seek(0)
    os.dup2(reads.fileno(), 0)
    global _told  # noqa: PLW0603
    _told = _Told(say_on)
    atexit.register(tell_parent, ENDED)
    return None
