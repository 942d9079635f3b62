"""The current results of videos, and in how many ways they were made: of several complete results of a pipeline the newest is current."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from schemas.chunk import WorkKey
from schemas.job import BatchJob, JobStatus
from schemas.provenance import info_of
from schemas.store import StorageBackend
from vaengine.replacement import Maker

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Way:
    """One configuration that current results of a pipeline were made with, as one of their jobs tells it, and of how many videos."""

    pipeline: str
    job: BatchJob
    videos: int

    @property
    def maker(self) -> Maker:
        return Maker.of(self.job, self.pipeline)

    @property
    def info(self) -> Mapping[str, Any]:
        """`configuration`, `preset` and `model`, as `schemas.provenance.info_of`."""
        return info_of(self.job, self.pipeline)


def ways(store: StorageBackend, video_ids: Sequence[str]) -> dict[str, list[Way]]:
    """The ways of each pipeline that there are complete results of, that of the most videos first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for key in current_keys(store, video_ids):
        groups.setdefault((key.pipeline, key.config_hash), []).append(key.video_id)
    jobs = store.jobs_of([ids[0] for ids in groups.values()]) if groups else []
    found: dict[str, list[Way]] = {}
    for (pipeline, config_hash), ids in sorted(groups.items(), key=lambda group: -len(group[1])):
        job = next((job for job in jobs if job.video_id == ids[0] and _hash(job, pipeline) == config_hash), None)
        if job is not None:
            found.setdefault(pipeline, []).append(Way(pipeline, job, len(ids)))
    return found


def current_keys(store: StorageBackend, video_ids: Sequence[str]) -> list[WorkKey]:
    """The work key of the current result of each pipeline of each video; jobs are read only where there are several."""
    complete: dict[tuple[str, str], list[WorkKey]] = {}
    for key in sorted(store.completed_of(video_ids)):
        complete.setdefault((key.video_id, key.pipeline), []).append(key)
    several = [video_id for (video_id, _), keys in complete.items() if len(keys) > 1]
    newest = _newest(store.jobs_of(several)) if several else {}
    return [keys[0] if len(keys) == 1 else newest[of] for of, keys in complete.items()]


def _newest(jobs: Iterable[BatchJob]) -> dict[tuple[str, str], WorkKey]:
    ended = [(job, result) for job in jobs for result in job.pipeline_results.values() if result.status is JobStatus.COMPLETED]
    ended.sort(key=lambda pair: (pair[1].completed_at or _NEVER, pair[0].created_at, pair[0].job_id))
    return {(job.video_id, result.pipeline): WorkKey(job.video_id, result.pipeline, result.config_hash) for job, result in ended}


def _hash(job: BatchJob, pipeline: str) -> str | None:
    result = job.pipeline_results.get(pipeline)
    return result.config_hash if result else None
