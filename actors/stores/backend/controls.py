"""Applies requests to pause, cancel, retry and quarantine, and reads the logs of jobs."""

from __future__ import annotations

from collections.abc import Sequence

from actors.stores.backend.checks import require_job, require_jobs
from actors.stores.backend.transaction import Transaction
from actors.stores.rules import controls, job_log
from actors.stores.rules.states import now
from schemas.work.job_event import Control, JobEvent


def request(tx: Transaction, job_ids: Sequence[str], control: Control | None) -> None:
    """Set or clear a request to pause or cancel jobs."""
    _apply(tx, controls.set_control(require_jobs(tx, job_ids), control, now()))


def cancel(tx: Transaction, job_id: str) -> None:
    """Fail the pipelines of a job that have not ended, also in other jobs that share the work."""
    job = require_job(tx, job_id)
    _apply(tx, controls.cancel_job(job, tx.jobs.of_videos([job.video_id]), now()))


def reopen(tx: Transaction, job_ids: Sequence[str], pipelines: Sequence[str] | None) -> int:
    """Set failed pipelines to pending again (None: all of them); returns how many."""
    jobs = require_jobs(tx, job_ids)
    siblings = tx.jobs.of_videos(job.video_id for job in jobs)
    change, count = controls.reopen_jobs(jobs, siblings, pipelines, now())
    _apply(tx, change)
    return count


def quarantine(tx: Transaction, job_ids: Sequence[str], pipelines: Sequence[str] | None) -> int:
    """Put failed pipelines into quarantine (None: all of them); returns how many."""
    jobs = require_jobs(tx, job_ids)
    siblings = tx.jobs.of_videos(job.video_id for job in jobs)
    change, count = controls.quarantine_jobs(jobs, siblings, pipelines, now())
    _apply(tx, change)
    return count


def events(tx: Transaction, job_id: str) -> list[JobEvent]:
    """The events of a job, by time."""
    job = require_job(tx, job_id)
    return job_log.merge_events(job, tx.log.events(job), tx.attempts.of_videos([job.video_id]))


def _apply(tx: Transaction, change: controls.ControlChange) -> None:
    tx.jobs.put(change.jobs)
    tx.runs.drop(change.released_keys)
    tx.attempts.forget(change.cancelled_videos, leased_only=True)
    tx.attempts.forget(change.reopened_videos, leased_only=False)
    jobs = {job.job_id: job for job in change.jobs}
    tx.log.note((jobs[event.job_id], event) for event in change.events)
