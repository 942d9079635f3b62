"""The rule which result of a video and pipeline is the current one.

All code that shows, draws, compares or writes results uses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from schemas.pipelines import AnsweredBy, is_human, of_machine, source_of
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


def answering_results(jobs: Iterable[BatchJob], answered_by: AnsweredBy) -> dict[tuple[str, str], JobResult]:
    """The current result that answers for each video and pipeline of the machine.

    `corrected` is the complete result of people where there is one, and that of the machine elsewhere.
    """
    current = current_results(jobs).values()
    if answered_by != "corrected":
        answering = [one for one in current if source_of(one[1].pipeline) == answered_by]
    else:
        by_people = [one for one in current if is_human(one[1].pipeline)]
        complete = [one for one in by_people if one[1].status is JobStatus.COMPLETED]
        answering = [one for one in current if not is_human(one[1].pipeline)] + complete
    return {(job.video_id, of_machine(result.pipeline)): (job, result) for job, result in answering}


def newest_job(jobs: Iterable[BatchJob]) -> BatchJob | None:
    """The job that is shown for a video: the machine's newest, or the newest import where it has none."""

    def rank(job: BatchJob) -> tuple[bool, datetime, str]:
        is_import = bool(job.pipeline_results) and all(map(is_human, job.pipeline_results))
        return not is_import, job.created_at, job.job_id

    return max(jobs, key=rank, default=None)


def _rank(job_result: JobResult) -> tuple[bool, datetime, datetime, str]:
    job, result = job_result
    return result.status is JobStatus.COMPLETED, result.completed_at or _NEVER, job.created_at, job.job_id
