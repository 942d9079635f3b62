"""Reads and writes jobs with the states of their pipelines in files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actors.atomic_files import read_object
from actors.stores.encoding.documents import job_object
from actors.stores.files.registry import Registry, job_in
from schemas.work.job import BatchJob, JobStatus
from schemas.work.job_event import Control


@dataclass(frozen=True, slots=True)
class FileJobs:
    """See `backend.transaction.Jobs`; the caller has locked the store while it writes."""

    registry: Registry
    _video_of: dict[str, str] = field(default_factory=dict)  # job id -> video id, which never changes

    def of_videos(self, video_ids: Iterable[str]) -> list[BatchJob]:
        return [job for video_id in dict.fromkeys(video_ids) for job in self.registry.jobs_of(video_id)]

    def by_id(self, job_ids: Iterable[str]) -> list[BatchJob]:
        paths = (self._path(job_id) for job_id in dict.fromkeys(job_ids))
        return [job for path in paths if path and (job := job_in(path))]

    def _path(self, job_id: str) -> Path | None:
        """The path of a job's file, None for an unknown job."""
        if job_id not in self._video_of:
            self._video_of.update({job.job_id: job.video_id for job in self._all()})
        video_id = self._video_of.get(job_id)
        return None if video_id is None else self.registry.layout.job(video_id, job_id)

    def _all(self) -> list[BatchJob]:
        return [job for path in self.registry.layout.all_jobs() if (job := job_in(path))]

    def select(self, status: JobStatus | None = None, batch_id: str | None = None) -> list[BatchJob]:
        return [
            job for job in self._all() if status in (None, job.status) and batch_id in (None, job.batch_id)
        ]

    def put(self, jobs: Sequence[BatchJob]) -> None:
        for job in jobs:
            path = self.registry.layout.job(job.video_id, job.job_id)
            value, before = job_object(job), read_object(path) or {}
            self.registry.put(
                path, value | {"pipelines": {**before.get("pipelines", {}), **value["pipelines"]}}
            )
            self._video_of[job.job_id] = job.video_id
        self.registry.note_controls({job.job_id: job.control for job in jobs})
        self._write_views(jobs)

    def _write_views(self, jobs: Iterable[BatchJob]) -> None:
        for video_id in dict.fromkeys(job.video_id for job in jobs):
            self.registry.write_views(video_id)

    def supersede(self, pipeline: str, changes: Sequence[tuple[BatchJob, BatchJob | None]]) -> None:
        layout = self.registry.layout
        for job, remaining in changes:
            path = layout.job(job.video_id, job.job_id)
            if remaining:
                self.registry.put(path, job_object(remaining))
                continue
            path.unlink()
            layout.log(job.video_id, job.job_id).unlink(missing_ok=True)
            self.registry.note_controls({job.job_id: None})
        self._write_views(job for job, _ in changes)

    def controls(self) -> dict[str, Control]:
        return self.registry.controls()

    def batch_ids(self, without: Collection[str]) -> set[str | None]:
        return {job.batch_id for job in self._all() if job.job_id not in without}
