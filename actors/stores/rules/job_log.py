"""The log of a job: what the store noted of it, and how the tries of its video's chunks ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from schemas.storage.backend import Outcome
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.job import BatchJob, PipelineResult
from schemas.work.job_event import JobEvent

REGISTERED = "registered"


def run_name(epoch: int) -> str:
    """A run as logs name it."""
    return f"run {epoch}"


def registration(job: BatchJob, epoch: int, at: datetime) -> JobEvent:
    """A run has taken a job up."""
    return JobEvent(job.job_id, at, REGISTERED, None, run_name(epoch))


def end_of(job: BatchJob, result: PipelineResult, outcome: Outcome, at: datetime) -> JobEvent:
    """A pipeline of a job has ended."""
    counted = f"{result.annotation_count or 0:,} annotations"
    return JobEvent(
        job.job_id,
        at,
        result.status.value,
        result.pipeline,
        result.error_message or counted,
        outcome.traceback,
    )


def merged(job: BatchJob, noted: Iterable[JobEvent], tries: Iterable[Attempt]) -> list[JobEvent]:
    """Everything that happened to a job, by time."""
    ended = (
        one
        for one in tries
        if one.state is not AttemptState.LEASED and one.pipeline in (None, *job.pipeline_results)
    )
    return sorted([*noted, *(_end_of_try(job, one) for one in ended)], key=lambda event: event.at)


def _end_of_try(job: BatchJob, one: Attempt) -> JobEvent:
    message = f"try {one.number} of {one.chunk_id} {one.state}" + (
        f": {one.error_message}" if one.error_message else ""
    )
    return JobEvent(
        job.job_id,
        one.heartbeat_at or one.started_at or job.created_at,
        "attempt",
        one.pipeline,
        message,
        one.traceback,
    )
