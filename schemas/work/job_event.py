"""Controls that a person applies to jobs, and events of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Control(StrEnum):
    """A request of a person to a job while it runs."""

    PAUSE = "pause"  # begin no further chunk of it; it is pending until it is requested again
    CANCEL = "cancel"  # end it: results so far are kept, the rest is failed as cancelled


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One event of a job's log.

    `name` is its kind: registered, attempt, completed, failed, pause, cancel, retry, ...
    """

    job_id: str
    at: datetime
    name: str
    pipeline: str | None = None
    message: str | None = None
    detail: str | None = None  # a traceback


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event of a job in the one order that a store has for all its events; numbers may have gaps.

    The event is without its message and detail, which the log of its job has.
    """

    number: int
    event: JobEvent
