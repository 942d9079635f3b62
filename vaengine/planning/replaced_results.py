"""Finds in a store which results a run would replace, before anything is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from vaengine.requests.replacement import UNKNOWN, Maker, Replaced, Replacement, superseded

JobOf = Callable[[str], BatchJob]  # returns the job that the run would register for a video id


def conflicts(
    store: ResultStore, keys: Mapping[str, Iterable[WorkKey]]
) -> dict[WorkKey, tuple[WorkKey, ...]]:
    """As `superseded`, for videos of the store."""
    return superseded(
        [key for video_keys in keys.values() for key in video_keys], store.completed_of(list(keys))
    )


def described(
    store: ResultStore, conflicts_found: Mapping[WorkKey, tuple[WorkKey, ...]], job_of: JobOf
) -> Replacement:
    """Conflicts grouped by pipeline and pair of configurations; one video of each group describes it."""
    pairs = [(key, other) for key, others in conflicts_found.items() for other in others]
    groups = Counter((key.pipeline, other.config_hash, key.config_hash) for key, other in pairs)
    example_key = {
        (key.pipeline, other.config_hash, key.config_hash): other for key, other in reversed(pairs)
    }
    makers = _makers(store, example_key.values())
    return Replacement(
        tuple(
            Replaced(
                group[0],
                videos,
                makers[example_key[group]],
                Maker.of(job_of(example_key[group].video_id), group[0]),
            )
            for group, videos in groups.items()
        )
    )


def _makers(store: ResultStore, keys: Iterable[WorkKey]) -> dict[WorkKey, Maker]:
    wanted = list(keys)
    jobs = store.jobs_of([key.video_id for key in wanted]) if wanted else []
    return {
        key: next((Maker.of(job, key.pipeline) for job in jobs if _holds(job, key)), Maker(UNKNOWN))
        for key in wanted
    }


def _holds(job: BatchJob, key: WorkKey) -> bool:
    result = job.pipeline_results.get(key.pipeline)
    return job.video_id == key.video_id and result is not None and result.config_hash == key.config_hash
