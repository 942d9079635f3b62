"""How jobs move between states when a store is told something: pure, so that every store moves them alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from schemas.annotations.annotation import canonical_digest
from schemas.errors import NotFound
from schemas.redaction import keepable
from schemas.storage.backend import Outcome
from schemas.work.attempt import KEPT_FAILED, PipelineStart
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult, job_error, job_status
from schemas.work.job_event import Control

IN_WORK = (JobStatus.RUNNING, JobStatus.RETRYING)
ENDED = (JobStatus.COMPLETED, JobStatus.FAILED)


def now() -> datetime:
    """UTC, in whole seconds as they are stored."""
    return datetime.now(UTC).replace(microsecond=0)


def keys_of(job: BatchJob) -> dict[str, WorkKey]:
    """Work key of each pipeline of a job."""
    return {
        name: WorkKey(job.video_id, name, result.config_hash) for name, result in job.pipeline_results.items()
    }


def key_of(job: BatchJob, pipeline: str, url: str) -> WorkKey:
    """Work key of one pipeline of a job; raises `NotFound` when the job was never asked for it."""
    if pipeline not in job.pipeline_results:
        raise NotFound(f"pipeline {pipeline} of job {job.job_id}", url)
    return keys_of(job)[pipeline]


def failed_before(job: BatchJob) -> bool:
    """A job keeps its last failure while it waits for another try."""
    return job.status is JobStatus.FAILED or job.error_message is not None


def is_kept(result: PipelineResult) -> bool:
    """Whether a pipeline failed in a way that a further run leaves alone."""
    return result.status is JobStatus.FAILED and result.failure_kind in KEPT_FAILED


def is_open(result: PipelineResult) -> bool:
    """Whether there is something left to do of a pipeline that a run may do."""
    return result.status is not JobStatus.COMPLETED and not is_kept(result)


def keeps_late_chunks(result: PipelineResult | None) -> bool:
    """Whether a pipeline that nobody holds still takes chunks that were in work when it failed: a retry
    does only what is missing.
    """
    return result is not None and result.status is JobStatus.FAILED and not is_kept(result)


def states_of(jobs: Iterable[BatchJob]) -> dict[WorkKey, PipelineResult]:
    """How each work key of these jobs stands; a failure that is kept outranks what another job says."""
    found: dict[WorkKey, PipelineResult] = {}
    for job in jobs:
        for name, key in keys_of(job).items():
            if key not in found or is_kept(job.pipeline_results[name]):
                found[key] = job.pipeline_results[name]
    return found


def kept_failures(jobs: Iterable[BatchJob]) -> dict[WorkKey, PipelineResult]:
    """Work keys that a further run leaves alone."""
    return {key: result for key, result in states_of(jobs).items() if is_kept(result)}


def held_back(jobs: Sequence[BatchJob]) -> set[WorkKey]:
    """Work keys that nobody is to lease: their failure is kept, or only paused jobs ask for them."""
    asked = {key for job in jobs if job.control is not Control.PAUSE for key in keys_of(job).values()}
    paused = {key for job in jobs if job.control is Control.PAUSE for key in keys_of(job).values()}
    return (paused - asked) | set(kept_failures(jobs))


def standing(
    there: Sequence[BatchJob], complete: Mapping[WorkKey, PipelineResult], elsewhere: Set[WorkKey]
) -> dict[WorkKey, PipelineResult]:
    """What no run changes by asking: complete results, failures that are kept, what another run is at
    work on.
    """
    others = {key: result for key, result in states_of(there).items() if key in elsewhere}
    return {**others, **kept_failures(there), **complete}


def to_lease(job: BatchJob) -> set[WorkKey]:
    """Work keys of a job, as it was registered, that its run is to hold."""
    if job.control is Control.PAUSE:
        return set()
    return {key for name, key in keys_of(job).items() if job.pipeline_results[name].status not in ENDED}


def registered(job: BatchJob, known: BatchJob | None, standing: Mapping[WorkKey, PipelineResult]) -> BatchJob:
    """A job as it is to be stored: what stands already (`standing`) linked, its own past kept."""
    results = {name: standing.get(key, job.pipeline_results[name]) for name, key in keys_of(job).items()}
    new = replace(job, pipeline_results=results)
    if known is not None:
        elsewhere = any(standing[key].status not in ENDED for key in keys_of(new).values() if key in standing)
        new = _with_past(new, known, elsewhere=elsewhere)
    if new.control is Control.PAUSE:
        new = _waiting(new, standing)
    states = {result.status for result in results.values()}
    if states == {JobStatus.COMPLETED} or (states <= set(ENDED) and any(map(is_kept, results.values()))):
        ended_at = max(
            (result.completed_at for result in results.values() if result.completed_at), default=None
        )
        return settled(
            replace(new, started_at=new.started_at or first_start(new), completed_at=None), ended_at
        )
    return new


def first_start(job: BatchJob) -> datetime | None:
    """When the first of its pipelines was begun."""
    return min(
        (result.started_at for result in job.pipeline_results.values() if result.started_at), default=None
    )


def _with_past(job: BatchJob, known: BatchJob, *, elsewhere: bool) -> BatchJob:
    """`elsewhere`: another run is at work on it, so it stays that run's."""
    results = {
        name: _gone_on_with(result, known.pipeline_results.get(name))
        for name, result in job.pipeline_results.items()
    }
    job = replace(job, pipeline_results=results)
    new = replace(
        job,
        created_at=known.created_at,
        started_at=(known.started_at if first_start(job) else None) or job.started_at,
        retry_count=known.retry_count,
        control=known.control,
        status=known.status if elsewhere else job.status,
        batch_id=known.batch_id if elsewhere else job.batch_id,
    )
    if job.status is JobStatus.FAILED or not failed_before(known):
        return new
    return replace(new, error_message=known.error_message, failure_kind=known.failure_kind)


def _gone_on_with(result: PipelineResult, known: PipelineResult | None) -> PipelineResult:
    """What was begun and has not ended goes on under its first start; what ended and is to be done again
    starts anew.
    """
    if result.status in ENDED or known is None or known.status in ENDED:
        return result
    return replace(result, started_at=known.started_at or result.started_at)


def _waiting(job: BatchJob, standing: Mapping[WorkKey, PipelineResult]) -> BatchJob:
    """A paused job: what nobody is at work on is pending."""
    idle = {
        name
        for name, key in keys_of(job).items()
        if key not in standing and job.pipeline_results[name].status in IN_WORK
    }
    results = {
        name: replace(result, status=JobStatus.PENDING) if name in idle else result
        for name, result in job.pipeline_results.items()
    }
    in_work = any(result.status in IN_WORK for result in results.values())
    return replace(
        job,
        pipeline_results=results,
        status=job.status if in_work or job.status not in IN_WORK else JobStatus.PENDING,
    )


def marked(job: BatchJob, pipelines: Sequence[str], status: JobStatus, at: datetime) -> BatchJob:
    """The job after these pipelines moved to `pending` or `running`; those that are not open stay.

    A failed job set running is retrying.
    """
    if status not in (JobStatus.PENDING, JobStatus.RUNNING):
        raise ValueError(f"pipelines are marked pending or running, never {status}")
    open_results = {
        name: result for name, result in job.pipeline_results.items() if name in pipelines and is_open(result)
    }
    if not open_results:
        return job
    moved = {name: _moved(result, status, at) for name, result in open_results.items()}
    results = {**job.pipeline_results, **moved}
    if status is JobStatus.PENDING:
        in_work = any(result.status is JobStatus.RUNNING for result in results.values())
        return replace(job, pipeline_results=results, status=job.status if in_work else JobStatus.PENDING)
    again = failed_before(job) and job.status not in IN_WORK
    return replace(
        job,
        pipeline_results=results,
        status=JobStatus.RETRYING if again or job.status is JobStatus.RETRYING else JobStatus.RUNNING,
        retry_count=job.retry_count + again,
        started_at=job.started_at or at,
        completed_at=None,
    )


def started(job: BatchJob, starts: Mapping[str, datetime]) -> BatchJob:
    """The job after the first chunks of these pipelines were begun at these times; what is in work
    already keeps its start.
    """
    new = {
        name: at
        for name, at in starts.items()
        if name in job.pipeline_results and job.pipeline_results[name].status not in ENDED
    }
    if not new:
        return job
    results = {
        name: _moved(result, JobStatus.RUNNING, new[name]) if name in new else result
        for name, result in job.pipeline_results.items()
    }
    again = job.status is JobStatus.RETRYING or (failed_before(job) and job.status is not JobStatus.RUNNING)
    return replace(
        job,
        pipeline_results=results,
        status=JobStatus.RETRYING if again else JobStatus.RUNNING,
        started_at=job.started_at or min(new.values()),
        completed_at=None,
    )


def started_by(
    job: BatchJob, told: Iterable[PipelineStart], held: Collection[WorkKey], at: datetime
) -> BatchJob:
    """`started` by what a run tells, where it holds the keys and nobody has paused the job; no start lies
    after `at`.
    """
    if job.control is Control.PAUSE:
        return job
    keys = keys_of(job)
    own = (one for one in told if one.job_id == job.job_id and keys.get(one.pipeline) in held)
    return started(job, {one.pipeline: min(_whole(one.at), at) for one in own})


def _whole(at: datetime) -> datetime:
    """In whole seconds, as it is stored."""
    return at.replace(microsecond=0)


def _moved(result: PipelineResult, status: JobStatus, at: datetime) -> PipelineResult:
    started_at = None if result.status in ENDED else result.started_at
    if status is JobStatus.RUNNING:
        started_at = started_at or at
    return replace(
        result,
        status=status,
        started_at=started_at,
        completed_at=None,
        error_message=None,
        failure_kind=None,
        warning=None,
    )


def reset(result: PipelineResult) -> PipelineResult:
    """A pipeline as if nobody had tried it."""
    return PipelineResult(result.pipeline, result.config_hash, JobStatus.PENDING)


def as_it_ends(job: BatchJob, pipeline: str, epoch: int | None, at: datetime) -> BatchJob:
    """The job of a pipeline that ends now: where nobody has told of its start, it is now; a person's hand
    starts nothing.
    """
    return job if epoch is None else started(job, {pipeline: at})


def result_of(
    outcome: Outcome,
    rows: Sequence[Mapping[str, object]],
    seconds: float,
    at: datetime,
    before: PipelineResult | None,
) -> PipelineResult:
    """What is remembered of a pipeline that ended with these rows; `before` is how it stood until then."""
    return PipelineResult(
        pipeline=outcome.key.pipeline,
        config_hash=outcome.key.config_hash,
        status=outcome.status,
        annotation_count=len(rows),
        processing_time_seconds=seconds,
        started_at=min(before.started_at, at) if before and before.started_at else None,
        completed_at=at,
        error_message=keepable(outcome.error_message),
        failure_kind=outcome.failure_kind,
        warning=keepable(outcome.warning),
        digest=canonical_digest(rows),
    )


def finished(job: BatchJob, result: PipelineResult, at: datetime) -> BatchJob:
    """The job after one of its pipelines ended."""
    results = {**job.pipeline_results, result.pipeline: result}
    return settled(
        replace(
            job, pipeline_results=results, started_at=job.started_at or result.started_at, completed_at=None
        ),
        at,
    )


def settled(job: BatchJob, at: datetime | None) -> BatchJob:
    """The job with status, reason and end as its pipelines say."""
    status = job_status(job.pipeline_results)
    if status is JobStatus.RUNNING:
        status = _open_status(job)
    failures = [
        result for _, result in sorted(job.pipeline_results.items()) if result.status is JobStatus.FAILED
    ]
    return replace(
        job,
        status=status,
        completed_at=(job.completed_at or at) if status in (JobStatus.COMPLETED, JobStatus.FAILED) else None,
        error_message=job_error(job.pipeline_results),
        failure_kind=failures[0].failure_kind if failures else None,
    )


def _open_status(job: BatchJob) -> JobStatus:
    """Of a job with something left: in work as it was before, else waiting."""
    in_work = job.status in IN_WORK and job.control is not Control.PAUSE
    if in_work or any(result.status is JobStatus.RUNNING for result in job.pipeline_results.values()):
        return JobStatus.RETRYING if job.status is JobStatus.RETRYING else JobStatus.RUNNING
    return JobStatus.PENDING


def superseded(job: BatchJob, pipeline: str, at: datetime) -> BatchJob | None:
    """A job after another configuration replaced one of its results; None when nothing is left of it."""
    results = {name: result for name, result in job.pipeline_results.items() if name != pipeline}
    return settled(replace(job, pipeline_results=results), at) if results else None


def canonical_states(job: BatchJob) -> list[dict[str, Any]]:
    """A job and its pipelines as the digest of a store covers them: no times, paths, run ids or attempts."""
    job_line = {
        "job": job.job_id,
        "video_id": job.video_id,
        "status": job.status,
        "error": job.error_message,
        "kind": job.failure_kind,
    }
    lines = [
        {
            "job": job.job_id,
            "pipeline": name,
            "config_hash": result.config_hash,
            "status": result.status,
            "annotation_count": result.annotation_count,
            "error": result.error_message,
            "kind": result.failure_kind,
            "warning": result.warning,
            "digest": result.digest,
        }
        for name, result in sorted(job.pipeline_results.items())
    ]
    return [job_line, *lines]
