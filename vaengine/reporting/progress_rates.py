"""Computes the rate of a batch and its remaining time from the stored times of its jobs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from schemas.work.job import JobStatus
from schemas.work.progress import Snapshot

ENDED: Final = (JobStatus.COMPLETED, JobStatus.FAILED)
SECONDS_PER_HOUR: Final = 3600.0


class Timed(Protocol):
    """A job, or one pipeline of a job. Times are UTC."""

    @property
    def status(self) -> JobStatus: ...
    @property
    def started_at(self) -> datetime | None: ...
    @property
    def completed_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """The rate at which jobs end: `ended` jobs in `elapsed_s` seconds, while `left` jobs have not ended.

    `ended_at` is None while a job is left. `average_s` is the mean time from start to end of a job. The rate
    and the remaining time are None before the first end.
    """

    started_at: datetime | None
    ended_at: datetime | None
    ended: int
    left: int
    elapsed_s: float
    average_s: float | None

    @property
    def per_hour(self) -> float | None:
        """Jobs that end in an hour."""
        return per_hour(self.ended, self.elapsed_s)

    @property
    def eta_s(self) -> float | None:
        """Seconds until no job is left."""
        return eta_s(self.left, self.per_hour)


def pace_of(items: Iterable[Timed], now: datetime, *, since: datetime | None = None) -> Pace:
    """The pace of jobs, or of one pipeline of each.

    Jobs that ended before `since`, such as the time a batch was resumed, do not count. Neither do jobs that
    ended without a start, such as those of a file that cannot be read: they took no time.
    """
    jobs = list(items)
    ended = [job for job in jobs if _ended_since(job, since)]
    left = [job for job in jobs if job.status not in ENDED]
    started_at = _later(
        min((job.started_at for job in (*ended, *left) if job.started_at), default=None), since
    )
    last_end = max((job.completed_at for job in ended if job.completed_at), default=None)
    until = now if left else last_end
    return Pace(
        started_at=started_at,
        ended_at=None if left else last_end,
        ended=len(ended),
        left=len(left),
        elapsed_s=max(0.0, (until - started_at).total_seconds()) if until and started_at else 0.0,
        average_s=_average_s(ended),
    )


def per_hour(ended: int, elapsed_s: float) -> float | None:
    """Number of jobs that end in an hour; None before the first end."""
    return ended / elapsed_s * SECONDS_PER_HOUR if ended and elapsed_s > 0 else None


def eta_s(left: int, rate_per_hour: float | None) -> float | None:
    """Seconds until no job is left; None without a rate."""
    if not left:
        return 0.0
    return left / rate_per_hour * SECONDS_PER_HOUR if rate_per_hour else None


def videos_per_hour(run: Snapshot) -> float | None:
    """Number of videos that a run ends in an hour from its first chunk on, without those up to date."""
    return per_hour(run.videos_done + run.videos_failed, run.working_s)


def _ended_since(job: Timed, since: datetime | None) -> bool:
    if job.status not in ENDED or job.started_at is None or job.completed_at is None:
        return False
    return since is None or job.completed_at >= since


def _later(at: datetime | None, since: datetime | None) -> datetime | None:
    return max(at, since) if at and since else at


def _average_s(ended: list[Timed]) -> float | None:
    durations_s = [
        (job.completed_at - job.started_at).total_seconds()
        for job in ended
        if job.completed_at and job.started_at
    ]
    return sum(durations_s) / len(durations_s) if durations_s else None
