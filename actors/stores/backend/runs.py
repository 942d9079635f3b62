"""Ends runs, leases keys to them, and records their heartbeats and attempts."""

from __future__ import annotations

from collections.abc import Sequence

from actors.stores.backend.transaction import Transaction
from actors.stores.rules.states import keys_held_back, keys_of, now
from actors.stores.rules.transitions import start_reported
from schemas.errors import StaleEpoch
from schemas.work.attempt import Attempt, PipelineStart
from schemas.work.chunk import WorkKey


def close_run(tx: Transaction, epoch: int, outcome: str) -> None:
    """Record how a run ended, and release its leases; raises `StaleEpoch` for an unknown epoch."""
    if epoch > (newest := tx.runs.newest()):
        raise StaleEpoch(epoch, newest)
    tx.runs.end(epoch, outcome, tx.now())


def lease(tx: Transaction, epoch: int, keys: Sequence[WorkKey]) -> set[WorkKey]:
    """Lease those of the keys that are free and not done; returns those that the run then holds."""
    at = tx.now()
    jobs = tx.jobs.of_videos(key.video_id for key in keys)
    closed = tx.results.complete(keys).keys() | keys_held_back(jobs)
    tx.runs.take(epoch, set(keys) - closed - tx.runs.held_by_others(epoch, keys, at))
    tx.runs.heartbeat(epoch, at)
    return tx.runs.held_by(epoch, keys)


def record(
    tx: Transaction,
    epoch: int,
    attempts: Sequence[Attempt],
    progress: str | None,
    starts: Sequence[PipelineStart],
) -> None:
    """Record a heartbeat of a run, with its attempts, its progress and the pipelines that it has started."""
    tx.runs.heartbeat(epoch, tx.now(), progress)
    tx.attempts.record(attempts)
    if starts:
        _start(tx, epoch, starts)


def _start(tx: Transaction, epoch: int, starts: Sequence[PipelineStart]) -> None:
    jobs = tx.jobs.by_id(start.job_id for start in starts)
    held = tx.runs.held_by(epoch, [key for job in jobs for key in keys_of(job).values()])
    changes = ((job, start_reported(job, starts, held, now())) for job in jobs)
    tx.jobs.put([after for before, after in changes if after != before])
