"""Runs a batch in a child process that sends its events and ends with its parent.

The parent sends the request over a connection that stays open for as long as the run is wanted. When the
connection ends, by `stop` or because the parent ended in any way, the child stops as after Ctrl-C. Ray thus
never enters the parent, and the parent's threads, signals and working directory do not matter: it may be the
kernel of a notebook, a web server or a script without a `__main__` guard.
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

STOP_SECONDS: Final = 90.0  # for chunks in work to be committed and Ray to end; the run loop itself waits 60
READ_SECONDS: Final = 10.0  # for reading events that the process sent before its end


class BackgroundRun:
    """A run that was started in a child process; its owner reads `next_event` until None.

    The run stops when this object is garbage collected.
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
        """The process id of the child."""
        return self._child.pid

    def next_event(self) -> Event | None:
        """Wait for the next event and return it; None after the last one."""
        return self._events.get()

    def stop(self) -> None:
        """Stop the run as soon as its chunks in work are committed, and wait for the end.

        The process is killed after 90 s, or at an exception such as a second Ctrl-C.
        """
        _hang_up(self._connection)
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
        except BaseException:
            self._child.kill()
            raise
        self._reader.join(READ_SECONDS)
        if self._reader.is_alive():  # a grandchild still holds the connection open
            self._events.put(None)

    def last_words(self) -> str:
        """The last line of the process's output, or its exit code, for a run that ended without a report."""
        code, output = self._child.wait(), self._child.output()
        return output.splitlines()[-1].strip() if output and code >= 0 else f"exit code {code}"


def _hang_up(connection: Connection) -> None:
    """Close the sending side of the connection, which stops the run; its events still arrive."""
    # An OSError says that the run has ended, or that the side was closed before.
    with (
        contextlib.suppress(OSError),
        socket.socket(fileno=os.dup(connection.fileno())) as duplicate,
    ):
        duplicate.shutdown(socket.SHUT_WR)


def _read(connection: Connection, events: queue.SimpleQueue[Event | None]) -> None:
    """Put each line that is an event into the queue at once: a slow owner must not make the run wait."""
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
    """The error that ended a run, of the same class as in the child process."""
    error_class = getattr(errors, event["kind"], VaengineError)
    error: VaengineError = error_class(*event["args"])
    return error


def main(descriptor: int) -> int:
    """Run in the child: receive a request, carry it out, send its events as JSON; returns the exit code.

    The run stops when the parent closes the connection.
    """
    connection = attach(descriptor, outlives_thread=True)  # a notebook's thread may end before its batch

    from vaengine.console.output import emit
    from vaengine.execution.foreground import run_in_foreground
    from vaengine.process.signals import Signals

    # File names may be any bytes; those that are no UTF-8 are escaped as in JSON.
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_EventStream(connection)), encoding="utf-8", errors="backslashreplace"
    )
    request: RunRequest = connection.recv()
    with Signals() as signals:
        threading.Thread(target=_stop_at_hang_up, args=(connection,), daemon=True).start()
        try:
            return run_in_foreground(request, signals, as_json=True)
        except VaengineError as error:
            emit("error", kind=type(error).__name__, args=list(error.args))
            return 2 if isinstance(error, UsageError) else 1


class _EventStream(io.RawIOBase):
    """Standard output that goes to the parent, and nowhere once the parent has died.

    The run then stops as cleanly as it does after `stop`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Send `data` to the parent; returns its number of bytes."""
        with contextlib.suppress(OSError):
            self._connection.send_bytes(data)
        return memoryview(data).nbytes


def _stop_at_hang_up(connection: Connection) -> None:
    """Wait for the end of the connection, then interrupt this process. No data follow the request."""
    with contextlib.suppress(EOFError, OSError):
        connection.recv_bytes()
    os.kill(os.getpid(), signal.SIGINT)
