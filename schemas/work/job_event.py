"""What people ask of jobs, and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Control(StrEnum):
    """What a person asks of a job from beside its run."""

    PAUSE = "pause"  # begin no further chunk of it; it is pending until it is asked for again
    CANCEL = "cancel"  # call it off: what it has is kept, the rest is failed as cancelled


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's log.

    `name` is what happened: registered, attempt, completed, failed, pause, cancel, retry, ...
    """

    job_id: str
    at: datetime
    name: str
    pipeline: str | None = None
    message: str | None = None
    detail: str | None = None  # a traceback
