"""What is known of tries that gave no result, and the one place that carries out what the policy says of
them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from schemas.errors import LeaseLost, WorkerLost
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.job import JobStatus
from schemas.work.progress import Finished
from schemas.work.retry import GiveUp
from vaengine.execution.actor_group import ActorGroup
from vaengine.planning.backlog import Backlog, RemainingWork
from vaengine.planning.suspects import COUNTED, Suspect, Work, by_chunk, suspect_of

LOST = "the process that held it is gone"


def suspects_among(left: RemainingWork, store: StorageBackend, epoch: int) -> list[Suspect]:
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


@dataclass(slots=True)
class FailureHandler:
    """What the isolation lane needs of the run."""

    crew: ActorGroup
    intake: Backlog
    epoch: int
    tick: Callable[[], None]
    over: Callable[[], bool]
    _ended: set[WorkKey] = field(default_factory=set)

    def record(self, attempt: Attempt) -> None:
        """Write a try down, before it begins and once it has ended."""
        self.crew.store.record(self.epoch, [attempt])

    def wanted(self, suspect: Suspect) -> bool:
        """Whether anything may still come of the chunk."""
        return not self._ended.issuperset(_keys(suspect.work))

    def give_up(self, suspect: Suspect, decision: GiveUp) -> None:
        """Fail the pipelines that the chunk's last try was about; what they have so far is kept."""
        last = suspect.last
        for key in _keys(suspect.work):
            if last.pipeline in (None, key.pipeline):
                self._fail(key, decision.kind, decision.reason, last.traceback)

    def lost(self, left: RemainingWork, trouble: str | None) -> None:
        """Fail what several rounds could not do, for want of a better reason with the workers that held
        it.
        """
        for key in sorted(left.lacking | set(left.to_finish)):
            chunks = [work.chunk_id for work in left.works if key in _keys(work)]
            error = WorkerLost(", ".join(chunks[:3] or [key.video_id]) + (f" ({trouble})" if trouble else ""))
            self._fail(key, error.kind, str(error), None)

    def _fail(self, key: WorkKey, kind: str, reason: str, traceback: str | None) -> None:
        if key in self._ended:
            return
        self._ended.add(key)
        job_id = self.intake.entries[key.video_id].job_id
        outcome = Outcome(
            key, job_id, JobStatus.FAILED, error_message=reason, failure_kind=kind, traceback=traceback
        )
        with contextlib.suppress(LeaseLost):  # called off meanwhile, or another run's by now
            self.crew.store.finish(self.epoch, outcome)
            self.crew.coordinator.finished(Finished(key, reason))


def _keys(work: Work) -> tuple[WorkKey, ...]:
    return work.keys if isinstance(work, ChunkSpec) else (work.key,)


def spent_by_video(attempts: list[Attempt]) -> dict[str, int]:
    """Tries of each video that count against its budget."""
    counts: dict[str, int] = {}
    for one in attempts:
        if one.state in COUNTED:
            counts[one.video_id] = counts.get(one.video_id, 0) + 1
    return counts
