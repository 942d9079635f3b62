"""Jobs with the states of their pipelines, in files."""

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
    """See `backend.transaction.Jobs`; the caller holds the store while it writes."""

    register: Registry
    _video_of: dict[str, str] = field(default_factory=dict)  # job id -> video id, which never changes

    def of_videos(self, video_ids: Iterable[str]) -> list[BatchJob]:
        return [job for video_id in dict.fromkeys(video_ids) for job in self.register.jobs_of(video_id)]

    def by_id(self, job_ids: Iterable[str]) -> list[BatchJob]:
        paths = (self._path(job_id) for job_id in dict.fromkeys(job_ids))
        return [job for path in paths if path and (job := job_in(path))]

    def _path(self, job_id: str) -> Path | None:
        """Where a job is, as far as anyone has heard of it."""
        if job_id not in self._video_of:
            self._video_of.update({job.job_id: job.video_id for job in self._every()})
        video_id = self._video_of.get(job_id)
        return None if video_id is None else self.register.tree.job(video_id, job_id)

    def _every(self) -> list[BatchJob]:
        return [job for path in self.register.tree.all_jobs() if (job := job_in(path))]

    def select(self, status: JobStatus | None = None, batch_id: str | None = None) -> list[BatchJob]:
        return [
            job for job in self._every() if status in (None, job.status) and batch_id in (None, job.batch_id)
        ]

    def put(self, jobs: Sequence[BatchJob]) -> None:
        for job in jobs:
            path = self.register.tree.job(job.video_id, job.job_id)
            value, before = job_object(job), read_object(path) or {}
            self.register.put(
                path, value | {"pipelines": {**before.get("pipelines", {}), **value["pipelines"]}}
            )
            self._video_of[job.job_id] = job.video_id
        self.register.note_controls({job.job_id: job.control for job in jobs})
        self._show(jobs)

    def _show(self, jobs: Iterable[BatchJob]) -> None:
        for video_id in dict.fromkeys(job.video_id for job in jobs):
            self.register.show(video_id)

    def supersede(self, pipeline: str, changes: Sequence[tuple[BatchJob, BatchJob | None]]) -> None:
        tree = self.register.tree
        for job, left in changes:
            path = tree.job(job.video_id, job.job_id)
            if left:
                self.register.put(path, job_object(left))
                continue
            path.unlink()
            tree.log(job.video_id, job.job_id).unlink(missing_ok=True)
            self.register.note_controls({job.job_id: None})
        self._show(job for job, _ in changes)

    def controls(self) -> dict[str, Control]:
        return self.register.controls()

    def batch_ids(self, without: Collection[str]) -> set[str | None]:
        return {job.batch_id for job in self._every() if job.job_id not in without}
