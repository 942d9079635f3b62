"""Pause, cancel and retry, and the logs of jobs."""

from __future__ import annotations

from collections.abc import Sequence

from actors.stores.backend.checks import require_job, require_jobs
from actors.stores.backend.transaction import Transaction
from actors.stores.rules import controls, job_log
from actors.stores.rules.transitions import now
from schemas.work.job_event import Control, JobEvent


def request(tx: Transaction, job_ids: Sequence[str], control: Control | None) -> None:
    """Note what is asked of jobs."""
    _carry_out(tx, controls.asked(require_jobs(tx, job_ids), control, now()))


def cancel(tx: Transaction, job_id: str) -> None:
    """Fail what has not ended of a job, and of others that share the work."""
    job = require_job(tx, job_id)
    _carry_out(tx, controls.cancelled(job, tx.jobs.of_videos([job.video_id]), now()))


def reopen(tx: Transaction, job_ids: Sequence[str], pipelines: Sequence[str] | None) -> int:
    """Have failed pipelines tried again; returns how many."""
    jobs = require_jobs(tx, job_ids)
    change, count = controls.reopened(jobs, tx.jobs.of_videos(job.video_id for job in jobs), pipelines, now())
    _carry_out(tx, change)
    return count


def events(tx: Transaction, job_id: str) -> list[JobEvent]:
    """What happened to a job, by time."""
    job = require_job(tx, job_id)
    return job_log.merged(job, tx.log.noted(job), tx.attempts.of_videos([job.video_id]))


def _carry_out(tx: Transaction, change: controls.ControlChange) -> None:
    tx.jobs.put(change.jobs)
    tx.runs.drop(change.freed)
    tx.attempts.forget(change.called_off, leased_only=True)
    tx.attempts.forget(change.forgotten, leased_only=False)
    jobs = {job.job_id: job for job in change.jobs}
    tx.log.note((jobs[event.job_id], event) for event in change.events)
