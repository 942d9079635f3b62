"""Converts attempts and events of jobs to rows and back; their free text is cleaned before it is kept."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Final

from actors.stores.encoding.rows import Row, Stored, text_time, time_text
from schemas.redaction import keepable
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.job_event import JobEvent

_TIMES: Final = ("started_at", "heartbeat_at")


def attempt_row(attempt: Attempt) -> Row:
    """One row of table `attempts`."""
    row: Row = {field.name: getattr(attempt, field.name) for field in fields(attempt)}
    times = {name: time_text(row[name]) for name in _TIMES}
    return row | times | {"state": attempt.state.value} | _free_text(row, "error_message", "traceback")


def attempt_from(row: Stored) -> Attempt:
    """The reverse of `attempt_row`."""
    values = {field.name: row[field.name] for field in fields(Attempt)} | {
        "state": AttemptState(row["state"])
    }
    return Attempt(**(values | {name: text_time(row[name]) for name in _TIMES}))


def event_row(event: JobEvent) -> Row:
    """One row of table `job_events`, without its key."""
    row = asdict(event)
    return row | {"at": time_text(event.at)} | _free_text(row, "message", "detail")


def event_from(row: Stored) -> JobEvent:
    """The reverse of `event_row`."""
    values: dict[str, Any] = {field.name: row[field.name] for field in fields(JobEvent)} | {
        "at": text_time(row["at"])
    }
    return JobEvent(**values)


def _free_text(row: Stored, *names: str) -> Row:
    return {name: keepable(row[name]) for name in names}
