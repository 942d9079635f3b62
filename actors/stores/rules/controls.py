"""Decides what a request to pause, cancel, retry or quarantine does to jobs, leases and attempts; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from actors.stores.rules.states import ENDED, IN_WORK, first_start, keys_of
from actors.stores.rules.transitions import mark_pipelines, reset_pipeline, with_status
from schemas.work.attempt import CANCELLED, IN_QUARANTINE, QUARANTINED
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.job_event import Control, JobEvent

BY_REQUEST = "cancelled by request"


@dataclass(frozen=True, slots=True)
class ControlChange:
    """The changes that a store writes for one request, in one transaction."""

    jobs: tuple[BatchJob, ...]
    events: tuple[JobEvent, ...] = ()
    released_keys: frozenset[WorkKey] = frozenset()  # their leases are dropped
    cancelled_videos: frozenset[str] = frozenset()  # their leased attempts are dropped
    reopened_videos: frozenset[str] = frozenset()  # all their attempts are dropped


def set_control(jobs: Iterable[BatchJob], control: Control | None, at: datetime) -> ControlChange:
    """Sets the request of jobs to pause or cancel; None clears it."""
    changed = [job for job in jobs if job.control is not control]
    events = [JobEvent(job.job_id, at, *_control_event(job.control, control)) for job in changed]
    return ControlChange(
        tuple(_apply_pause(replace(job, control=control), at) for job in changed), tuple(events)
    )


def _apply_pause(job: BatchJob, at: datetime) -> BatchJob:
    """A paused job is pending at once: its run leaves the work on it."""
    if job.control is not Control.PAUSE or job.status not in IN_WORK:
        return job
    in_work = [name for name, result in job.pipeline_results.items() if result.status in IN_WORK]
    return replace(mark_pipelines(job, in_work, JobStatus.PENDING, at), status=JobStatus.PENDING)


def _control_event(before: Control | None, control: Control | None) -> tuple[str, None, str]:
    if control is None:
        return "resume", None, f"{before} no longer asked for"
    return control.value, None, "asked for"


def cancel_job(job: BatchJob, siblings: Iterable[BatchJob], at: datetime) -> ControlChange:
    """Fails the pipelines of a job that have not ended, also in other jobs of its video that have them."""
    open_keys = frozenset(
        key for name, key in keys_of(job).items() if job.pipeline_results[name].status not in ENDED
    )
    others = [
        other
        for other in siblings
        if other.job_id != job.job_id and open_keys.intersection(keys_of(other).values())
    ]
    changed = [
        _cancel_keys(replace(job, control=None), open_keys, at),
        *(_cancel_keys(other, open_keys, at) for other in others),
    ]
    events = [JobEvent(other.job_id, at, "cancelled", None, BY_REQUEST) for other in changed if open_keys]
    return ControlChange(
        tuple(changed), tuple(events), released_keys=open_keys, cancelled_videos=frozenset({job.video_id})
    )


def _cancel_keys(job: BatchJob, keys: Collection[WorkKey], at: datetime) -> BatchJob:
    def ended(result: PipelineResult) -> PipelineResult:
        return replace(
            result, status=JobStatus.FAILED, completed_at=at, error_message=BY_REQUEST, failure_kind=CANCELLED
        )

    own = {
        name
        for name, key in keys_of(job).items()
        if key in keys and job.pipeline_results[name].status not in ENDED
    }
    results = {
        name: ended(result) if name in own else result for name, result in job.pipeline_results.items()
    }
    return _updated_or_pending(replace(job, pipeline_results=results), at) if own else job


def reopen_jobs(
    jobs: Sequence[BatchJob], siblings: Iterable[BatchJob], pipelines: Collection[str] | None, at: datetime
) -> tuple[ControlChange, int]:
    """Resets the failed pipelines of jobs (those of `pipelines`, None: all); returns how many there are.

    Other jobs that share the work are reset with them.
    """
    ids = {job.job_id for job in jobs}
    keys = {key for job in jobs for key in _failed_keys(job, pipelines)}
    others = [
        other
        for other in siblings
        if other.job_id not in ids and not keys.isdisjoint(_failed_keys(other, None))
    ]
    changed = [_retry_requested(job, keys, at) for job in jobs] + [
        _reset_keys(other, keys, at) for other in others
    ]
    own = {job.job_id: sorted(key.pipeline for key in _failed_keys(job, pipelines)) for job in jobs}
    paused = {job.job_id for job in jobs if job.control is not None}
    messages = {
        job_id: ", ".join(names) or "no longer held back"
        for job_id, names in own.items()
        if names or job_id in paused
    }
    events = [JobEvent(job_id, at, "retry", None, message) for job_id, message in messages.items()]
    return ControlChange(
        tuple(changed), tuple(events), reopened_videos=frozenset(key.video_id for key in keys)
    ), sum(map(len, own.values()))


def quarantine_jobs(
    jobs: Sequence[BatchJob], siblings: Iterable[BatchJob], pipelines: Collection[str] | None, at: datetime
) -> tuple[ControlChange, int]:
    """Puts the failed pipelines of jobs (those of `pipelines`, None: all) into quarantine; returns how many.

    Other jobs that share the work follow. The log keeps how each of them had failed.
    """
    names = {job.job_id: _names_to_quarantine(job, pipelines) for job in jobs}
    keys = {keys_of(job)[name] for job in jobs for name in names[job.job_id]}
    others = {other.job_id: other for other in siblings if not keys.isdisjoint(_failed_keys(other, None))}
    concerned = {job.job_id: job for job in jobs if names[job.job_id]}
    changed = tuple(_quarantined(job, keys, at) for job in {**others, **concerned}.values())
    events = [
        JobEvent(job_id, at, "quarantine", name, _kind_of(concerned[job_id], name))
        for job_id in concerned
        for name in names[job_id]
    ]
    return ControlChange(changed, tuple(events)), len(events)


def _names_to_quarantine(job: BatchJob, pipelines: Collection[str] | None) -> list[str]:
    failed = sorted(key.pipeline for key in _failed_keys(job, pipelines))
    return [name for name in failed if job.pipeline_results[name].failure_kind not in IN_QUARANTINE]


def _kind_of(job: BatchJob, pipeline: str) -> str:
    return f"it had failed as {job.pipeline_results[pipeline].failure_kind or 'unknown'}"


def _quarantined(job: BatchJob, keys: Collection[WorkKey], at: datetime) -> BatchJob:
    names = {key.pipeline for key in _failed_keys(job, None).intersection(keys)}
    results = {
        name: replace(result, failure_kind=QUARANTINED) if name in names else result
        for name, result in job.pipeline_results.items()
    }
    return with_status(replace(job, pipeline_results=results), at)


def _failed_keys(job: BatchJob, pipelines: Collection[str] | None) -> set[WorkKey]:
    asked_for = {name: key for name, key in keys_of(job).items() if pipelines is None or name in pipelines}
    return {key for name, key in asked_for.items() if job.pipeline_results[name].status is JobStatus.FAILED}


def _retry_requested(job: BatchJob, keys: Collection[WorkKey], at: datetime) -> BatchJob:
    repeated = bool(_failed_keys(job, None).intersection(keys))
    return _reset_keys(replace(job, control=None, retry_count=job.retry_count + repeated), keys, at)


def _reset_keys(job: BatchJob, keys: Collection[WorkKey], at: datetime) -> BatchJob:
    repeated = {key.pipeline for key in _failed_keys(job, None).intersection(keys)}
    results = {
        name: reset_pipeline(result) if name in repeated else result
        for name, result in job.pipeline_results.items()
    }
    new = replace(job, pipeline_results=results)
    return (
        _updated_or_pending(replace(new, started_at=job.started_at if first_start(new) else None), at)
        if repeated
        else job
    )


def _updated_or_pending(job: BatchJob, at: datetime) -> BatchJob:
    """The job with its status updated; with no pipeline in work it is pending, whatever is left to do."""
    new = with_status(job, at)
    idle = not any(result.status in IN_WORK for result in job.pipeline_results.values())
    return replace(new, status=JobStatus.PENDING) if idle and new.status in IN_WORK else new
