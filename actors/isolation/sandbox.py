"""Tries one chunk at a time in a process of its own, under limits: what ends the process is known exactly."""

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

POLL_SECONDS: Final = 0.2  # between two checks of the limits
# A chunk may take this much processor time for each of its seconds, beside `SandboxLimits.silent_s`.
CPU_SECONDS_PER_SECOND: Final = 60.0


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How one attempt at a chunk in a sandbox ended.

    A chunk that came through has `values` for the finalizer, another has a `failure`. `to_blame`: the process
    ended, or had to be ended, while it held this chunk. `cancelled`: left because the run stops.
    """

    chunk_id: str
    values: tuple[Delivery, ...] = ()
    failure: ChunkFailure | None = None
    to_blame: bool = False
    cancelled: bool = False


class Sandbox:
    """One child process for chunks, started when it is needed and again after a chunk has ended it."""

    def __init__(self, settings: Settings) -> None:
        self._limits = SandboxLimits.of(settings)
        self._child = ChildProcess("actors.isolation.sandbox_process", settings)

    def try_chunk(self, work: ChunkSpec | AudioBlock, stopping: Callable[[], bool]) -> TrialResult:
        """Try one chunk. Whatever the chunk does is in the result; raises `NotStarted` from the child."""
        connection = self._child.connection()
        values: list[Delivery] = []
        phase: str | None = None
        clock = PatienceClock()
        last_sign_s = clock()
        try:
            connection.send(
                SandboxRequest(work, self._limits.silent_s + CPU_SECONDS_PER_SECOND * work.duration_s)
            )
            while True:
                if connection.poll(POLL_SECONDS):
                    message, last_sign_s = connection.recv(), clock()
                    if isinstance(message, SandboxReply):
                        return _completed(work.chunk_id, values)
                    if isinstance(message, Phase):
                        phase = message.pipeline
                    else:
                        values.append(message)
                elif reason := self._excess(clock() - last_sign_s):
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
        """End the process from another thread; the thread that waits for it notices."""
        self._child.kill_if_started()

    def _excess(self, silent_s: float) -> ChunkFailure | None:
        """The failure for the limit that the process exceeds, if any."""
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
        """The result where the process is ended for a `reason`, or has ended by itself.

        Its chunk is to blame, unless somebody killed the process.
        """
        ended = self._child.end(reason)
        failure = replace(ended, message=f"{work.chunk_id} alone: {ended.message}", pipeline=phase)
        return TrialResult(work.chunk_id, failure=failure, to_blame=ended.kind != "worker_lost")


def _completed(chunk_id: str, values: list[Delivery]) -> TrialResult:
    """The result of a chunk that came through: its values, or a failure that another attempt may cure."""
    failures = [value.failure for value in values if value.failure is not None]
    transient = next((failure for failure in failures if failure.transient), None)
    return TrialResult(chunk_id, failure=transient) if transient else TrialResult(chunk_id, tuple(values))


class IsolationStage:
    """An actor of the isolation pool: tries chunks in its sandbox and delivers final values."""

    def __init__(self, connect: Connect, settings: Settings) -> None:
        self._links, self._sandbox = connect(), Sandbox(settings)
        self._watch = Watch(self._links, to_its_end=True)

    def node_id(self) -> str:
        """The Ray node that it is on."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def try_chunk(self, work: ChunkSpec | AudioBlock) -> TrialResult:
        """Try one chunk and deliver its values to the finalizer; the result returned has none."""
        return try_in_sandbox(work, self._sandbox, self._links, self._watch)


def try_in_sandbox(
    work: ChunkSpec | AudioBlock, sandbox: Sandbox, links: StageLinks, watch: Watch
) -> TrialResult:
    """Try one chunk and deliver its values to the finalizer; the result returned has none."""
    if not watch.started(work):
        return TrialResult(work.chunk_id, cancelled=True)
    trial = sandbox.try_chunk(work, lambda: watch.leave(work.token.video_id))
    links.deliver(trial.values)
    links.handed_over([work.chunk_id])
    return replace(trial, values=())
