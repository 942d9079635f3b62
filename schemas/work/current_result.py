"""Which result of a video and pipeline is the current one: the one rule for all that show, draw, compare
or write results.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from schemas.work.job import BatchJob, JobStatus, PipelineResult

Made: TypeAlias = tuple[BatchJob, PipelineResult]  # a result, and a job that has it

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def oldest_first(jobs: Iterable[BatchJob]) -> list[Made]:
    """Every result of the jobs, those that are not complete before all others, then by when they ended.

    When somebody asked for a result counts for nothing: to ask again for one that is there does not make it
    newer.
    """
    return sorted(((job, result) for job in jobs for result in job.pipeline_results.values()), key=_rank)


def current_results(jobs: Iterable[BatchJob]) -> dict[tuple[str, str], Made]:
    """The current result of each video and pipeline: the newest complete one, or the newest of any state
    where none is complete.
    """
    return {(job.video_id, result.pipeline): (job, result) for job, result in oldest_first(jobs)}


def complete_results(jobs: Iterable[BatchJob]) -> dict[tuple[str, str], Made]:
    """The same of those that are complete."""
    return {of: made for of, made in current_results(jobs).items() if made[1].status is JobStatus.COMPLETED}


def _rank(made: Made) -> tuple[bool, datetime, datetime, str]:
    job, result = made
    return result.status is JobStatus.COMPLETED, result.completed_at or _NEVER, job.created_at, job.job_id
