"""Decides what a request to pause, cancel or retry does to jobs, leases and attempts; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from actors.stores.rules.transitions import ENDED, IN_WORK, first_start, keys_of, marked, reset, settled
from schemas.work.attempt import CANCELLED
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.job_event import Control, JobEvent

BY_REQUEST = "cancelled by request"


@dataclass(frozen=True, slots=True)
class ControlChange:
    """What a store is to write, in one transaction."""

    jobs: tuple[BatchJob, ...]
    events: tuple[JobEvent, ...] = ()
    freed: frozenset[WorkKey] = frozenset()  # their leases go
    called_off: frozenset[str] = frozenset()  # videos whose leased tries go
    forgotten: frozenset[str] = frozenset()  # videos whose tries all go


def asked(jobs: Iterable[BatchJob], control: Control | None, at: datetime) -> ControlChange:
    """Jobs that are to pause or to be called off; None: neither any longer."""
    moved = [job for job in jobs if job.control is not control]
    events = [JobEvent(job.job_id, at, *_asked(job.control, control)) for job in moved]
    return ControlChange(tuple(_as_asked(replace(job, control=control), at) for job in moved), tuple(events))


def _as_asked(job: BatchJob, at: datetime) -> BatchJob:
    """What is paused is pending at once: its run leaves what it has of it."""
    if job.control is not Control.PAUSE or job.status not in IN_WORK:
        return job
    waiting = marked(
        job,
        [name for name, result in job.pipeline_results.items() if result.status in IN_WORK],
        JobStatus.PENDING,
        at,
    )
    return replace(waiting, status=JobStatus.PENDING)


def _asked(before: Control | None, control: Control | None) -> tuple[str, None, str]:
    if control is None:
        return "resume", None, f"{before} no longer asked for"
    return control.value, None, "asked for"


def cancelled(job: BatchJob, siblings: Iterable[BatchJob], at: datetime) -> ControlChange:
    """A job called off: what has not ended of it is failed, also for other jobs of its video that share
    the work.
    """
    open_keys = frozenset(
        key for name, key in keys_of(job).items() if job.pipeline_results[name].status not in ENDED
    )
    others = [
        other
        for other in siblings
        if other.job_id != job.job_id and open_keys.intersection(keys_of(other).values())
    ]
    changed = [
        _called_off(replace(job, control=None), open_keys, at),
        *(_called_off(other, open_keys, at) for other in others),
    ]
    events = [JobEvent(one.job_id, at, "cancelled", None, BY_REQUEST) for one in changed if open_keys]
    return ControlChange(tuple(changed), tuple(events), freed=open_keys, called_off=frozenset({job.video_id}))


def _called_off(job: BatchJob, keys: Collection[WorkKey], at: datetime) -> BatchJob:
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
    return _rested(replace(job, pipeline_results=results), at) if own else job


def reopened(
    jobs: Sequence[BatchJob], siblings: Iterable[BatchJob], pipelines: Collection[str] | None, at: datetime
) -> tuple[ControlChange, int]:
    """Jobs whose failed pipelines (those of `pipelines`, None: all) are to be tried again, and how many
    pipelines that are.

    Other jobs that share the work follow.
    """
    named = {job.job_id for job in jobs}
    keys = {key for job in jobs for key in _failed(job, pipelines)}
    others = [
        other for other in siblings if other.job_id not in named and not keys.isdisjoint(_failed(other, None))
    ]
    changed = [_asked_again(job, keys, at) for job in jobs] + [
        _tried_again(other, keys, at) for other in others
    ]
    own = {job.job_id: sorted(key.pipeline for key in _failed(job, pipelines)) for job in jobs}
    paused = {job.job_id for job in jobs if job.control is not None}
    told = {
        job_id: ", ".join(names) or "no longer held back"
        for job_id, names in own.items()
        if names or job_id in paused
    }
    events = [JobEvent(job_id, at, "retry", None, message) for job_id, message in told.items()]
    return ControlChange(
        tuple(changed), tuple(events), forgotten=frozenset(key.video_id for key in keys)
    ), sum(map(len, own.values()))


def _failed(job: BatchJob, pipelines: Collection[str] | None) -> set[WorkKey]:
    asked_for = {name: key for name, key in keys_of(job).items() if pipelines is None or name in pipelines}
    return {key for name, key in asked_for.items() if job.pipeline_results[name].status is JobStatus.FAILED}


def _asked_again(job: BatchJob, keys: Collection[WorkKey], at: datetime) -> BatchJob:
    again = bool(_failed(job, None).intersection(keys))
    return _tried_again(replace(job, control=None, retry_count=job.retry_count + again), keys, at)


def _tried_again(job: BatchJob, keys: Collection[WorkKey], at: datetime) -> BatchJob:
    again = {key.pipeline for key in _failed(job, None).intersection(keys)}
    results = {
        name: reset(result) if name in again else result for name, result in job.pipeline_results.items()
    }
    new = replace(job, pipeline_results=results)
    return (
        _rested(replace(new, started_at=job.started_at if first_start(new) else None), at) if again else job
    )


def _rested(job: BatchJob, at: datetime) -> BatchJob:
    """Settled; where nothing of it is in work it is pending, however much is left to do."""
    new = settled(job, at)
    idle = not any(result.status in IN_WORK for result in job.pipeline_results.values())
    return replace(new, status=JobStatus.PENDING) if idle and new.status in IN_WORK else new
