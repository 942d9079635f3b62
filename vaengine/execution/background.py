"""A run in a process of its own: its events are read while it works, and it ends with the process that asked
for it.

The request goes to the child's standard input, which then stays open for as long as the run is wanted. When
it is closed, by `stop` or because the parent ended in whatever way, the child stops as after Ctrl-C. Ray thus
never enters the parent, whose threads, signals and working directory are its own affair: a notebook's kernel,
a web server, a script without a `__main__` guard.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, Final

from schemas import errors
from schemas.errors import UsageError, VaengineError
from vaengine.process.child_environment import environment

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

    from vaengine.requests.request import RunRequest

Event = Mapping[str, Any]

STOP_SECONDS: Final = 90.0  # for chunks in work to be committed and Ray to end; the engine itself waits 60
CLOSED_SECONDS: Final = 10.0  # for what was written before the process ended to be read

# Without -P a stranger's `schemas` in the working directory would be found first.
COMMAND: Final = ("-P", "-m", "vaengine.execution.background")


class BackgroundRun:
    """A run that has been started; whoever holds it reads `next_event` until None.

    Dropping it stops the run.
    """

    def __init__(self, request: RunRequest) -> None:
        self._told = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as this object
        self._process = subprocess.Popen(
            [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._told,
            env=environment(),
            start_new_session=True,  # Ctrl-C in a terminal is the parent's, which passes it on
        )
        weakref.finalize(
            self, self._stdin.close
        )  # Popen keeps itself and its pipes until the child has ended
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._reader = threading.Thread(
            target=_read, args=(self._process.stdout, self._events), name="events", daemon=True
        )
        self._reader.start()
        with contextlib.suppress(BrokenPipeError):  # it ended at once: `last_words` say why
            pickle.dump(request, self._stdin)
            self._stdin.flush()

    @property
    def _stdin(self) -> IO[bytes]:
        if self._process.stdin is None:
            raise AssertionError("standard input is a pipe")
        return self._process.stdin

    @property
    def pid(self) -> int:
        return self._process.pid

    def next_event(self) -> Event | None:
        """The next event as soon as there is one; None once the process has said its last."""
        return self._events.get()

    def stop(self) -> None:
        """Let the chunks in work be committed and wait for the end; a second Ctrl-C, or 90 s, end the
        process at once.
        """
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
        except BaseException:
            self._kill()
            raise
        self._reader.join(CLOSED_SECONDS)
        if self._reader.is_alive():  # a process that was left behind holds the output open
            self._events.put(None)

    def last_words(self) -> str:
        """How the process ended, for one that ended without a report."""
        code = self._process.wait()
        self._told.seek(0)
        lines = self._told.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {code}")

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _read(stream: IO[bytes], events: queue.SimpleQueue[Event | None]) -> None:
    """Hand on each line that is an event, at once: a reader that is slow must not make the run wait."""
    try:
        with stream:
            for line in stream:
                if line.startswith(b"{"):
                    events.put(json.loads(line))
    finally:
        events.put(None)


def error_of(event: Event) -> VaengineError:
    """The error that ended a run, of the class it had there."""
    kind = getattr(errors, event["kind"], VaengineError)
    error: VaengineError = kind(*event["args"])
    return error


def main() -> int:
    """The child: carry out the request from standard input, tell of it in JSON, stop when the input is
    closed; returns the exit code.
    """
    from vaengine.console.output import emit
    from vaengine.execution.foreground import run_in_foreground
    from vaengine.process.signals import Signals

    # File names may be any bytes; what UTF-8 cannot say is escaped as JSON escapes it.
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(1, "wb", closefd=False)), encoding="utf-8", errors="backslashreplace"
    )
    request: RunRequest = pickle.load(sys.stdin.buffer)
    with Signals() as signals:
        threading.Thread(target=_stop_when_closed, args=(_taken_input(),), daemon=True).start()
        try:
            return run_in_foreground(request, signals, as_json=True)
        except VaengineError as error:
            emit("error", kind=type(error).__name__, args=list(error.args))
            return 2 if isinstance(error, UsageError) else 1


class _Output(io.FileIO):
    """Standard output whose reader may die at any moment: the run is then stopped as cleanly as otherwise."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes


def _taken_input() -> int:
    """Standard input under another number, which nothing that is started inherits; what is started finds
    it empty.
    """
    taken = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return taken


def _stop_when_closed(descriptor: int) -> None:
    while os.read(
        descriptor, 1024
    ):  # not sys.stdin, whose lock a thread must not hold when the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
