"""Handles attempts that gave no result: the one place that carries out what is decided about them."""

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

LOST = "the process that held it is gone"


def suspects_among(left: RemainingWork, store: RunStore, epoch: int) -> list[Suspect]:
    """Chunks and blocks of `left` that were tried before.

    Tries still written down as leased are lost: nobody holds them any more.
    """
    tried = by_chunk(store.attempts(left.video_ids))
    found = [suspect for work in left.works if (suspect := suspect_of(work, tried))]
    lost = {
        (one.chunk_id, one.number): _as_lost(one)
        for suspect in found
        for one in suspect.tries
        if one.state is AttemptState.LEASED
    }
    if lost:
        store.record(epoch, list(lost.values()))
    return [
        replace(one, tries=tuple(lost.get((try_.chunk_id, try_.number), try_) for try_ in one.tries))
        for one in found
    ]


def _as_lost(attempt: Attempt) -> Attempt:
    return replace(attempt, state=AttemptState.LOST, failure_kind="worker_lost", error_message=LOST)


@dataclass(frozen=True, slots=True)
class FailureHandler:
    """Carries out in the store, and on the display, what became of attempts."""

    actor_group: ActorGroup
    backlog: Backlog
    epoch: int

    def apply(self, update: PoolUpdate) -> None:
        """Write attempts down, then fail the pipelines that are given up; what they have so far is kept."""
        if update.attempts:
            self.actor_group.store.record(self.epoch, update.attempts)
        for failure in update.failures:
            self._fail(failure)

    def give_up_all(self, left: RemainingWork, trouble: str | None) -> None:
        """Fail what several rounds could not do, for want of a better reason with the workers that held
        it.
        """
        for key in sorted(left.lacking | set(left.to_finish)):
            chunks = [work.chunk_id for work in left.works if key in keys_of(work)]
            error = WorkerLost(", ".join(chunks[:3] or [key.video_id]) + (f" ({trouble})" if trouble else ""))
            self._fail(PipelineFailure((key,), error.kind, str(error)))

    def _fail(self, failure: PipelineFailure) -> None:
        for key in failure.keys:
            with contextlib.suppress(LeaseLost):  # called off meanwhile, or another run's by now
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
    """Tries of each video that count against its budget."""
    counts: dict[str, int] = {}
    for one in attempts:
        if one.state in COUNTED:
            counts[one.video_id] = counts.get(one.video_id, 0) + 1
    return counts
