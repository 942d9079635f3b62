"""Reads and writes jobs with the states of their pipelines in database tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, select

from actors.stores.encoding import rows
from actors.stores.sql.statements.queries import PipelineIds, paged, put
from schemas.storage import tables
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.job_event import Control

jobs, statuses = tables.jobs, tables.job_pipeline_status


@dataclass(frozen=True, slots=True)
class SqlJobs:
    """See `backend.transaction.Jobs`."""

    connection: Connection
    pipelines: PipelineIds

    def _select_where(self, *conditions: ColumnElement[bool]) -> list[BatchJob]:
        """Jobs with their pipelines, ordered by creation, then id."""
        job_query = select(jobs).where(*conditions).order_by(jobs.c.created_at, jobs.c.job_id)
        job_rows = self.connection.execute(job_query).mappings().all()
        query = select(statuses, tables.pipelines.c.name).join(tables.pipelines)
        if conditions:
            query = query.join(jobs, jobs.c.job_id == statuses.c.job_id).where(*conditions)
        results: dict[str, dict[str, PipelineResult]] = defaultdict(dict)
        for row in self.connection.execute(query.order_by(tables.pipelines.c.name)).mappings():
            results[row["job_id"]][row["name"]] = rows.result_from(row["name"], row)
        return [rows.job_from(row, results.get(row["job_id"], {})) for row in job_rows]

    def of_videos(self, video_ids: Iterable[str]) -> list[BatchJob]:
        return [job for page in paged(video_ids) for job in self._select_where(jobs.c.video_id.in_(page))]

    def by_id(self, job_ids: Iterable[str]) -> list[BatchJob]:
        return [job for page in paged(job_ids) for job in self._select_where(jobs.c.job_id.in_(page))]

    def select(self, status: JobStatus | None = None, batch_id: str | None = None) -> list[BatchJob]:
        conditions: list[ColumnElement[bool]] = []
        if status is not None:
            conditions.append(jobs.c.status == status.value)
        if batch_id is not None:
            conditions.append(jobs.c.batch_id == batch_id)
        return self._select_where(*conditions)

    def put(self, changed: Sequence[BatchJob]) -> None:
        ids = self.pipelines.ensure(name for job in changed for name in job.pipeline_results)
        put(self.connection, jobs, [rows.job_row(job) for job in changed])
        states = [
            {"job_id": job.job_id, "pipeline_id": ids[name], **rows.status_row(result)}
            for job in changed
            for name, result in job.pipeline_results.items()
        ]
        put(self.connection, statuses, states)

    def supersede(self, pipeline: str, changes: Sequence[tuple[BatchJob, BatchJob | None]]) -> None:
        for job, remaining in changes:
            same = (statuses.c.job_id == job.job_id, statuses.c.pipeline_id == self.pipelines.id_of(pipeline))
            self.connection.execute(delete(statuses).where(*same))
            if remaining:
                self.put([remaining])
            else:
                self.connection.execute(
                    delete(tables.job_events).where(tables.job_events.c.job_id == job.job_id)
                )
                self.connection.execute(delete(jobs).where(jobs.c.job_id == job.job_id))

    def controls(self) -> dict[str, Control]:
        query = select(jobs.c.job_id, jobs.c.control).where(jobs.c.control.is_not(None))
        return {row.job_id: Control(row.control) for row in self.connection.execute(query)}

    def batch_ids(self, without: Collection[str]) -> set[str | None]:
        all_jobs = self.connection.execute(select(jobs.c.job_id, jobs.c.batch_id))
        return {row.batch_id for row in all_jobs if row.job_id not in without}
