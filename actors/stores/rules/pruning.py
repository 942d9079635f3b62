"""Decides which jobs and runs are pruned, by age, status and size, and what goes with them; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from actors.stores.encoding.rows import text_time
from actors.stores.rules.transitions import keys_of
from schemas.storage.retention import Criteria, Pruning, Stock
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from schemas.work.run import StoredBatch


def ended_at(job: BatchJob) -> datetime:
    """The time a job is as old as: of its end, or where it has none of its beginning."""
    return job.completed_at or job.created_at


def pruning_of(stock: Stock, criteria: Criteria, at: datetime) -> Pruning:
    """The jobs that meet every criterion, oldest first and no more than the size asks for, and with an
    age runs that no job is left of.
    """
    ages = sorted(
        (job for job in stock.jobs if _may_go(job, stock.held, criteria, at)),
        key=lambda job: (ended_at(job), job.job_id),
    )
    room, gone = _Room.of(stock), []
    for job in ages:
        if criteria.to_bytes is not None and room.used <= criteria.to_bytes:
            break
        room.drop(job)
        gone.append(job)
    ids = {job.job_id for job in gone}
    left = {job.batch_id for job in stock.jobs if job.job_id not in ids}
    epochs = (
        _runs_without_jobs(stock.batches, left, at - criteria.older_than)
        if criteria.older_than is not None
        else ()
    )
    return Pruning(tuple(gone), tuple(epochs), stock.total_bytes - room.used, room.used)


def _may_go(job: BatchJob, held: Collection[str], criteria: Criteria, at: datetime) -> bool:
    if job.job_id in held or (criteria.statuses and job.status not in criteria.statuses):
        return False
    return criteria.older_than is None or ended_at(job) <= at - criteria.older_than


@dataclass(slots=True)
class _Room:
    """What is used while jobs go: what several jobs share is used until the last of them has gone."""

    stock: Stock
    used: int
    keys: Counter[WorkKey]
    videos: Counter[str]

    @classmethod
    def of(cls, stock: Stock) -> _Room:
        keys = Counter(key for job in stock.jobs for key in keys_of(job).values())
        return cls(stock, stock.total_bytes, keys, Counter(job.video_id for job in stock.jobs))

    def drop(self, job: BatchJob) -> None:
        for key in keys_of(job).values():
            self.keys[key] -= 1
            self.used -= self.stock.key_bytes.get(key, 0) if not self.keys[key] else 0
        self.videos[job.video_id] -= 1
        self.used -= self.stock.video_bytes.get(job.video_id, 0) if not self.videos[job.video_id] else 0


def _runs_without_jobs(
    batches: Sequence[StoredBatch], left: Collection[str | None], before: datetime
) -> Iterator[int]:
    """Runs that are over since then; never the newest, from which the next one counts on."""
    newest = max((batch.epoch for batch in batches), default=0)
    for batch in batches:
        last = text_time(batch.ended_at or batch.heartbeat_at or batch.started_at)
        if (
            not batch.alive
            and batch.batch_id not in left
            and batch.epoch != newest
            and last is not None
            and last <= before
        ):
            yield batch.epoch


@dataclass(frozen=True, slots=True)
class PruneDecision:
    """What a store removes: jobs, work keys that no other job asks for, and videos of which no job is
    left.
    """

    jobs: tuple[BatchJob, ...]
    keys: tuple[WorkKey, ...]
    videos: tuple[str, ...]

    @classmethod
    def of(cls, pruning: Pruning, there: Iterable[BatchJob], held: Collection[str]) -> PruneDecision:
        """`there` are all jobs of the videos concerned, `held` those of live runs; what is not as it was
        decided on stays.
        """
        siblings, decided = list(there), {job.job_id: job for job in pruning.jobs}
        gone = tuple(job for job in siblings if decided.get(job.job_id) == job and job.job_id not in held)
        ids = {job.job_id for job in gone}
        staying = [job for job in siblings if job.job_id not in ids]
        kept = {key for job in staying for key in keys_of(job).values()}
        keys = dict.fromkeys(key for job in gone for key in keys_of(job).values() if key not in kept)
        videos = {
            job.video_id: None for job in gone if job.video_id not in {other.video_id for other in staying}
        }
        return cls(gone, tuple(keys), tuple(videos))


def held_jobs(
    jobs: Iterable[BatchJob], leased: Collection[WorkKey], batches: Iterable[StoredBatch]
) -> frozenset[str]:
    """Jobs that a live run is at: it holds one of their keys, or was the last to take them up."""
    alive = {batch.batch_id for batch in batches if batch.alive}
    return frozenset(
        job.job_id
        for job in jobs
        if job.batch_id in alive or any(key in leased for key in keys_of(job).values())
    )


def batch_at(
    jobs: Iterable[BatchJob], held: Collection[str], batches: Iterable[StoredBatch], paths: Collection[str]
) -> str | None:
    """The live batch that is at one of these jobs, or that was given one of these paths and may not have
    come to it yet.
    """
    holder = next((job.batch_id for job in jobs if job.job_id in held), None)
    return holder or next(
        (batch.batch_id for batch in batches if batch.alive and not set(paths).isdisjoint(batch.inputs)), None
    )
