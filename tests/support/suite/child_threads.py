"""Child processes as threads of this one: a start without imports, for tests that lose none.

Files are always probed by threads, but in tests marked `child_processes` and by commands that are installed.
What decodes and detects is a thread where a run of a test says so (`tests.support.runs.runs`).
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any
from unittest.mock import patch

import pytest

from schemas.pipelines import AUDIO
from schemas.work.messages import ChunkFailure


class ChildThread:
    """What a run asks of an `actors.child_process.ChildProcess`, carried out by a thread.

    A thread cannot be ended from outside: it ends when its connection does.
    """

    def __init__(
        self, module: str, greeting: object = None, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._main, self._greeting = importlib.import_module(module).main, greeting
        self._connection: Connection | None = None

    @property
    def pid(self) -> int:
        return os.getpid()

    def start(self) -> None:
        if self._connection is None:
            self._connection, theirs = Pipe()
            threading.Thread(target=self._carry_out, args=(theirs,), daemon=True).start()
            if self._greeting is not None:
                self._connection.send(self._greeting)

    def connection(self) -> Connection:
        self.start()
        assert self._connection is not None
        return self._connection

    def end(self, reason: ChunkFailure | None) -> ChunkFailure:
        raise AssertionError(f"a thread that stands for a child process was lost: {reason}")

    def kill_if_started(self) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _carry_out(self, theirs: Connection) -> None:
        with theirs, suppress(OSError, EOFError):  # whoever started it has gone on
            self._main(theirs)


def _attached(connection: Any) -> Connection:
    return connection  # type: ignore[no-any-return]  # `main` is handed the connection itself


def _allow_any(seconds: float) -> None:
    """A limit would be one of the whole suite."""


class _Threads:
    """Threads in place of the processes that one module starts and another one carries out, as long as
    anybody is inside.
    """

    def __init__(self, started_by: str, carried_out_by: str) -> None:
        self._started_by, self._carried_out_by = started_by, carried_out_by
        self._lock, self._inside, self._applied = threading.Lock(), 0, list[Any]()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._applied = [
                    patch(f"{self._started_by}.ChildProcess", ChildThread),
                    patch(f"{self._carried_out_by}.attach", _attached),
                    patch(f"{self._carried_out_by}.allow_cpu", _allow_any),
                ]
                for one in self._applied:
                    one.start()

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for one in self._applied:
                    one.stop()


_SANDBOXES = _Threads("actors.isolation.sandbox", "actors.isolation.sandbox_process")
_PROBES = _Threads("vaengine.planning.prober", "vaengine.planning.prober")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with nullcontext() if item.get_closest_marker("child_processes") else _PROBES:
        return (yield)


@contextmanager
def child_threads(pipelines: Sequence[str]) -> Iterator[None]:
    """Runs that begin here start threads for child processes; several threads may be inside at once.

    Where there is sound they start processes all the same: its libraries set globals while they load a model.
    """
    with nullcontext() if AUDIO in pipelines else _SANDBOXES:
        yield
