"""Both ends of a process that may be lost: started over a connection, watched, and its end told as a
reason.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, Final

from actors.parent_death import die_with_parent
from schemas.errors import NotStarted
from schemas.work.messages import ChunkFailure

TOLD_BYTES: Final = 8000  # kept of what a process said last
# with -m its values would be of `__main__`
_PROGRAM: Final = "import sys; from {module} import main; main(int(sys.argv[1]))"


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    line: Connection
    said: IO[bytes]


class Child:
    """A Python process that carries out `main(descriptor)` of a module; started when it is asked for, and
    again after it has ended.

    `greeting` is the first thing it is sent. It ends with the thread that started it.
    """

    def __init__(self, module: str, greeting: object = None) -> None:
        self._module, self._greeting = module, greeting
        self._running: _Running | None = None

    def line(self) -> Connection:
        """The connection to the process.

        Raises `NotStarted` where it ends before it takes orders: no order is to blame for that.
        """
        if self._running is None or self._running.process.poll() is not None:
            self.close()
            self._running = self._started()
            try:
                self._running.line.recv()
            except (EOFError, OSError):
                ended = self.end(None)
                raise NotStarted(
                    self._module, ended.message, (ended.traceback or "it said nothing").splitlines()[-1]
                ) from None
        return self._running.line

    @property
    def pid(self) -> int:
        if self._running is None:
            raise AssertionError("a process is started before it is looked at")
        return self._running.process.pid

    def end(self, reason: ChunkFailure | None) -> ChunkFailure:
        """How the process ended, with its last words; it is ended first where there is a `reason` of ours."""
        if self._running is None:
            raise AssertionError("a process that ends was started")
        if reason is not None:
            self._running.process.kill()
        code = self._running.process.wait()
        told = reason or _reason(code)
        ended = ChunkFailure(
            told.kind, told.message, transient=True, traceback=_last_words(self._running.said)
        )
        self.close()
        return ended

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._running is not None:
            self._running.process.kill()
            self._running.process.wait()
            self._running.line.close()
            self._running.said.close()
        self._running = None

    def _started(self) -> _Running:
        ours, theirs = Pipe()
        said = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the process
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM.format(module=self._module), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        theirs.close()
        if self._greeting is not None:
            ours.send(self._greeting)
        return _Running(process, ours, said)


def _reason(code: int) -> ChunkFailure:
    """Why a process ended that nobody here has ended; SIGKILL comes from elsewhere and proves nothing."""
    if code == -signal.SIGKILL:
        return ChunkFailure(
            "worker_lost",
            "its process was killed (by the system for want of memory, or by somebody)",
            transient=True,
        )
    if code == -signal.SIGXCPU:
        return ChunkFailure("timeout", "its process took more processor time than it may", transient=True)
    told = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return ChunkFailure("crash", f"its process ended with {told}", transient=True)


def _last_words(said: IO[bytes]) -> str | None:
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - TOLD_BYTES))
    return said.read().decode(errors="replace").strip() or None


# The other end.


def settle_in(descriptor: int) -> Connection:
    """Make this process a child: it ends with its parent, leaves the terminal to it, and tells where it
    crashes. Returns its connection.
    """
    die_with_parent()
    # no Ctrl-C of its own, and no stop for what a library does to the terminal of a group in the background
    os.setsid()
    faulthandler.enable()
    line = Connection(descriptor)
    line.send("ready")
    return line


def allow_cpu(seconds: float) -> None:
    """Seconds of processor time from now on; the kernel ends this process beyond them, whatever it is
    busy with.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime + seconds) + 1, hard))
