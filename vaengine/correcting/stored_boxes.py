"""The boxes of a video's stored results: of those that answer now, and of earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from schemas.annotations.annotation import SCENE_TYPE, Annotation
from schemas.errors import NotFound, ResultsChanged, UsageError
from schemas.media.video import Video
from schemas.pipelines import SCENE, of_human
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import answering_results
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from vaengine.correcting.box_rows import BoxResult
from vaengine.correcting.edits import ROWS_OF, BoxKind
from vaengine.correcting.history import ResultName, revision_of
from vaengine.results.lookup import VideoResults
from vaengine.timeline.presence import Presence

HUMAN_OF: Final[Mapping[BoxKind, str]] = {kind: of_human(of.pipeline) for kind, of in ROWS_OF.items()}


class StoredBoxes:
    """The results of one video as they are stored now; `jobs` are all of the video."""

    def __init__(self, store: ResultStore, video: Video) -> None:
        self._store, self._video = store, video
        self.jobs = store.jobs_of([video.video_id])
        self._times_s = (video.index.pts - video.start_pts).astype(np.float64) * float(video.time_base)
        found = answering_results(self.jobs, "corrected")
        self._answering = {pipeline: result for (_, pipeline), (_, result) in found.items()}

    def require(self, revision: str) -> None:
        """Raises `ResultsChanged` where these are not the results of a revision."""
        if revision_of(self._answering.values()) != revision:
            raise ResultsChanged(self._video.video_id, self._store.url)

    def answering(self, kind: BoxKind) -> ResultName:
        """The result that answers for boxes of a kind; raises where there is none, or it is not complete."""
        pipeline = ROWS_OF[kind].pipeline
        result = self._answering.get(pipeline)
        if result is None:
            raise NotFound(f"{pipeline} of {self._video.video_id}", self._store.url)
        if result.status is not JobStatus.COMPLETED:
            raise UsageError(
                f"{pipeline} of {self._video.video_id} is {result.status}: its boxes can be corrected once "
                "it is complete"
            )
        return ResultName(result.pipeline, result.config_hash)

    def boxes(self, kind: BoxKind, name: ResultName) -> BoxResult:
        """The boxes of a result, with when they are shown; raises `NotFound` where it is not stored."""
        job = _job_with(name, self.jobs)
        if job is None:
            raise NotFound(f"result {name.config_hash} of {name.pipeline}", self._store.url)
        rows = self._rows(name.pipeline, name.config_hash)
        made = {name.pipeline: job.pipeline_results[name.pipeline]}
        facts = VideoResults(self._video, (), made, {name.pipeline: job})
        fps = facts.sample_fps if kind == "person" else facts.face_fps
        presence = Presence.of(
            [*rows, *self._scenes()], fps, kind=ROWS_OF[kind].box_type, frame_end_s=self._end_s
        )
        return BoxResult(kind, rows, presence, self._start_s, self._video.duration_s)

    def _rows(self, pipeline: str, config_hash: str) -> list[Annotation]:
        return self._store.annotations(WorkKey(self._video.video_id, pipeline, config_hash))

    def _scenes(self) -> list[Annotation]:
        """The scenes that answer: nobody whom the machine found is present across a cut."""
        found = self._answering.get(SCENE)
        rows = self._rows(found.pipeline, found.config_hash) if found else []
        return [row for row in rows if row.annotation_type == SCENE_TYPE]

    def _start_s(self, frame: int) -> float:
        return float(self._times_s[frame]) if frame < len(self._times_s) else self._video.duration_s

    def _end_s(self, frame: int) -> float:
        return self._start_s(frame + 1)


def _job_with(name: ResultName, jobs: Iterable[BatchJob]) -> BatchJob | None:
    """A job that has a result, complete."""
    return next((job for job in jobs if _is(name, job.pipeline_results.get(name.pipeline))), None)


def _is(name: ResultName, result: PipelineResult | None) -> bool:
    if result is None or result.status is not JobStatus.COMPLETED:
        return False
    return result.config_hash == name.config_hash
