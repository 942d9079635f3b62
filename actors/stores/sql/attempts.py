"""Reads and writes attempts at chunks and the logs of jobs in database tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, and_, case, delete, func, insert, select

from actors.stores.encoding import attempt_rows
from actors.stores.rules import job_log
from actors.stores.sql.statements.dialect import upsert
from actors.stores.sql.statements.queries import paged
from schemas.storage import tables
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.job import BatchJob
from schemas.work.job_event import JobEvent, NumberedEvent
from schemas.work.manifest import ChunkCommit

attempts, job_events = tables.attempts, tables.job_events
_OPTIONAL_COLUMNS: Final = ("worker", "started_at", "pipeline", "failure_kind", "error_message", "traceback")


@dataclass(frozen=True, slots=True)
class SqlAttempts:
    """See `backend.transaction.Attempts`."""

    connection: Connection

    def record(self, reported: Sequence[Attempt]) -> None:
        statement, stored = upsert(self.connection, attempts), attempts.c
        incoming = statement.excluded
        changes = {name: func.coalesce(incoming[name], stored[name]) for name in _OPTIONAL_COLUMNS}
        last_heartbeat = case(
            (incoming.heartbeat_at < stored.heartbeat_at, stored.heartbeat_at),
            else_=func.coalesce(incoming.heartbeat_at, stored.heartbeat_at),
        )
        statement = statement.on_conflict_do_update(
            index_elements=[stored.chunk_id, stored.number],
            set_={**changes, "state": incoming.state, "heartbeat_at": last_heartbeat},
            where=stored.state == AttemptState.LEASED.value,
        )
        if reported:
            self.connection.execute(statement, [attempt_rows.attempt_row(attempt) for attempt in reported])

    def of_videos(self, video_ids: Iterable[str]) -> list[Attempt]:
        query, columns = select(attempts), attempts.c
        pages = (
            self.connection.execute(query.where(columns.video_id.in_(page))).mappings()
            for page in paged(video_ids)
        )
        stored_attempts = (attempt_rows.attempt_from(row) for page in pages for row in page)
        return sorted(stored_attempts, key=lambda attempt: (attempt.chunk_id, attempt.number))

    def newest_numbers(self, commits: Iterable[ChunkCommit]) -> dict[str, int]:
        newest: dict[str, int] = {}
        query = select(attempts.c.chunk_id, func.max(attempts.c.number).label("number")).group_by(
            attempts.c.chunk_id
        )
        for page in paged(commit.chunk_id for commit in commits):
            newest |= {
                row.chunk_id: row.number
                for row in self.connection.execute(query.where(attempts.c.chunk_id.in_(page)))
            }
        return newest

    def end_leased(self, commits: Iterable[ChunkCommit]) -> None:
        for page in paged(commit.chunk_id for commit in commits if commit.chunk_id):
            leased = and_(attempts.c.chunk_id.in_(page), attempts.c.state == AttemptState.LEASED.value)
            self.connection.execute(delete(attempts).where(leased))

    def forget(self, video_ids: Iterable[str], *, leased_only: bool) -> None:
        conditions = [attempts.c.state == AttemptState.LEASED.value] if leased_only else []
        for page in paged(video_ids):
            self.connection.execute(delete(attempts).where(attempts.c.video_id.in_(page), *conditions))


@dataclass(frozen=True, slots=True)
class SqlJobLog:
    """See `backend.transaction.JobLog`."""

    connection: Connection

    def note(self, entries: Iterable[tuple[BatchJob, JobEvent]]) -> None:
        rows = [attempt_rows.event_row(event) for _, event in entries]
        if rows:
            self.connection.execute(insert(job_events), rows)

    def events(self, job: BatchJob) -> list[JobEvent]:
        query = select(job_events).where(job_events.c.job_id == job.job_id).order_by(job_events.c.event_id)
        return [attempt_rows.event_from(row) for row in self.connection.execute(query).mappings()]

    def after(self, number: int, limit: int) -> list[NumberedEvent]:
        columns = [column for column in job_events.c if column.name not in ("message", "detail")]
        query = select(*columns).where(job_events.c.event_id > number)
        found = self.connection.execute(query.order_by(job_events.c.event_id).limit(limit)).mappings()
        blank = {"message": None, "detail": None}
        return [NumberedEvent(row["event_id"], attempt_rows.event_from({**row, **blank})) for row in found]

    def newest(self) -> int:
        return self.connection.scalar(select(func.max(job_events.c.event_id))) or 0

    def registered_by(self, jobs: Sequence[BatchJob], epoch: int) -> set[str]:
        ids, registration = (
            job_events.c.job_id,
            and_(job_events.c.name == job_log.REGISTERED, job_events.c.message == job_log.run_name(epoch)),
        )
        query = select(ids).where(registration)
        return {
            job_id
            for page in paged(job.job_id for job in jobs)
            for job_id in self.connection.scalars(query.where(ids.in_(page)))
        }
