"""The current results of videos, and the configurations that they were made with.

Of several complete results of a pipeline the newest is current.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import oldest_first
from schemas.work.job import BatchJob
from schemas.work.provenance import info_of
from vaengine.requests.replacement import Maker


@dataclass(frozen=True, slots=True)
class ResultVariant:
    """One configuration that current results of a pipeline were made with.

    `job` is one of its jobs, `videos` the number of videos.
    """

    pipeline: str
    job: BatchJob
    videos: int

    @property
    def maker(self) -> Maker:
        return Maker.of(self.job, self.pipeline)

    @property
    def info(self) -> Mapping[str, Any]:
        """`configuration`, `preset` and `model`, as `schemas.work.provenance.info_of`."""
        return info_of(self.job, self.pipeline)


def ways(store: ResultStore, video_ids: Sequence[str]) -> dict[str, list[ResultVariant]]:
    """The configurations of each pipeline that has complete results, the one with the most videos first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for key in current_keys(store, video_ids):
        groups.setdefault((key.pipeline, key.config_hash), []).append(key.video_id)
    jobs = store.jobs_of([ids[0] for ids in groups.values()]) if groups else []
    variants: dict[str, list[ResultVariant]] = {}
    for (pipeline, config_hash), ids in sorted(groups.items(), key=lambda group: -len(group[1])):
        job = next(
            (job for job in jobs if job.video_id == ids[0] and _hash(job, pipeline) == config_hash), None
        )
        if job is not None:
            variants.setdefault(pipeline, []).append(ResultVariant(pipeline, job, len(ids)))
    return variants


def current_keys(store: ResultStore, video_ids: Sequence[str]) -> list[WorkKey]:
    """The work key of each pipeline's current result of each video.

    Jobs are read only where a pipeline has several results.
    """
    complete: dict[tuple[str, str], list[WorkKey]] = {}
    for key in sorted(store.completed_of(video_ids)):
        complete.setdefault((key.video_id, key.pipeline), []).append(key)
    ambiguous_ids = [video_id for (video_id, _), keys in complete.items() if len(keys) > 1]
    jobs_oldest_first = oldest_first(store.jobs_of(ambiguous_ids)) if ambiguous_ids else []
    age = {
        WorkKey(job.video_id, result.pipeline, result.config_hash): n
        for n, (job, result) in enumerate(jobs_oldest_first)
    }
    # Age -1: no job has the key, because files were lost.
    return [max(keys, key=lambda key: (age.get(key, -1), key)) for keys in complete.values()]


def _hash(job: BatchJob, pipeline: str) -> str | None:
    result = job.pipeline_results.get(pipeline)
    return result.config_hash if result else None
