"""Runs a batch in a child process that sends its events and ends with its parent.

The request is sent over a connection that stays open for as long as the run is wanted. When it ends, by
`stop` or because the parent ended in whatever way, the child stops as after Ctrl-C. Ray thus never enters the
parent, whose threads, signals and working directory are its own affair: a notebook's kernel, a web server, a
script without a `__main__` guard.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from actors.child_process import ChildProcess, attach
from schemas import errors
from schemas.errors import UsageError, VaengineError
from vaengine.process.child_environment import environment

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

    from vaengine.requests.request import RunRequest

Event = Mapping[str, Any]

STOP_SECONDS: Final = 90.0  # for chunks in work to be committed and Ray to end; the engine itself waits 60
CLOSED_SECONDS: Final = 10.0  # for what was sent before the process ended to be read


class BackgroundRun:
    """A run that has been started; whoever holds it reads `next_event` until None.

    Dropping it stops the run.
    """

    def __init__(self, request: RunRequest) -> None:
        self._child = ChildProcess("vaengine.execution.background", request, environment=environment())
        self._connection = self._child.connection()
        weakref.finalize(self, _hang_up, self._connection)  # the reader keeps the connection
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._reader = threading.Thread(
            target=_read, args=(self._connection, self._events), name="events", daemon=True
        )
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    def next_event(self) -> Event | None:
        """The next event as soon as there is one; None once the process has said its last."""
        return self._events.get()

    def stop(self) -> None:
        """Let the chunks in work be committed and wait for the end; a second Ctrl-C, or 90 s, end the
        process at once.
        """
        _hang_up(self._connection)
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
        except BaseException:
            self._child.kill()
            raise
        self._reader.join(CLOSED_SECONDS)
        if self._reader.is_alive():  # a process that was left behind holds the connection open
            self._events.put(None)

    def last_words(self) -> str:
        """How the process ended, for one that ended without a report."""
        code, output = self._child.wait(), self._child.output()
        return output.splitlines()[-1].strip() if output and code >= 0 else f"exit code {code}"


def _hang_up(connection: Connection) -> None:
    """Tell the run that it is not wanted any more; events still come until it has ended."""
    with contextlib.suppress(OSError):  # it has ended, or was told before
        end = socket.socket(fileno=os.dup(connection.fileno()))
        with end:
            end.shutdown(socket.SHUT_WR)


def _read(connection: Connection, events: queue.SimpleQueue[Event | None]) -> None:
    """Hand on each line that is an event, at once: a reader that is slow must not make the run wait."""
    unfinished = b""
    try:
        while True:
            *lines, unfinished = (unfinished + connection.recv_bytes()).split(b"\n")
            for line in lines:
                if line.startswith(b"{"):
                    events.put(json.loads(line))
    except (EOFError, OSError):
        pass
    finally:
        events.put(None)


def error_of(event: Event) -> VaengineError:
    """The error that ended a run, of the class it had there."""
    kind = getattr(errors, event["kind"], VaengineError)
    error: VaengineError = kind(*event["args"])
    return error


def main(descriptor: int) -> int:
    """The child: carry out the request it is sent, tell of it in JSON, stop when nobody wants it; returns
    the exit code.
    """
    connection = attach(descriptor, outlives_thread=True)  # a notebook's thread may end before its batch

    from vaengine.console.output import emit
    from vaengine.execution.foreground import run_in_foreground
    from vaengine.process.signals import Signals

    # File names may be any bytes; what UTF-8 cannot say is escaped as JSON escapes it.
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_EventStream(connection)), encoding="utf-8", errors="backslashreplace"
    )
    request: RunRequest = connection.recv()
    with Signals() as signals:
        threading.Thread(target=_stop_when_unwanted, args=(connection,), daemon=True).start()
        try:
            return run_in_foreground(request, signals, as_json=True)
        except VaengineError as error:
            emit("error", kind=type(error).__name__, args=list(error.args))
            return 2 if isinstance(error, UsageError) else 1


class _EventStream(io.RawIOBase):
    """Standard output that goes to a reader who may die at any moment: the run is then stopped as cleanly
    as otherwise.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        with contextlib.suppress(OSError):
            self._connection.send_bytes(data)
        return memoryview(data).nbytes


def _stop_when_unwanted(connection: Connection) -> None:
    """Nothing is sent after the request: what comes is the end of the connection."""
    with contextlib.suppress(EOFError, OSError):
        connection.recv_bytes()
    os.kill(os.getpid(), signal.SIGINT)
