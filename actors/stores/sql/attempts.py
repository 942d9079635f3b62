"""Tries of chunks and logs of jobs in database tables; the caller holds the transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, and_, case, delete, func, insert, select

from actors.stores.encoding import attempt_rows
from actors.stores.rules.job_log import REGISTERED
from actors.stores.sql.dialect import upsert
from actors.stores.sql.queries import paged
from schemas.errors import StaleAttempt
from schemas.storage import tables
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.job_event import JobEvent
from schemas.work.manifest import ChunkCommit

attempts, job_events = tables.attempts, tables.job_events
_TOLD_LATER: Final = ("worker", "started_at", "pipeline", "failure_kind", "error_message", "traceback")

# Tries.


def require_newest(connection: Connection, commits: Iterable[ChunkCommit]) -> None:
    """Raises `StaleAttempt` where a chunk has been tried again since the try that one of these comes from."""
    tried = [commit for commit in commits if commit.chunk_id]
    newest: dict[str, int] = {}
    query = select(attempts.c.chunk_id, func.max(attempts.c.number).label("number")).group_by(
        attempts.c.chunk_id
    )
    for page in paged(commit.chunk_id for commit in tried):
        newest |= {
            row.chunk_id: row.number for row in connection.execute(query.where(attempts.c.chunk_id.in_(page)))
        }
    for commit in tried:
        if newest.get(commit.chunk_id, 0) > commit.line.attempt:
            raise StaleAttempt(commit.chunk_id, commit.line.attempt, newest[commit.chunk_id])


def end_leased(connection: Connection, commits: Iterable[ChunkCommit]) -> None:
    """Forget the tries that these chunks were leased for: their manifest lines say all there is to say."""
    for page in paged(commit.chunk_id for commit in commits if commit.chunk_id):
        leased = and_(attempts.c.chunk_id.in_(page), attempts.c.state == AttemptState.LEASED.value)
        connection.execute(delete(attempts).where(leased))


def put_attempts(connection: Connection, new: Sequence[Attempt]) -> None:
    """News of tries: what has ended stays, and what an event does not tell stays too."""
    statement, stored = upsert(connection, attempts), attempts.c
    told = statement.excluded
    changes = {name: func.coalesce(told[name], stored[name]) for name in _TOLD_LATER}
    beat_at = case(
        (told.heartbeat_at < stored.heartbeat_at, stored.heartbeat_at),
        else_=func.coalesce(told.heartbeat_at, stored.heartbeat_at),
    )
    statement = statement.on_conflict_do_update(
        index_elements=[stored.chunk_id, stored.number],
        set_={**changes, "state": told.state, "heartbeat_at": beat_at},
        where=stored.state == AttemptState.LEASED.value,
    )
    if new:
        connection.execute(statement, [attempt_rows.attempt_row(one) for one in new])


def attempts_of(connection: Connection, video_ids: Iterable[str]) -> list[Attempt]:
    """Tries of these videos' chunks, by chunk and number."""
    query = select(attempts)
    found = (
        row
        for page in paged(video_ids)
        for row in connection.execute(query.where(attempts.c.video_id.in_(page))).mappings()
    )
    return sorted(map(attempt_rows.attempt_from, found), key=lambda one: (one.chunk_id, one.number))


def forget_attempts(connection: Connection, video_ids: Iterable[str], *, leased_only: bool) -> None:
    """Drop tries of these videos' chunks."""
    which = [attempts.c.state == AttemptState.LEASED.value] if leased_only else []
    for page in paged(video_ids):
        connection.execute(delete(attempts).where(attempts.c.video_id.in_(page), *which))


# Logs.


def note(connection: Connection, events: Iterable[JobEvent]) -> None:
    """Add lines to the logs of jobs."""
    new = [attempt_rows.event_row(event) for event in events]
    if new:
        connection.execute(insert(job_events), new)


def noted(connection: Connection, job_id: str) -> list[JobEvent]:
    """Lines of a job's log as they were added."""
    query = select(job_events).where(job_events.c.job_id == job_id).order_by(job_events.c.event_id)
    return [attempt_rows.event_from(row) for row in connection.execute(query).mappings()]


def registered_by(connection: Connection, job_ids: Collection[str], message: str) -> set[str]:
    """Those of the jobs whose log says already that this run has taken them up."""
    query = select(job_events.c.job_id).where(
        job_events.c.name == REGISTERED, job_events.c.message == message
    )
    return {
        job_id
        for page in paged(job_ids)
        for job_id in connection.scalars(query.where(job_events.c.job_id.in_(page)))
    }
