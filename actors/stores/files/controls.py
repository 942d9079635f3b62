"""What people ask of jobs, and the logs of jobs, in a store of files."""

from __future__ import annotations

from collections.abc import Sequence

from actors.stores.files.runs import FileRuns
from actors.stores.rules import controls as requests
from actors.stores.rules import job_log
from actors.stores.rules.transitions import now
from schemas.work.job import BatchJob
from schemas.work.job_event import Control, JobEvent


class FileRequests(FileRuns):
    """The part of the store that answers to people."""

    def request(self, job_ids: Sequence[str], control: Control | None) -> None:
        with self._write(None):
            self._carry_out(requests.asked(self._jobs(job_ids), control, now()))

    def controls(self) -> dict[str, Control]:
        return self._register.controls()

    def cancel(self, epoch: int | None, job_id: str) -> None:
        with self._write(epoch):
            job = self._register.job(job_id)
            self._carry_out(requests.cancelled(job, self._register.jobs_of(job.video_id), now()))

    def reopen(self, job_ids: Sequence[str], pipelines: Sequence[str] | None = None) -> int:
        with self._write(None):
            jobs = self._jobs(job_ids)
            siblings = self._register.jobs_of_videos(job.video_id for job in jobs)
            change, count = requests.reopened(jobs, siblings, pipelines, now())
            self._carry_out(change)
        return count

    def events(self, job_id: str) -> list[JobEvent]:
        job = self._register.job(job_id)
        return job_log.merged(job, self._logs.noted(job), self._tries.of(job.video_id))

    def _jobs(self, job_ids: Sequence[str]) -> list[BatchJob]:
        """These jobs, each once; raises `NotFound` where one is not there."""
        return [self._register.job(job_id) for job_id in dict.fromkeys(job_ids)]

    def _carry_out(self, change: requests.ControlChange) -> None:
        self._register.put_jobs(change.jobs)
        self._leases.drop(change.freed)
        for video_id in change.called_off:
            self._tries.forget(video_id, leased_only=True)
        for video_id in change.forgotten:
            self._tries.forget(video_id, leased_only=False)
        videos = {job.job_id: job for job in change.jobs}
        for event in change.events:
            self._logs.note(videos[event.job_id], event)
