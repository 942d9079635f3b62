"""What people ask of jobs, and the logs of jobs, in a database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from actors.stores.database.runs import DatabaseRuns
from actors.stores.rules import controls as requests
from actors.stores.rules import job_log
from actors.stores.rules.transitions import now
from actors.stores.sql import attempts, leases, queries
from schemas.errors import NotFound
from schemas.storage import tables
from schemas.work.job import BatchJob
from schemas.work.job_event import Control, JobEvent


class DatabaseRequests(DatabaseRuns):
    """The part of the store that answers to people."""

    def request(self, job_ids: Sequence[str], control: Control | None) -> None:
        with self._db.write(None) as connection:
            self._carry_out(connection, requests.asked(self._jobs(connection, job_ids), control, now()))

    def controls(self) -> dict[str, Control]:
        jobs = tables.jobs.c
        with self._db.read() as connection:
            found = connection.execute(select(jobs.job_id, jobs.control).where(jobs.control.is_not(None)))
            return {row.job_id: Control(row.control) for row in found}

    def cancel(self, epoch: int | None, job_id: str) -> None:
        with self._db.write(epoch) as connection:
            (job,) = self._jobs(connection, [job_id])
            siblings = queries.jobs_of_videos(connection, [job.video_id])
            self._carry_out(connection, requests.cancelled(job, siblings, now()))

    def reopen(self, job_ids: Sequence[str], pipelines: Sequence[str] | None = None) -> int:
        with self._db.write(None) as connection:
            jobs = self._jobs(connection, job_ids)
            siblings = queries.jobs_of_videos(connection, (job.video_id for job in jobs))
            change, count = requests.reopened(jobs, siblings, pipelines, now())
            self._carry_out(connection, change)
        return count

    def events(self, job_id: str) -> list[JobEvent]:
        with self._db.read() as connection:
            (job,) = self._jobs(connection, [job_id])
            return job_log.merged(
                job, attempts.noted(connection, job_id), attempts.attempts_of(connection, [job.video_id])
            )

    def _jobs(self, connection: Connection, job_ids: Sequence[str]) -> list[BatchJob]:
        """These jobs, each once; raises `NotFound` where one is not there."""
        found = queries.jobs_by_id(connection, job_ids)
        for job_id in job_ids:
            if job_id not in found:
                raise NotFound(f"job {job_id}", self.url)
        return list(found.values())

    def _carry_out(self, connection: Connection, change: requests.ControlChange) -> None:
        queries.put_jobs(connection, change.jobs)
        leases.drop(connection, change.freed)
        attempts.forget_attempts(connection, change.called_off, leased_only=True)
        attempts.forget_attempts(connection, change.forgotten, leased_only=False)
        attempts.note(connection, change.events)
