"""Reads the states of jobs and pipelines: work keys, which are open, kept or held back; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any

from schemas.errors import NotFound
from schemas.work.attempt import KEPT_FAILED
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.job_event import Control

IN_WORK = (JobStatus.RUNNING, JobStatus.RETRYING)
ENDED = (JobStatus.COMPLETED, JobStatus.FAILED)


def now() -> datetime:
    """The time in UTC, in whole seconds as it is stored."""
    return datetime.now(UTC).replace(microsecond=0)


def keys_of(job: BatchJob) -> dict[str, WorkKey]:
    """The work key of each pipeline of a job."""
    return {
        name: WorkKey(job.video_id, name, result.config_hash) for name, result in job.pipeline_results.items()
    }


def key_of(job: BatchJob, pipeline: str, url: str) -> WorkKey:
    """The work key of one pipeline of a job; raises `NotFound` when the job does not have the pipeline."""
    if pipeline not in job.pipeline_results:
        raise NotFound(f"pipeline {pipeline} of job {job.job_id}", url)
    return keys_of(job)[pipeline]


def failed_before(job: BatchJob) -> bool:
    """Whether a job has failed, now or before: it keeps its failure while it waits for another attempt."""
    return job.status is JobStatus.FAILED or job.error_message is not None


def is_kept(result: PipelineResult) -> bool:
    """Whether a pipeline failed in a way that further runs do not retry."""
    return result.status is JobStatus.FAILED and result.failure_kind in KEPT_FAILED


def is_open(result: PipelineResult) -> bool:
    """Whether a run may still do something for a pipeline."""
    return result.status is not JobStatus.COMPLETED and not is_kept(result)


def keeps_late_chunks(result: PipelineResult | None) -> bool:
    """Whether a failed pipeline that no run holds still accepts chunks that were in work when it failed.

    A retry then does only what is missing.
    """
    return result is not None and result.status is JobStatus.FAILED and not is_kept(result)


def states_of(jobs: Iterable[BatchJob]) -> dict[WorkKey, PipelineResult]:
    """The state of each work key of these jobs; a kept failure outranks the state in another job."""
    states: dict[WorkKey, PipelineResult] = {}
    for job in jobs:
        for name, key in keys_of(job).items():
            if key not in states or is_kept(job.pipeline_results[name]):
                states[key] = job.pipeline_results[name]
    return states


def kept_failures(jobs: Iterable[BatchJob]) -> dict[WorkKey, PipelineResult]:
    """The work keys whose failure is kept, with their states."""
    return {key: result for key, result in states_of(jobs).items() if is_kept(result)}


def keys_held_back(jobs: Sequence[BatchJob]) -> set[WorkKey]:
    """The work keys that no run may lease: their failure is kept, or only paused jobs have them."""
    requested = {key for job in jobs if job.control is not Control.PAUSE for key in keys_of(job).values()}
    paused = {key for job in jobs if job.control is Control.PAUSE for key in keys_of(job).values()}
    return (paused - requested) | set(kept_failures(jobs))


def settled_results(
    siblings: Sequence[BatchJob], complete: Mapping[WorkKey, PipelineResult], held_by_others: Set[WorkKey]
) -> dict[WorkKey, PipelineResult]:
    """The states that a registration does not change: complete results, kept failures, work of other runs."""
    others = {key: result for key, result in states_of(siblings).items() if key in held_by_others}
    return {**others, **kept_failures(siblings), **complete}


def keys_to_lease(job: BatchJob) -> set[WorkKey]:
    """The work keys of a registered job that its run leases."""
    if job.control is Control.PAUSE:
        return set()
    return {key for name, key in keys_of(job).items() if job.pipeline_results[name].status not in ENDED}


def first_start(job: BatchJob) -> datetime | None:
    """The start of the job's first pipeline."""
    return min(
        (result.started_at for result in job.pipeline_results.values() if result.started_at), default=None
    )


def canonical_states(job: BatchJob) -> list[dict[str, Any]]:
    """What the digest of a store covers of a job: no times, paths, run ids or attempts."""
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
