"""The transitions of jobs and pipelines between states: pure, so that every store makes the same ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from actors.stores.rules.states import (
    ENDED,
    IN_WORK,
    failed_before,
    first_start,
    is_kept,
    is_open,
    keys_of,
)
from schemas.annotations.annotation import canonical_digest
from schemas.redaction import keepable
from schemas.storage.backend import Outcome
from schemas.work.attempt import PipelineStart
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult, job_error, job_status
from schemas.work.job_event import Control


def registered_job(
    job: BatchJob, known: BatchJob | None, settled: Mapping[WorkKey, PipelineResult]
) -> BatchJob:
    """A job as it is to be stored: with the states that are `settled`, and the history of the `known` job."""
    results = {name: settled.get(key, job.pipeline_results[name]) for name, key in keys_of(job).items()}
    updated = replace(job, pipeline_results=results)
    if known is not None:
        held_by_others = any(
            settled[key].status not in ENDED for key in keys_of(updated).values() if key in settled
        )
        updated = _keep_history(updated, known, held_by_others=held_by_others)
    if updated.control is Control.PAUSE:
        updated = _pause_idle(updated, settled)
    states = {result.status for result in results.values()}
    if states == {JobStatus.COMPLETED} or (states <= set(ENDED) and any(map(is_kept, results.values()))):
        ended_at = max(
            (result.completed_at for result in results.values() if result.completed_at), default=None
        )
        return with_status(
            replace(updated, started_at=updated.started_at or first_start(updated), completed_at=None),
            ended_at,
        )
    return updated


def _keep_history(job: BatchJob, known: BatchJob, *, held_by_others: bool) -> BatchJob:
    """The job with the times and counts of `known`; it stays with another run that works on it."""
    results = {
        name: _keep_start(result, known.pipeline_results.get(name))
        for name, result in job.pipeline_results.items()
    }
    job = replace(job, pipeline_results=results)
    updated = replace(
        job,
        created_at=known.created_at,
        started_at=(known.started_at if first_start(job) else None) or job.started_at,
        retry_count=known.retry_count,
        control=known.control,
        status=known.status if held_by_others else job.status,
        batch_id=known.batch_id if held_by_others else job.batch_id,
    )
    if job.status is JobStatus.FAILED or not failed_before(known):
        return updated
    return replace(updated, error_message=known.error_message, failure_kind=known.failure_kind)


def _keep_start(result: PipelineResult, known: PipelineResult | None) -> PipelineResult:
    """A pipeline that has not ended keeps its first start; one that is to be done again has no start."""
    if result.status in ENDED or known is None or known.status in ENDED:
        return result
    return replace(result, started_at=known.started_at or result.started_at)


def _pause_idle(job: BatchJob, settled: Mapping[WorkKey, PipelineResult]) -> BatchJob:
    """A paused job: the pipelines that no other run works on are pending."""
    idle = {
        name
        for name, key in keys_of(job).items()
        if key not in settled and job.pipeline_results[name].status in IN_WORK
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


def mark_pipelines(job: BatchJob, pipelines: Sequence[str], status: JobStatus, at: datetime) -> BatchJob:
    """The job after its open pipelines among these moved to `pending` or `running`.

    A failed job that is set running is retrying.
    """
    if status not in (JobStatus.PENDING, JobStatus.RUNNING):
        raise ValueError(f"pipelines are marked pending or running, never {status}")
    open_results = {
        name: result for name, result in job.pipeline_results.items() if name in pipelines and is_open(result)
    }
    if not open_results:
        return job
    changed = {name: _with_new_status(result, status, at) for name, result in open_results.items()}
    results = {**job.pipeline_results, **changed}
    if status is JobStatus.PENDING:
        in_work = any(result.status is JobStatus.RUNNING for result in results.values())
        return replace(job, pipeline_results=results, status=job.status if in_work else JobStatus.PENDING)
    is_retry = failed_before(job) and job.status not in IN_WORK
    return replace(
        job,
        pipeline_results=results,
        status=JobStatus.RETRYING if is_retry or job.status is JobStatus.RETRYING else JobStatus.RUNNING,
        retry_count=job.retry_count + is_retry,
        started_at=job.started_at or at,
        completed_at=None,
    )


def start_pipelines(job: BatchJob, starts: Mapping[str, datetime]) -> BatchJob:
    """The job after the first chunks of these pipelines began at these times.

    A pipeline that is in work already keeps its start.
    """
    new_starts = {
        name: at
        for name, at in starts.items()
        if name in job.pipeline_results and job.pipeline_results[name].status not in ENDED
    }
    if not new_starts:
        return job
    results = {
        name: _with_new_status(result, JobStatus.RUNNING, new_starts[name]) if name in new_starts else result
        for name, result in job.pipeline_results.items()
    }
    is_retry = job.status is JobStatus.RETRYING or (
        failed_before(job) and job.status is not JobStatus.RUNNING
    )
    return replace(
        job,
        pipeline_results=results,
        status=JobStatus.RETRYING if is_retry else JobStatus.RUNNING,
        started_at=job.started_at or min(new_starts.values()),
        completed_at=None,
    )


def start_reported(
    job: BatchJob, starts: Iterable[PipelineStart], held: Collection[WorkKey], at: datetime
) -> BatchJob:
    """`start_pipelines` for starts that a run reports, where it holds the keys and the job is not paused.

    A start after `at` is set to `at`.
    """
    if job.control is Control.PAUSE:
        return job
    keys = keys_of(job)
    own_starts = (
        start for start in starts if start.job_id == job.job_id and keys.get(start.pipeline) in held
    )
    return start_pipelines(job, {start.pipeline: min(_whole_seconds(start.at), at) for start in own_starts})


def _whole_seconds(at: datetime) -> datetime:
    """The time in whole seconds, as it is stored."""
    return at.replace(microsecond=0)


def _with_new_status(result: PipelineResult, status: JobStatus, at: datetime) -> PipelineResult:
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


def reset_pipeline(result: PipelineResult) -> PipelineResult:
    """The pipeline as if it had never been tried."""
    return PipelineResult(result.pipeline, result.config_hash, JobStatus.PENDING)


def start_ending(job: BatchJob, pipeline: str, epoch: int | None, at: datetime) -> BatchJob:
    """The job of a pipeline that a run ends: a start that was not reported is `at`.

    Without a run (`epoch` None) the job is unchanged.
    """
    return job if epoch is None else start_pipelines(job, {pipeline: at})


def result_of(
    outcome: Outcome,
    rows: Sequence[Mapping[str, object]],
    seconds: float,
    at: datetime,
    before: PipelineResult | None,
) -> PipelineResult:
    """The result of a pipeline that ended with these rows; `before` is its state until then."""
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


def finish_pipeline(job: BatchJob, result: PipelineResult, at: datetime) -> BatchJob:
    """The job after one of its pipelines ended."""
    results = {**job.pipeline_results, result.pipeline: result}
    return with_status(
        replace(
            job, pipeline_results=results, started_at=job.started_at or result.started_at, completed_at=None
        ),
        at,
    )


def with_status(job: BatchJob, at: datetime | None) -> BatchJob:
    """The job with the status, error and end that follow from its pipelines."""
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
    """The status of a job with open pipelines: in work if it was or a pipeline is, else pending."""
    in_work = job.status in IN_WORK and job.control is not Control.PAUSE
    if in_work or any(result.status is JobStatus.RUNNING for result in job.pipeline_results.values()):
        return JobStatus.RETRYING if job.status is JobStatus.RETRYING else JobStatus.RUNNING
    return JobStatus.PENDING


def without_pipeline(job: BatchJob, pipeline: str, at: datetime) -> BatchJob | None:
    """A job without one of its pipelines, which another configuration replaced; None for its last one."""
    results = {name: result for name, result in job.pipeline_results.items() if name != pipeline}
    return with_status(replace(job, pipeline_results=results), at) if results else None
