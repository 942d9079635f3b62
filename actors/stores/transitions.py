"""How jobs move between states when a store is told something: pure, so that every store moves them alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from schemas.annotation import canonical_digest
from schemas.chunk import WorkKey
from schemas.errors import NotFound
from schemas.job import BatchJob, JobStatus, PipelineResult, job_error, job_status
from schemas.store import Outcome

IN_WORK = (JobStatus.RUNNING, JobStatus.RETRYING)


def now() -> datetime:
    """UTC, in whole seconds as they are stored."""
    return datetime.now(UTC).replace(microsecond=0)


def keys_of(job: BatchJob) -> dict[str, WorkKey]:
    """Work key of each pipeline of a job."""
    return {name: WorkKey(job.video_id, name, result.config_hash) for name, result in job.pipeline_results.items()}


def key_of(job: BatchJob, pipeline: str, url: str) -> WorkKey:
    """Work key of one pipeline of a job; raises `NotFound` when the job was never asked for it."""
    if pipeline not in job.pipeline_results:
        raise NotFound(f"pipeline {pipeline} of job {job.job_id}", url)
    return keys_of(job)[pipeline]


def failed_before(job: BatchJob) -> bool:
    """A job keeps its last failure while it waits for another try."""
    return job.status is JobStatus.FAILED or job.error_message is not None


def registered(job: BatchJob, known: BatchJob | None, complete: Mapping[WorkKey, PipelineResult]) -> BatchJob:
    """A job as it is to be stored: complete pipelines linked, its own past kept."""
    results = {name: complete.get(key, job.pipeline_results[name]) for name, key in keys_of(job).items()}
    done = bool(results) and all(result.status is JobStatus.COMPLETED for result in results.values())
    new = replace(job, pipeline_results=results)
    if known is not None:
        new = _with_past(new, known)
    if not done:
        return new
    ended = max((result.completed_at for result in results.values() if result.completed_at), default=None)
    return replace(new, status=JobStatus.COMPLETED, completed_at=ended, error_message=None, failure_kind=None)


def _with_past(job: BatchJob, known: BatchJob) -> BatchJob:
    new = replace(job, created_at=known.created_at, started_at=known.started_at or job.started_at, retry_count=known.retry_count)
    if job.status is JobStatus.FAILED or not failed_before(known):
        return new
    return replace(new, error_message=known.error_message, failure_kind=known.failure_kind)


def marked(job: BatchJob, pipelines: Sequence[str], status: JobStatus, at: datetime) -> BatchJob:
    """The job after these pipelines moved to `pending` or `running`; complete ones stay. A failed job set running is retrying."""
    if status not in (JobStatus.PENDING, JobStatus.RUNNING):
        raise ValueError(f"pipelines are marked pending or running, never {status}")
    open_results = {
        name: result for name, result in job.pipeline_results.items() if name in pipelines and result.status is not JobStatus.COMPLETED
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


def _moved(result: PipelineResult, status: JobStatus, at: datetime) -> PipelineResult:
    started_at = at if status is JobStatus.RUNNING else result.started_at
    return replace(result, status=status, started_at=started_at, completed_at=None, error_message=None, failure_kind=None, warning=None)


def result_of(outcome: Outcome, rows: Sequence[Mapping[str, object]], seconds: float, at: datetime) -> PipelineResult:
    """What is remembered of a pipeline that ended with these rows."""
    return PipelineResult(
        pipeline=outcome.key.pipeline,
        config_hash=outcome.key.config_hash,
        status=outcome.status,
        annotation_count=len(rows),
        processing_time_seconds=seconds,
        completed_at=at,
        error_message=outcome.error_message,
        failure_kind=outcome.failure_kind,
        warning=outcome.warning,
        digest=canonical_digest(rows),
    )


def finished(job: BatchJob, result: PipelineResult, at: datetime) -> BatchJob:
    """The job after one of its pipelines ended."""
    before = job.pipeline_results.get(result.pipeline)
    started_at = before.started_at if before else None
    results = {**job.pipeline_results, result.pipeline: replace(result, started_at=started_at or result.started_at)}
    return settled(replace(job, pipeline_results=results, completed_at=None), at)


def settled(job: BatchJob, at: datetime) -> BatchJob:
    """The job with status, reason and end as its pipelines say."""
    status = job_status(job.pipeline_results)
    if status is JobStatus.RUNNING and job.status is JobStatus.RETRYING:
        status = JobStatus.RETRYING
    failures = [result for _, result in sorted(job.pipeline_results.items()) if result.status is JobStatus.FAILED]
    return replace(
        job,
        status=status,
        completed_at=(job.completed_at or at) if status in (JobStatus.COMPLETED, JobStatus.FAILED) else None,
        error_message=job_error(job.pipeline_results),
        failure_kind=failures[0].failure_kind if failures else None,
    )


def superseded(job: BatchJob, pipeline: str, at: datetime) -> BatchJob | None:
    """A job after another configuration replaced one of its results; None when nothing is left of it."""
    results = {name: result for name, result in job.pipeline_results.items() if name != pipeline}
    return settled(replace(job, pipeline_results=results), at) if results else None


def canonical_states(job: BatchJob) -> list[dict[str, Any]]:
    """A job and its pipelines as the digest of a store covers them: no times, paths, run ids or attempts."""
    job_line = {"job": job.job_id, "video_id": job.video_id, "status": job.status, "error": job.error_message, "kind": job.failure_kind}
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
