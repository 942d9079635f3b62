"""A page of probed files as a run takes them: which videos they are, what is wanted of each, and with
which configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actors.finalize.stored_persons import settings_by_video
from schemas.annotations.annotation import job_id_for
from schemas.errors import NoVideoStream
from schemas.pipelines import AUDIO, FACE
from schemas.settings.settings import Settings, pipeline_config
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from vaengine.model_selection.select import models_of
from vaengine.planning.content_match import identified_in
from vaengine.planning.plan import work_keys
from vaengine.planning.probing import ProbedVideo
from vaengine.requests.request import RunRequest


@dataclass(frozen=True, slots=True)
class Page:
    """`fresh` files are videos that the run has not met yet, `copies` further paths of some; `keys` by
    video, `faces` its face settings.
    """

    request: RunRequest
    fresh: tuple[ProbedVideo, ...]
    copies: tuple[ProbedVideo, ...]
    keys: Mapping[str, tuple[WorkKey, ...]]
    faces: Mapping[str, Settings]

    @classmethod
    def of(
        cls,
        request: RunRequest,
        probed: Sequence[ProbedVideo],
        store: ResultStore | None,
        met: Mapping[str, str],
    ) -> Page:
        """What probed files are, by what a store knows (None: there is none yet); `met` is the
        fingerprint of each id met before.
        """
        found = identified_in(store, [_with_work(one, request.pipelines) for one in probed], met)
        ids = [one.video_id for one in found.fresh]
        return cls(request, found.fresh, found.copies, *wanted(request, ids, store))

    def config(self, video_id: str) -> dict[str, Any]:
        """What the job of a video stores as its configuration."""
        return job_config(self.request, faces=self.faces[video_id])

    def job(self, video_id: str) -> BatchJob:
        """The job of a video as far as it is known before it is registered: without any state."""
        return job_to_be(self.request, video_id, self.keys[video_id], self.faces[video_id])


def wanted(
    request: RunRequest, video_ids: Sequence[str], store: ResultStore | None
) -> tuple[dict[str, tuple[WorkKey, ...]], dict[str, Settings]]:
    """Work keys of videos, and the settings of their faces."""
    faces = settings_by_video(store, video_ids, request.pipelines, request.settings)
    kinds = {id(one): one for one in faces.values()}  # one for most runs
    hashes = {
        kind: work_keys("", request.pipelines, request.settings, faces=one) for kind, one in kinds.items()
    }
    keys = {
        video_id: tuple(
            WorkKey(video_id, key.pipeline, key.config_hash) for key in hashes[id(faces[video_id])]
        )
        for video_id in video_ids
    }
    return keys, faces


def job_to_be(request: RunRequest, video_id: str, keys: Sequence[WorkKey], faces: Settings) -> BatchJob:
    """The job that a request would register for a video."""
    job_id = job_id_for(video_id, {key.pipeline: key.config_hash for key in keys})
    return BatchJob(job_id, Path(), request.out / video_id, job_config(request, faces=faces), video_id)


def _with_work(one: ProbedVideo, pipelines: Sequence[str]) -> ProbedVideo:
    """A file of sound alone is none where nothing listens; beside a pipeline that does, those of pictures
    find nothing in it.
    """
    if one.video is None or one.video.has_pictures or AUDIO in pipelines:
        return one
    return replace(one, video=None, error=NoVideoStream(one.path))


def job_config(request: RunRequest, *, faces: Settings | None = None) -> dict[str, Any]:
    """What a job stores as its configuration; `faces` are the settings of face_analysis where its video has
    others for it.

    Of each pipeline what can change its result, and beside that what cannot: the presets it was resolved
    from, and of its model the file's name and digest. Paths stay out.
    """
    of = {FACE: faces or request.settings}
    configs = {
        pipeline: pipeline_config(of.get(pipeline, request.settings), pipeline)
        for pipeline in sorted(request.pipelines)
    }
    config = {
        "pipelines": configs,
        "presets": dict(request.presets),
        "models": models_of(request.settings, request.pipelines),
    }
    plain: dict[str, Any] = json.loads(json.dumps(config))
    return plain
