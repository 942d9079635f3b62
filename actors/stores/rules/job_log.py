"""Makes the events of a job's log: registration, ends of pipelines, and ends of attempts at chunks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from schemas.storage.backend import Outcome
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.job import BatchJob, PipelineResult
from schemas.work.job_event import JobEvent

REGISTERED = "registered"


def run_name(epoch: int) -> str:
    """The name of a run in logs."""
    return f"run {epoch}"


def registration(job: BatchJob, epoch: int, at: datetime) -> JobEvent:
    """The event that a run has registered a job."""
    return JobEvent(job.job_id, at, REGISTERED, None, run_name(epoch))


def pipeline_end(job: BatchJob, result: PipelineResult, outcome: Outcome, at: datetime) -> JobEvent:
    """The event that a pipeline of a job has ended."""
    counted = f"{result.annotation_count or 0:,} annotations"
    return JobEvent(
        job.job_id,
        at,
        result.status.value,
        result.pipeline,
        result.error_message or counted,
        outcome.traceback,
    )


def merge_events(job: BatchJob, logged: Iterable[JobEvent], attempts: Iterable[Attempt]) -> list[JobEvent]:
    """The logged events of a job and the ends of attempts at its chunks, by time."""
    ended = (
        attempt
        for attempt in attempts
        if attempt.state is not AttemptState.LEASED and attempt.pipeline in (None, *job.pipeline_results)
    )
    return sorted([*logged, *(_attempt_end(job, attempt) for attempt in ended)], key=lambda event: event.at)


def _attempt_end(job: BatchJob, attempt: Attempt) -> JobEvent:
    message = f"try {attempt.number} of {attempt.chunk_id} {attempt.state}" + (
        f": {attempt.error_message}" if attempt.error_message else ""
    )
    return JobEvent(
        job.job_id,
        attempt.heartbeat_at or attempt.started_at or job.created_at,
        "attempt",
        attempt.pipeline,
        message,
        attempt.traceback,
    )
