"""Tries one chunk at a time in a process of its own, under limits, so that blame is exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from actors.child_process import ChildProcess
from actors.coordination.links import Connect, Delivery, StageLinks
from actors.coordination.patience import PatienceClock
from actors.isolation.limits import MIB, SandboxLimits, resident_bytes
from actors.isolation.messages import Phase, SandboxReply, SandboxRequest
from actors.stages.stages import Watch
from schemas.settings.settings import Settings
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import ChunkFailure

LOOK_SECONDS: Final = 0.2  # from one look at the process to the next
CPU_SECONDS_PER_SECOND: Final = 60.0  # of a chunk's own length, on top of what any may take


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How one try of one chunk alone ended: `values` for the finalizer where it came through, `failure` where
    it did not.

    `to_blame`: the process ended, or had to be ended, while it held this chunk. `cancelled`: left because the
    run stops.
    """

    chunk_id: str
    values: tuple[Delivery, ...] = ()
    failure: ChunkFailure | None = None
    to_blame: bool = False
    cancelled: bool = False


class Sandbox:
    """One process for chunks, started when it is needed and again after each that ends it."""

    def __init__(self, settings: Settings) -> None:
        self._limits, self._child = (
            SandboxLimits.of(settings),
            ChildProcess("actors.isolation.sandbox_process", settings),
        )

    def try_chunk(self, work: ChunkSpec | AudioBlock, stopping: Callable[[], bool]) -> TrialResult:
        """Try one chunk; never raises for what the chunk does."""
        line = self._child.connection()
        values: list[Delivery] = []
        phase: str | None = None
        clock = PatienceClock()
        heard_s = clock()
        try:
            line.send(SandboxRequest(work, self._limits.silent_s + CPU_SECONDS_PER_SECOND * work.duration_s))
            while True:
                if line.poll(LOOK_SECONDS):
                    told, heard_s = line.recv(), clock()
                    if isinstance(told, SandboxReply):
                        return _told(work.chunk_id, values)
                    if isinstance(told, Phase):
                        phase = told.pipeline
                    else:
                        values.append(told)
                elif reason := self._excess(clock() - heard_s):
                    return self._ended(work, phase, reason)
                if stopping():
                    self.close()
                    return TrialResult(work.chunk_id, cancelled=True)
        except (EOFError, OSError):  # the process is gone
            return self._ended(work, phase, None)

    def close(self) -> None:
        """End the process."""
        self._child.close()

    def start(self) -> None:
        """Start the process ahead of need."""
        self._child.start()

    def kill(self) -> None:
        """End the process from another thread; the one that waits for it notices."""
        self._child.kill_if_started()

    def _excess(self, silent_s: float) -> ChunkFailure | None:
        """What limit the process is beyond, if any."""
        resident = resident_bytes(self._child.pid)
        if resident > self._limits.memory_bytes:
            return ChunkFailure(
                "out_of_memory",
                f"{resident // MIB} MiB of memory taken (recovery.alone_memory_mb)",
                transient=True,
            )
        if silent_s > self._limits.silent_s:
            return ChunkFailure(
                "timeout",
                f"no sign of progress for {silent_s:.0f} s (recovery.alone_seconds)",
                transient=True,
            )
        return None

    def _ended(
        self, work: ChunkSpec | AudioBlock, phase: str | None, reason: ChunkFailure | None
    ) -> TrialResult:
        """The process is ended for a reason, or has ended by itself; the chunk it held is to blame,
        unless somebody killed it.
        """
        ended = self._child.end(reason)
        failure = replace(ended, message=f"{work.chunk_id} alone: {ended.message}", pipeline=phase)
        return TrialResult(work.chunk_id, failure=failure, to_blame=ended.kind != "worker_lost")


def _told(chunk_id: str, values: list[Delivery]) -> TrialResult:
    """A chunk that came through: what another try may cure is not handed on, what is final is."""
    failures = [value.failure for value in values if value.failure is not None]
    transient = next((failure for failure in failures if failure.transient), None)
    return TrialResult(chunk_id, failure=transient) if transient else TrialResult(chunk_id, tuple(values))


class IsolationStage:
    """One process among others in a pool: tries a chunk alone and hands what is final to the finalizer."""

    def __init__(self, connect: Connect, settings: Settings) -> None:
        self._links, self._cell = connect(), Sandbox(settings)
        self._watch = Watch(self._links, to_its_end=True)

    def try_chunk(self, work: ChunkSpec | AudioBlock) -> TrialResult:
        """How the try ended; its values are with the finalizer by then and not in the answer."""
        return tried(work, self._cell, self._links, self._watch)


def tried(work: ChunkSpec | AudioBlock, cell: Sandbox, links: StageLinks, watch: Watch) -> TrialResult:
    """One attempt in the cell's process; its values are handed to the finalizer and are not in the answer."""
    if not watch.started(work):
        return TrialResult(work.chunk_id, cancelled=True)
    trial = cell.try_chunk(work, lambda: watch.leave(work.token.video_id))
    links.deliver(trial.values)
    links.handed_over([work.chunk_id])
    return replace(trial, values=())
