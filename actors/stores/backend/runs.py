"""Runs: what they hold, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Sequence

from actors.stores.backend.transaction import Transaction
from actors.stores.rules.transitions import held_back, keys_of, now, started_by
from schemas.errors import StaleEpoch
from schemas.work.attempt import Attempt, PipelineStart
from schemas.work.chunk import WorkKey


def close_run(tx: Transaction, epoch: int, outcome: str) -> None:
    """Note how a run ended, and give back its leases."""
    if epoch > (newest := tx.runs.newest()):
        raise StaleEpoch(epoch, newest)
    tx.runs.end(epoch, outcome, tx.now())


def lease(tx: Transaction, epoch: int, keys: Sequence[WorkKey]) -> set[WorkKey]:
    """Take those of the keys that are free and not done; returns all of them that the run holds now."""
    at = tx.now()
    there = tx.jobs.of_videos(key.video_id for key in keys)
    closed = tx.results.complete(keys).keys() | held_back(there)
    tx.runs.take(epoch, set(keys) - closed - tx.runs.held_elsewhere(epoch, keys, at))
    tx.runs.beat(epoch, at)
    return tx.runs.held_by(epoch, keys)


def record(
    tx: Transaction,
    epoch: int,
    attempts: Sequence[Attempt],
    progress: str | None,
    starts: Sequence[PipelineStart],
) -> None:
    """A sign of life, with news of attempts, of progress and of pipelines started."""
    tx.runs.beat(epoch, tx.now(), progress)
    tx.attempts.record(attempts)
    if starts:
        _start(tx, epoch, starts)


def _start(tx: Transaction, epoch: int, starts: Sequence[PipelineStart]) -> None:
    jobs = tx.jobs.by_id(one.job_id for one in starts)
    held = tx.runs.held_by(epoch, [key for job in jobs for key in keys_of(job).values()])
    moved = ((job, started_by(job, starts, held, now())) for job in jobs)
    tx.jobs.put([after for before, after in moved if after != before])
