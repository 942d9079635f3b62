"""The rule which result of a video and pipeline is the current one.

All code that shows, draws, compares or writes results uses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from schemas.pipelines import is_human
from schemas.work.job import BatchJob, JobStatus, PipelineResult

JobResult: TypeAlias = tuple[BatchJob, PipelineResult]  # a job, and one of its results

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def oldest_first(jobs: Iterable[BatchJob]) -> list[JobResult]:
    """Every result of the jobs: incomplete results before complete ones, then by when they ended.

    The time of a request does not count: to request a result that exists does not make it newer.
    """
    return sorted(((job, result) for job in jobs for result in job.pipeline_results.values()), key=_rank)


def current_results(jobs: Iterable[BatchJob]) -> dict[tuple[str, str], JobResult]:
    """The current result of each video and pipeline.

    It is the newest complete one, or the newest of any state where none is complete.
    """
    return {(job.video_id, result.pipeline): (job, result) for job, result in oldest_first(jobs)}


def complete_results(jobs: Iterable[BatchJob]) -> dict[tuple[str, str], JobResult]:
    """The current results that are complete."""
    current = current_results(jobs).items()
    return {name: (job, result) for name, (job, result) in current if result.status is JobStatus.COMPLETED}


def newest_job(jobs: Iterable[BatchJob]) -> BatchJob | None:
    """The job that is shown for a video: the machine's newest, or the newest import where it has none."""

    def rank(job: BatchJob) -> tuple[bool, datetime, str]:
        is_import = bool(job.pipeline_results) and all(map(is_human, job.pipeline_results))
        return not is_import, job.created_at, job.job_id

    return max(jobs, key=rank, default=None)


def _rank(job_result: JobResult) -> tuple[bool, datetime, datetime, str]:
    job, result = job_result
    return result.status is JobStatus.COMPLETED, result.completed_at or _NEVER, job.created_at, job.job_id
