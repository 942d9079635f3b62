"""A page of probed files: which videos they are, their work keys, and their configuration."""

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
from vaengine.planning.prober import ProbedVideo
from vaengine.requests.request import RunRequest


@dataclass(frozen=True, slots=True)
class Page:
    """One page of probed files.

    `fresh` files are videos that are new to the run, `copies` are further paths of known ones. `keys` are the
    work keys and `faces` the face settings, both by video.
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
        """Identify probed files with what a store knows; `store` is None where there is none yet.

        `met` is the fingerprint of each id that the run met before.
        """
        identified_page = identified_in(
            store, [_without_idle_sound(one, request.pipelines) for one in probed], met
        )
        ids = [one.video_id for one in identified_page.fresh]
        return cls(
            request, identified_page.fresh, identified_page.copies, *work_of_videos(request, ids, store)
        )

    def config(self, video_id: str) -> dict[str, Any]:
        """What the job of a video stores as its configuration."""
        return job_config(self.request, faces=self.faces[video_id])

    def job(self, video_id: str) -> BatchJob:
        """The job of a video as known before it is registered, without any state."""
        return job_to_be(self.request, video_id, self.keys[video_id], self.faces[video_id])


def work_of_videos(
    request: RunRequest, video_ids: Sequence[str], store: ResultStore | None
) -> tuple[dict[str, tuple[WorkKey, ...]], dict[str, Settings]]:
    """Work keys of videos, and the settings of their faces."""
    faces = settings_by_video(store, video_ids, request.pipelines, request.settings)
    settings_by_identity = {id(one): one for one in faces.values()}  # one for most runs
    keys_by_identity = {
        identity: work_keys("", request.pipelines, request.settings, faces=one)
        for identity, one in settings_by_identity.items()
    }
    keys = {
        video_id: tuple(
            WorkKey(video_id, key.pipeline, key.config_hash) for key in keys_by_identity[id(faces[video_id])]
        )
        for video_id in video_ids
    }
    return keys, faces


def job_to_be(request: RunRequest, video_id: str, keys: Sequence[WorkKey], faces: Settings) -> BatchJob:
    """The job that a request would register for a video."""
    job_id = job_id_for(video_id, {key.pipeline: key.config_hash for key in keys})
    return BatchJob(job_id, Path(), request.out / video_id, job_config(request, faces=faces), video_id)


def _without_idle_sound(one: ProbedVideo, pipelines: Sequence[str]) -> ProbedVideo:
    """A file of sound alone as a file without video, where no pipeline analyses sound.

    Beside the audio pipeline, pipelines of frames find nothing in such a file, which is no error.
    """
    if one.video is None or one.video.has_pictures or AUDIO in pipelines:
        return one
    return replace(one, video=None, error=NoVideoStream(one.path))


def job_config(request: RunRequest, *, faces: Settings | None = None) -> dict[str, Any]:
    """What a job stores as its configuration.

    `faces` are the settings of face_analysis where its video has settings of its own. The configuration
    holds, for each pipeline, the settings that can change its result. It also holds the presets, and the name
    and digest of each model. Paths stay out.
    """
    settings_of = {FACE: faces or request.settings}
    configs = {
        pipeline: pipeline_config(settings_of.get(pipeline, request.settings), pipeline)
        for pipeline in sorted(request.pipelines)
    }
    config = {
        "pipelines": configs,
        "presets": dict(request.presets),
        "models": models_of(request.settings, request.pipelines),
    }
    plain_config: dict[str, Any] = json.loads(json.dumps(config))
    return plain_config
