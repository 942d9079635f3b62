"""The checks of a call before it writes: jobs exist, leases are held, attempts are the newest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from actors.stores.backend.transaction import Transaction
from actors.stores.rules.states import keeps_late_chunks, states_of
from schemas.errors import LeaseLost, NotFound, StaleAttempt
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from schemas.work.manifest import ChunkCommit


def require_jobs(tx: Transaction, job_ids: Sequence[str]) -> list[BatchJob]:
    """These jobs, each once; raises `NotFound` where one is missing."""
    jobs = tx.jobs.by_id(job_ids)
    known_ids = {job.job_id for job in jobs}
    for job_id in job_ids:
        if job_id not in known_ids:
            raise NotFound(f"job {job_id}", tx.url)
    return jobs


def require_job(tx: Transaction, job_id: str) -> BatchJob:
    """One job; raises `NotFound`."""
    (job,) = require_jobs(tx, [job_id])
    return job


def require_leases(tx: Transaction, epoch: int, keys: Collection[WorkKey]) -> None:
    """Raises `LeaseLost` unless the run holds every one of these keys."""
    held = tx.runs.held_by(epoch, keys)
    for key in keys:
        if key not in held:
            raise LeaseLost(key, epoch)


def require_leases_for_chunks(tx: Transaction, epoch: int, keys: Sequence[WorkKey]) -> None:
    """Like `require_leases`, but accepts failed keys that no run has leased since; raises `LeaseLost`."""
    held = tx.runs.held_by(epoch, keys)
    unheld = [key for key in keys if key not in held]
    if not unheld:
        return
    holders = tx.runs.holders(unheld)
    states = states_of(tx.jobs.of_videos(key.video_id for key in unheld))
    for key in unheld:
        if key in holders or not keeps_late_chunks(states.get(key)):
            raise LeaseLost(key, epoch)


def require_newest(tx: Transaction, commits: Iterable[ChunkCommit]) -> None:
    """Raises `StaleAttempt` where a chunk has a newer attempt than the one of its commit."""
    numbered = [commit for commit in commits if commit.chunk_id]
    newest = tx.attempts.newest_numbers(numbered)
    for commit in numbered:
        if newest.get(commit.chunk_id, 0) > commit.line.attempt:
            raise StaleAttempt(commit.chunk_id, commit.line.attempt, newest[commit.chunk_id])
