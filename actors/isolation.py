"""Suspects are tried alone: a process of its own for one chunk at a time, watched and held to limits, so that blame is exact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, Final

from actors.isolated import Done, Order, Phase
from actors.limits import MIB, Limits, resident_bytes
from actors.pieces import BlockEnd, BoxesPiece, ChunkEnd, Failure
from actors.stages import CrewNames, Deliveries, Watch
from schemas.chunk import ChunkSpec
from schemas.settings import Settings
from schemas.sound import SoundBlock

LOOK_SECONDS: Final = 0.2  # from one look at the process to the next
CPU_SECONDS_PER_SECOND: Final = 60.0  # of a chunk's own length, on top of what any may take
PROGRAM: Final = "import sys; from actors.isolated import main; main(int(sys.argv[1]))"  # with -m its values would be of `__main__`
TOLD_BYTES: Final = 8000  # kept of what a process said last

Value = BoxesPiece | ChunkEnd | BlockEnd


@dataclass(frozen=True, slots=True)
class Trial:
    """How one try of one chunk alone ended: `values` for the finalizer where it came through, `failure` where it did not.

    `to_blame`: the process ended, or had to be ended, while it held this chunk. `cancelled`: left because the run stops.
    """

    chunk_id: str
    values: tuple[Value, ...] = ()
    failure: Failure | None = None
    to_blame: bool = False
    cancelled: bool = False


class Cell:
    """One process for chunks, started when it is needed and again after each that ends it."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._limits = settings, Limits.of(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._said: IO[bytes] | None = None

    def examine(self, work: ChunkSpec | SoundBlock, stopping: Callable[[], bool]) -> Trial:
        """Try one chunk; never raises for what the chunk does."""
        line, process = self._open()
        values: list[Value] = []
        phase: str | None = None
        heard_s = time.monotonic()
        try:
            line.send(Order(work, self._limits.silent_s + CPU_SECONDS_PER_SECOND * work.duration_s))
            while True:
                if line.poll(LOOK_SECONDS):
                    told, heard_s = line.recv(), time.monotonic()
                    if isinstance(told, Done):
                        return _told(work.chunk_id, values)
                    if isinstance(told, Phase):
                        phase = told.pipeline
                    else:
                        values.append(told)
                elif reason := self._excess(process, time.monotonic() - heard_s):
                    return self._ended(work, phase, reason)
                if stopping():
                    self.close()
                    return Trial(work.chunk_id, cancelled=True)
        except (EOFError, OSError):  # the process is gone
            return self._ended(work, phase, None)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for handle in (self._line, self._said):
            if handle is not None:
                handle.close()
        self._process = self._line = self._said = None

    def _open(self) -> tuple[Connection, subprocess.Popen[bytes]]:
        if self._line is not None and self._process is not None and self._process.poll() is None:
            return self._line, self._process
        self.close()
        ours, theirs = Pipe()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        theirs.close()
        ours.send(self._settings)
        self._line = ours
        return ours, self._process

    def _excess(self, process: subprocess.Popen[bytes], silent_s: float) -> Failure | None:
        """What limit the process is beyond, if any."""
        resident = resident_bytes(process.pid)
        if resident > self._limits.memory_bytes:
            return Failure("out_of_memory", f"{resident // MIB} MiB of memory taken (recovery.alone_memory_mb)", transient=True)
        if silent_s > self._limits.silent_s:
            return Failure("timeout", f"no sign of progress for {silent_s:.0f} s (recovery.alone_seconds)", transient=True)
        return None

    def _ended(self, work: ChunkSpec | SoundBlock, phase: str | None, reason: Failure | None) -> Trial:
        """The process is ended for a reason, or has ended by itself; the chunk it held is to blame, unless somebody killed it."""
        if self._process is None:
            raise AssertionError("a process that ended was started")
        if reason is not None:
            self._process.kill()
        code = self._process.wait()
        reason = reason or _reason(code)
        failure = Failure(
            reason.kind, f"{work.chunk_id} alone: {reason.message}", transient=True, pipeline=phase, traceback=self._last_words()
        )
        self.close()
        return Trial(work.chunk_id, failure=failure, to_blame=reason.kind != "worker_lost")

    def _last_words(self) -> str | None:
        if self._said is None:
            return None
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - TOLD_BYTES))
        return self._said.read().decode(errors="replace").strip() or None


def _told(chunk_id: str, values: list[Value]) -> Trial:
    """A chunk that came through: what another try may cure is not handed on, what is final is."""
    failures = [value.failure for value in values if value.failure is not None]
    transient = next((failure for failure in failures if failure.transient), None)
    return Trial(chunk_id, failure=transient) if transient else Trial(chunk_id, tuple(values))


def _reason(code: int) -> Failure:
    """Why a process ended that nobody here has ended; SIGKILL comes from elsewhere and proves nothing."""
    if code == -signal.SIGKILL:
        return Failure("worker_lost", "its process was killed (by the system for want of memory, or by somebody)", transient=True)
    if code == -signal.SIGXCPU:
        return Failure("timeout", "its process took more processor time than a chunk of its length may", transient=True)
    told = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return Failure("crash", f"its process ended with {told}", transient=True)


class IsolationStage:
    """A cell beside others in a pool of actors: tries a chunk alone and hands what is final to the finalizer."""

    def __init__(self, names: CrewNames, settings: Settings) -> None:
        self._deliveries, self._watch = Deliveries(names), Watch(names)
        self._cell = Cell(settings)

    def examine(self, work: ChunkSpec | SoundBlock) -> Trial:
        """How the try ended; its values are with the finalizer by then and not in the answer."""
        if not self._watch.started(work.token):
            return Trial(work.chunk_id, cancelled=True)
        trial = self._cell.examine(work, lambda: self._watch.leave(work.token.video_id))
        self._deliveries.deliver(trial.values)
        return Trial(work.chunk_id, failure=trial.failure, to_blame=trial.to_blame, cancelled=trial.cancelled)
