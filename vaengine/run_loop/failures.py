"""Writes failed attempts to the store and fails the pipelines that are given up."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

from schemas.errors import LeaseLost, WorkerLost
from schemas.storage.backend import Outcome, RunStore
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from schemas.work.progress import Finished
from vaengine.backends.backend import ActorGroup
from vaengine.planning.backlog import Backlog, RemainingWork
from vaengine.planning.suspects import COUNTED, Suspect, by_chunk, keys_of, suspect_of
from vaengine.run_loop.isolation_queue import PipelineFailure, PoolUpdate

LOST_MESSAGE = "the process that held it is gone"


def suspects_among(left: RemainingWork, store: RunStore, epoch: int) -> list[Suspect]:
    """Chunks and blocks of `left` that were tried before.

    Attempts that the store still has as leased are recorded as lost: nobody holds them any more.
    """
    attempts = by_chunk(store.attempts(left.video_ids))
    suspects = [suspect for work in left.works if (suspect := suspect_of(work, attempts))]
    lost = {
        (attempt.chunk_id, attempt.number): _as_lost(attempt)
        for suspect in suspects
        for attempt in suspect.tries
        if attempt.state is AttemptState.LEASED
    }
    if lost:
        store.record(epoch, list(lost.values()))
    return [
        replace(
            suspect,
            tries=tuple(lost.get((attempt.chunk_id, attempt.number), attempt) for attempt in suspect.tries),
        )
        for suspect in suspects
    ]


def _as_lost(attempt: Attempt) -> Attempt:
    return replace(attempt, state=AttemptState.LOST, failure_kind="worker_lost", error_message=LOST_MESSAGE)


@dataclass(frozen=True, slots=True)
class FailureHandler:
    """Records attempts in the store, and failed pipelines in the store and on the display."""

    actor_group: ActorGroup
    backlog: Backlog
    epoch: int

    def apply(self, update: PoolUpdate) -> None:
        """Record attempts, then fail the pipelines that are given up; results they have are kept."""
        if update.attempts:
            self.actor_group.store.record(self.epoch, update.attempts)
        for failure in update.failures:
            self._fail(failure)

    def give_up_all(self, left: RemainingWork, last_error: str | None) -> None:
        """Fail all remaining pipelines as `WorkerLost`, after several rounds that changed nothing."""
        for key in sorted(left.lacking | set(left.to_finish)):
            chunk_ids = [work.chunk_id for work in left.works if key in keys_of(work)]
            reason = f" ({last_error})" if last_error else ""
            error = WorkerLost(", ".join(chunk_ids[:3] or [key.video_id]) + reason)
            self._fail(PipelineFailure((key,), error.kind, str(error)))

    def _fail(self, failure: PipelineFailure) -> None:
        for key in failure.keys:
            with contextlib.suppress(LeaseLost):  # cancelled meanwhile, or another run's by now
                self.actor_group.store.finish(self.epoch, self._outcome(key, failure))
                self.actor_group.coordinator.finished(Finished(key, failure.reason))

    def _outcome(self, key: WorkKey, failure: PipelineFailure) -> Outcome:
        return Outcome(
            key,
            self.backlog.entries[key.video_id].job_id,
            JobStatus.FAILED,
            error_message=failure.reason,
            failure_kind=failure.kind,
            traceback=failure.traceback,
        )


def spent_by_video(attempts: list[Attempt]) -> dict[str, int]:
    """Number of attempts that count against the budget of each video."""
    counts: dict[str, int] = {}
    for attempt in attempts:
        if attempt.state in COUNTED:
            counts[attempt.video_id] = counts.get(attempt.video_id, 0) + 1
    return counts
