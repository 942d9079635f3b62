"""Decides which jobs and runs are pruned, by age, status and size, and what is removed with them; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from actors.stores.encoding.rows import text_time
from actors.stores.rules.states import keys_of
from schemas.storage.retention import Criteria, Pruning, Stock
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from schemas.work.run import StoredBatch


def ended_at(job: BatchJob) -> datetime:
    """The time from which the age of a job counts: its end, or its creation where it has not ended."""
    return job.completed_at or job.created_at


def pruning_of(stock: Stock, criteria: Criteria, at: datetime) -> Pruning:
    """The jobs that meet all criteria, oldest first and no more than the size requires.

    With a criterion of age, also the runs that then have no job.
    """
    candidates = sorted(
        (job for job in stock.jobs if _may_be_pruned(job, stock.held, criteria, at)),
        key=lambda job: (ended_at(job), job.job_id),
    )
    space, pruned = _SpaceUsed.of(stock), []
    for job in candidates:
        if criteria.to_bytes is not None and space.used <= criteria.to_bytes:
            break
        space.drop(job)
        pruned.append(job)
    ids = {job.job_id for job in pruned}
    remaining = {job.batch_id for job in stock.jobs if job.job_id not in ids}
    epochs = (
        _runs_without_jobs(stock.batches, remaining, at - criteria.older_than)
        if criteria.older_than is not None
        else ()
    )
    return Pruning(tuple(pruned), tuple(epochs), stock.total_bytes - space.used, space.used)


def _may_be_pruned(job: BatchJob, held: Collection[str], criteria: Criteria, at: datetime) -> bool:
    if job.job_id in held or (criteria.statuses and job.status not in criteria.statuses):
        return False
    return criteria.older_than is None or ended_at(job) <= at - criteria.older_than


@dataclass(slots=True)
class _SpaceUsed:
    """Counts the bytes in use while jobs are pruned; shared bytes are in use until the last job is pruned."""

    stock: Stock
    used: int
    keys: Counter[WorkKey]
    videos: Counter[str]

    @classmethod
    def of(cls, stock: Stock) -> _SpaceUsed:
        keys = Counter(key for job in stock.jobs for key in keys_of(job).values())
        return cls(stock, stock.total_bytes, keys, Counter(job.video_id for job in stock.jobs))

    def drop(self, job: BatchJob) -> None:
        for key in keys_of(job).values():
            self.keys[key] -= 1
            self.used -= self.stock.key_bytes.get(key, 0) if not self.keys[key] else 0
        self.videos[job.video_id] -= 1
        self.used -= self.stock.video_bytes.get(job.video_id, 0) if not self.videos[job.video_id] else 0


def _runs_without_jobs(
    batches: Sequence[StoredBatch], remaining: Collection[str | None], before: datetime
) -> Iterator[int]:
    """The epochs of runs that ended until `before`; never the newest, which numbers the next one."""
    newest = max((batch.epoch for batch in batches), default=0)
    for batch in batches:
        last = text_time(batch.ended_at or batch.heartbeat_at or batch.started_at)
        if (
            not batch.alive
            and batch.batch_id not in remaining
            and batch.epoch != newest
            and last is not None
            and last <= before
        ):
            yield batch.epoch


@dataclass(frozen=True, slots=True)
class PruneDecision:
    """What a store removes: jobs, work keys that no other job has, and videos without other jobs."""

    jobs: tuple[BatchJob, ...]
    keys: tuple[WorkKey, ...]
    videos: tuple[str, ...]

    @classmethod
    def of(cls, pruning: Pruning, siblings: Iterable[BatchJob], held: Collection[str]) -> PruneDecision:
        """`siblings` are all jobs of the videos concerned, `held` the ids of those that live runs work on.

        A job that has changed since the decision stays.
        """
        siblings, decided = list(siblings), {job.job_id: job for job in pruning.jobs}
        pruned = tuple(job for job in siblings if decided.get(job.job_id) == job and job.job_id not in held)
        ids = {job.job_id for job in pruned}
        staying = [job for job in siblings if job.job_id not in ids]
        kept = {key for job in staying for key in keys_of(job).values()}
        keys = dict.fromkeys(key for job in pruned for key in keys_of(job).values() if key not in kept)
        videos = {
            job.video_id: None for job in pruned if job.video_id not in {other.video_id for other in staying}
        }
        return cls(pruned, tuple(keys), tuple(videos))


def held_jobs(
    jobs: Iterable[BatchJob], leased: Collection[WorkKey], batches: Iterable[StoredBatch]
) -> frozenset[str]:
    """The ids of jobs that a live run works on: it holds one of their keys, or registered them last."""
    alive = {batch.batch_id for batch in batches if batch.alive}
    return frozenset(
        job.job_id
        for job in jobs
        if job.batch_id in alive or any(key in leased for key in keys_of(job).values())
    )


def batch_at(
    jobs: Iterable[BatchJob], held: Collection[str], batches: Iterable[StoredBatch], paths: Collection[str]
) -> str | None:
    """The live batch that works on one of these jobs, or has one of these paths among its inputs."""
    holder = next((job.batch_id for job in jobs if job.job_id in held), None)
    return holder or next(
        (batch.batch_id for batch in batches if batch.alive and not set(paths).isdisjoint(batch.inputs)), None
    )
