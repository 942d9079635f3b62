"""Finds the stored persons that faces are linked to in a run without person_tracking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from schemas.pipelines import FACE, PERSON
from schemas.settings.settings import PersonSettings, SceneSettings, Settings
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results
from schemas.work.job import BatchJob, PipelineResult
from schemas.work.provenance import info_of


def are_alone(pipelines: Iterable[str], settings: Settings) -> bool:
    """Whether faces are to be linked to persons but the run does not track persons."""
    requested = set(pipelines)
    return FACE in requested and PERSON not in requested and settings.face.link_persons


def settings_by_video(
    store: ResultStore | None, video_ids: Sequence[str], pipelines: Sequence[str], settings: Settings
) -> dict[str, Settings]:
    """The settings of each video.

    With faces alone they are those of the stored persons of the video, or have no link to persons.
    """
    if not are_alone(pipelines, settings):
        return dict.fromkeys(video_ids, settings)
    jobs = _by_video(store.jobs_of(video_ids)) if store else {}
    return {video_id: linked(settings, current_persons(jobs.get(video_id, ()))) for video_id in video_ids}


def linked(settings: Settings, persons: BatchJob | None) -> Settings:
    """Settings under which faces are linked to the persons of a job.

    They are linked to nobody without a job, or where the job has no such settings.
    """
    sections = _sections(info_of(persons, PERSON)["configuration"]) if persons else None
    if sections is None:
        return settings.model_copy(update={"face": settings.face.model_copy(update={"link_persons": False})})
    return settings.model_copy(update=sections)


def current_persons(jobs: Iterable[BatchJob]) -> BatchJob | None:
    """The job with the current person_tracking of one video, if that is complete."""
    complete = complete_results(jobs).values()
    return next((job for job, result in complete if result.pipeline == PERSON), None)


def persons_of(
    store: ResultStore, job: BatchJob, settings: Settings
) -> tuple[PipelineResult | None, Settings]:
    """The persons that a job with faces alone is linked to, and the settings with which it was registered.

    Raises `LookupError` where they are no longer in the store.
    """
    sections = _sections(info_of(job, FACE)["configuration"])
    if sections is None:
        return None, settings
    candidates = [
        other
        for other in store.jobs_of([job.video_id])
        if _sections(info_of(other, PERSON)["configuration"]) == sections
    ]
    current = current_persons(candidates)
    if current is None:
        raise LookupError(
            "the persons that the faces belong to have been replaced meanwhile: run the same command again"
        )
    return current.pipeline_results[PERSON], settings.model_copy(update=sections)


def job_with(store: ResultStore, key: WorkKey, pipelines: Iterable[str]) -> str:
    """A job that has a work key, preferably one with just these pipelines; raises `LookupError`."""
    requested = set(pipelines)
    jobs = [job for job in store.jobs_of([key.video_id]) if _hash(job, key.pipeline) == key.config_hash]
    if not jobs:
        raise LookupError(f"no job asks for {key.pipeline} of {key.video_id}")
    return max(jobs, key=lambda job: job.pipeline_results.keys() == requested).job_id


def _hash(job: BatchJob, pipeline: str) -> str | None:
    result = job.pipeline_results.get(pipeline)
    return result.config_hash if result else None


def _sections(configuration: Mapping[str, Any]) -> dict[str, Any] | None:
    """The sections of persons and scenes in a configuration; None where it has none."""
    try:
        person, scene = configuration["person"], configuration["scene"]
        return {"person": PersonSettings.model_validate(person), "scene": SceneSettings.model_validate(scene)}
    except (KeyError, ValidationError):
        return None


def _by_video(jobs: Iterable[BatchJob]) -> dict[str, list[BatchJob]]:
    jobs_by_video: dict[str, list[BatchJob]] = {}
    for job in jobs:
        jobs_by_video.setdefault(job.video_id, []).append(job)
    return jobs_by_video
