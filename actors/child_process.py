"""Runs a child process that ends with its parent, and has both ends of the connection between them.

It imports little: a process that forks imports this module, and must not have threads of numpy by then.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, TYPE_CHECKING, Any, Final

from schemas.errors import NotStarted

if TYPE_CHECKING:
    from schemas.work.messages import ChunkFailure

OUTPUT_BYTES: Final = 8000  # kept, from the end of what a process printed
# With -m the module's classes would belong to `__main__`. Without -P another `schemas` in the working folder
# would be found first.
_PROGRAM: Final = "import sys; from {module} import main; sys.exit(main(int(sys.argv[1])))"
_PR_SET_PDEATHSIG: Final = 1  # of prctl(2)


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    connection: Connection
    output: IO[bytes]
    is_ready: bool = False  # it has reported that it takes requests

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()
        self.output.close()


class ChildProcess:
    """A Python process that runs `main(descriptor)` of a module, in a session of its own.

    It is started on demand, and again after it has ended. `greeting` is the first object that is sent to it.
    `environment` is by default that of this process, with its module path.
    """

    def __init__(
        self, module: str, greeting: object = None, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._module, self._greeting, self._environment = module, greeting, environment
        self._running: _Running | None = None
        self._closing = threading.Lock()

    def connection(self) -> Connection:
        """The connection to the process, which is started if needed.

        Raises `NotStarted` where the process ends before it takes requests: no request is to blame.
        """
        running = self.start()
        if not running.is_ready:
            try:
                running.connection.recv()
            except (EOFError, OSError):
                ended = self.end(None)
                raise NotStarted(
                    self._module, ended.message, (ended.traceback or "it said nothing").splitlines()[-1]
                ) from None
            running.is_ready = True
        return running.connection

    def start(self) -> _Running:
        """Start the process unless it runs, without waiting until it takes requests."""
        running = self._running
        if running is None or (running.is_ready and running.process.poll() is not None):
            self.close()
            running = self._running = self._start()
        return running

    @property
    def pid(self) -> int:
        return self._existing.process.pid

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end; returns the exit code, negative for a signal.

        Raises `subprocess.TimeoutExpired`.
        """
        return self._existing.process.wait(timeout_s)

    def output(self) -> str | None:
        """The last `OUTPUT_BYTES` that the process printed; None where it printed nothing."""
        file = self._existing.output
        file.seek(max(0, file.seek(0, os.SEEK_END) - OUTPUT_BYTES))
        return file.read().decode(errors="replace").strip() or None

    def end(self, reason: ChunkFailure | None) -> ChunkFailure:
        """How the process ended, with the end of its output.

        A `reason` of ours ends the process; without one, this waits until it has ended.
        """
        from schemas.work.messages import ChunkFailure

        if reason is not None:
            self._existing.process.kill()
        cause = reason or _cause(self.wait())
        self.wait()
        ended = ChunkFailure(cause.kind, cause.message, transient=True, traceback=self.output())
        self.close()
        return ended

    def kill(self) -> None:
        """Kill the process and what it has started in its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def kill_if_started(self) -> None:
        """Kill the process from any thread; the thread that works with it finds the connection closed."""
        if (running := self._running) is not None:
            running.process.kill()

    def close(self) -> None:
        """Kill the process, if there is one, and close what belongs to it. Safe in two threads at once."""
        with self._closing:
            running, self._running = self._running, None
        if running is not None:
            running.close()

    @property
    def _existing(self) -> _Running:
        running = self._running
        if running is None:
            raise AssertionError("a process is started before it is looked at")
        return running

    def _start(self) -> _Running:
        ours, theirs = Pipe()
        output = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the process
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM.format(module=self._module), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=self._environment
            or {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            # No Ctrl-C of its own, and no stop for what a library does to the terminal of a group in the
            # background.
            start_new_session=True,
        )
        theirs.close()
        if self._greeting is not None:
            # A process that has ended at once is noticed when its first answer is read.
            with contextlib.suppress(BrokenPipeError):
                ours.send(self._greeting)
        return _Running(process, ours, output)


def _cause(code: int) -> ChunkFailure:
    """Why a process ended that we did not end; SIGKILL comes from elsewhere and proves nothing."""
    from schemas.work.messages import ChunkFailure

    if code == -signal.SIGKILL:
        return ChunkFailure(
            "worker_lost",
            "its process was killed (by the system for want of memory, or by somebody)",
            transient=True,
        )
    if code == -signal.SIGXCPU:
        return ChunkFailure("timeout", "its process took more processor time than it may", transient=True)
    ending = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return ChunkFailure("crash", f"its process ended with {ending}", transient=True)


# The end in the child process.


def attach(descriptor: int, *, outlives_thread: bool = False) -> Connection:
    """Connect this process to its parent and report that it is ready; returns the connection.

    The kernel ends this process with the thread that started it. With `outlives_thread` it has to notice by
    itself that the connection is closed. A crash prints a traceback.
    """
    if not outlives_thread:
        die_with_parent()
    os.set_inheritable(descriptor, False)  # what this process starts must not hold the connection open
    faulthandler.enable()
    connection = Connection(descriptor)
    connection.send("ready")
    return connection


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only)."""
    # A process that hangs would not notice by itself that nobody waits for it any more.
    if sys.platform == "linux":
        libc: Any = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def allow_cpu(seconds: float) -> None:
    """Limit the processor time of this process from now on, in seconds; the kernel ends it beyond them."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime + seconds) + 1, hard))
