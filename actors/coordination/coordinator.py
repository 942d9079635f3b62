"""The coordinator: counts what is in work, done and failed in a run, and says whether work may begin.

Its state is written to the store in batches. A coordinator that is started again continues from there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from actors.coordination.holders import Holders, SilentWorker
from actors.coordination.in_flight import InFlight
from actors.coordination.patience import PatienceClock
from actors.coordination.synchronized import synchronized
from schemas.work.attempt import Attempt, Token
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.messages import ChunkFailure
from schemas.work.progress import Finished, PipelineProgress, PlannedVideo, Snapshot, Worker, WorkerCall
from schemas.work.retry import WORKER_LOST

MAX_FAILURE_LINES = 5  # the store has all of them


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The state of a run as the driver reads it."""

    snapshot: Snapshot
    halted: str | None  # why nothing more can be stored
    finished: tuple[Finished, ...]  # since the status before
    calls: tuple[WorkerCall, ...]  # not over yet, the longest silent first
    plan_lost: bool  # the coordinator was started again, and needs `planned_before`
    silent: tuple[SilentWorker, ...] = ()  # workers that hold chunks and give no sign of life
    breaks: int = 0  # of connections to workers, so far


class Coordinator:
    """Counts events and answers with frozen values. Any thread may call it.

    Each event costs O(1) and may come twice.

    `silent_s` is that of `InFlight`, `worker_silent_s` is `silent_s` of `Holders`. `known` is the last
    recorded snapshot of an earlier coordinator.
    """

    def __init__(
        self,
        silent_s: float = float("inf"),
        *,
        worker_silent_s: float = float("inf"),
        known: Snapshot | None = None,
        clock: Callable[[], float] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.lock = threading.RLock()
        self._clock = clock = clock or PatienceClock()  # read twice a second, for the status
        self._began = clock() - (known.elapsed_s if known else 0.0)
        self._working_since = clock() - known.working_s if known and known.working_s else None
        self._snapshot = replace(known, in_work=0) if known else Snapshot()
        self._plan_lost = known is not None
        self._open_keys: dict[str, set[WorkKey]] = {}  # video -> pipelines not ended
        self._failed_videos: set[str] = set()
        self._held_videos: frozenset[str] = frozenset()
        self._in_flight = InFlight(silent_s, clock, now)
        self._holders = Holders(worker_silent_s, clock)
        self._now = now
        self._begun_keys: set[WorkKey] = set()  # and not ended
        self._unread_starts: dict[WorkKey, datetime] = {}
        self._failure_lines: deque[str] = deque(known.failures if known else (), maxlen=MAX_FAILURE_LINES)
        self._unread_finished: list[Finished] = []
        self._halted: str | None = None
        self._is_paused = False

    @synchronized
    def planned(self, videos: Sequence[PlannedVideo]) -> None:
        """Count more videos as work of this run."""
        for video in videos:
            self._open_keys[video.video_id] = set(video.frames)
            for key, frames in video.frames.items():
                self._count(key.pipeline, frames_total=frames)
        self._add(
            videos_total=len(videos),
            video_s_total=sum(video.video_s for video in videos),
            sound_s_total=sum(video.sound_s for video in videos),
            frames_total=sum(video.decoded for video in videos),
        )

    @synchronized
    def planned_before(self, keys: Sequence[WorkKey]) -> None:
        """Restore the open keys of work that an earlier coordinator has counted."""
        for key in keys:
            self._open_keys.setdefault(key.video_id, set()).add(key)
        self._plan_lost = False

    @synchronized
    def videos_without_work(self, *, skipped: int = 0, failures: Sequence[str] = ()) -> None:
        """Count videos that need no work (`skipped`) or cannot be read (`failures`: one line each)."""
        self._add(videos_total=skipped + len(failures), videos_skipped=skipped, videos_failed=len(failures))
        for line in failures:
            self._note_failure(line)

    @synchronized
    def probing_done(self) -> None:
        """No more videos will be planned."""
        self._snapshot = replace(self._snapshot, probing=False)

    @synchronized
    def started(self, token: Token, worker: Worker, keys: Sequence[WorkKey] = ()) -> bool:
        """An attempt at a chunk of these keys begins; False tells the worker to leave the chunk."""
        if (
            self._is_paused
            or self.stopping()
            or token.video_id in self._held_videos
            or self._holders.is_fenced(worker)
        ):
            return False
        if self._working_since is None:
            self._working_since = self._clock()
        self._in_flight.lease(token, worker)
        self._holders.begin(worker, token.chunk_id)
        for key in keys:
            if key not in self._begun_keys:
                self._begun_keys.add(key)
                self._unread_starts[key] = self._now()
        return True

    @synchronized
    def busy(self, worker: Worker, chunk_ids: tuple[str, ...], length_s: float) -> None:
        """A worker begins a call that may hang."""
        if not self._holders.is_fenced(worker):
            self._in_flight.busy(worker, chunk_ids, length_s)
            self._holders.hold(worker, self._in_flight.in_work(chunk_ids))

    @synchronized
    def idle(self, worker: Worker) -> None:
        """The worker's call is over, or the worker waits for others."""
        self._in_flight.idle(worker)
        self._holders.worked(worker)

    @synchronized
    def handed_over(self, worker: Worker, chunk_ids: Sequence[str]) -> None:
        """What the worker made of these chunks is in other hands."""
        self._holders.hand_over(worker, chunk_ids)

    @synchronized
    def beat(self, worker: Worker) -> bool:
        """The heartbeat thread of a worker lives; True tells it that its work was taken from it."""
        self._holders.beat(worker)
        return self._holders.is_fenced(worker)

    @synchronized
    def take_from(self, worker: Worker, reason: str) -> tuple[Token, ...]:
        """Take from a worker what it holds, for good: those attempts are lost, and it begins no other.

        Returns their tokens: commits of them are to be refused.
        """
        self._in_flight.idle(worker)
        taken = self._in_flight.tokens(self._holders.fence(worker))
        for token in taken:
            failure = ChunkFailure(WORKER_LOST, f"{worker}: {reason}", transient=True)
            self._in_flight.fail(token.chunk_id, failure)
        return taken

    @synchronized
    def heartbeat(self, worker: Worker, video_id: str, *, to_its_end: bool = False) -> bool:
        """A worker is alive; True tells it to leave its work on the video.

        `to_its_end`: the worker may finish this work after a stop, unless nothing more can be stored.
        """
        self._in_flight.heartbeat(worker)
        self._holders.worked(worker)
        stopped = self._halted is not None if to_its_end else self.stopping()
        return stopped or video_id in self._held_videos or self._holders.is_fenced(worker)

    @synchronized
    def pause(self, *, paused: bool) -> None:
        """Begin nothing more for now, and let what is in work come to its end; or begin again."""
        self._is_paused = paused

    @synchronized
    def hold(self, video_ids: Sequence[str]) -> None:
        """Begin nothing more of these videos, and leave their work; replaces the videos held before."""
        self._held_videos = frozenset(video_ids)
        # What is paused begins once more.
        self._begun_keys = {key for key in self._begun_keys if key.video_id not in self._held_videos}

    @synchronized
    def left(self, chunk_id: str, failure: ChunkFailure | None = None) -> None:
        """A chunk was left because the run is stopping, or failed in a way that another attempt may cure."""
        self._holders.drop(chunk_id)
        if failure is None:
            self._in_flight.settle(chunk_id)
        else:
            self._in_flight.fail(chunk_id, failure)

    @synchronized
    def committed(self, spec: ChunkSpec) -> None:
        """A chunk is in the store."""
        self._settle(spec.chunk_id)
        for key in spec.keys:
            self._count(key.pipeline, frames_done=spec.frame_count)
        self._add(frames_done=spec.frame_count, video_s_done=spec.duration_s)

    @synchronized
    def block_committed(self, block: AudioBlock) -> None:
        """A block of sound is in the store."""
        self._settle(block.chunk_id)
        self._count(block.key.pipeline, frames_done=block.whole_seconds)
        self._add(sound_s_done=block.duration_s)

    @synchronized
    def finished(self, finished: Finished) -> None:
        """One pipeline of one video is complete or has failed; a repeated event changes nothing."""
        key, failed = finished.key, finished.error is not None
        if key not in self._open_keys.get(key.video_id, ()):
            return
        self._unread_finished.append(finished)
        self._begun_keys.discard(key)
        self._count(key.pipeline, videos_done=int(not failed), videos_failed=int(failed))
        if failed:
            self._failed_videos.add(key.video_id)
            self._note_failure(f"{key.video_id} {key.pipeline}: {finished.error}")
        open_keys = self._open_keys[key.video_id]
        open_keys.discard(key)
        if not open_keys:
            del self._open_keys[key.video_id]
            video_failed = key.video_id in self._failed_videos
            self._add(videos_done=int(not video_failed), videos_failed=int(video_failed))

    @synchronized
    def stop(self) -> None:
        """Begin no further chunk."""
        self._snapshot = replace(self._snapshot, stopping=True)

    @synchronized
    def halt(self, reason: str) -> None:
        """Stop because nothing more can be stored."""
        self._halted = self._halted or reason
        self.stop()

    @synchronized
    def ping(self) -> None:
        """Answers as long as this process lives."""

    @synchronized
    def stopping(self) -> bool:
        return self._snapshot.stopping

    @synchronized
    def status(self) -> RunStatus:
        """The state of the run, and what has finished since the last call."""
        finished, self._unread_finished = tuple(self._unread_finished), []
        return RunStatus(
            self.snapshot(),
            self._halted,
            finished,
            tuple(self._in_flight.calls()),
            self._plan_lost,
            tuple(self._holders.silent()),
            self._holders.breaks,
        )

    @synchronized
    def batch(self) -> tuple[list[Attempt], Snapshot]:
        """What is to be recorded: attempts that changed since the last call, and the current snapshot."""
        return self._in_flight.changes(), self.snapshot()

    @synchronized
    def starts(self) -> dict[WorkKey, datetime]:
        """When the first chunk of a key began, for keys that began since the last call.

        A key begins again after a pause, and with a new coordinator.
        """
        starts, self._unread_starts = self._unread_starts, {}
        return starts

    @synchronized
    def in_work(self) -> list[str]:
        """Ids of the chunks in work, as far as events have come in."""
        return self._in_flight.chunk_ids()

    @synchronized
    def snapshot(self) -> Snapshot:
        """The counts and times of the run at this moment."""
        now = self._clock()
        return replace(
            self._snapshot,
            in_work=len(self._in_flight),
            elapsed_s=now - self._began,
            working_s=now - self._working_since if self._working_since is not None else 0.0,
            failures=tuple(self._failure_lines),
        )

    def _settle(self, chunk_id: str) -> None:
        self._in_flight.settle(chunk_id)
        self._holders.drop(chunk_id)

    def _note_failure(self, line: str) -> None:
        self._failure_lines.append(line)
        self._add(failure_count=1)

    def _add(self, **amounts: float) -> None:
        self._snapshot = replace(
            self._snapshot,
            **{name: getattr(self._snapshot, name) + amount for name, amount in amounts.items()},
        )

    def _count(self, pipeline: str, **amounts: int) -> None:
        before = self._snapshot.pipelines.get(pipeline, PipelineProgress())
        after = replace(before, **{name: getattr(before, name) + amount for name, amount in amounts.items()})
        self._snapshot = replace(self._snapshot, pipelines={**self._snapshot.pipelines, pipeline: after})
