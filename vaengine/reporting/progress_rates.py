"""How fast a batch goes and when it will end, from the times that are stored of its jobs: pure arithmetic."""

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
    """How fast jobs end. `ended` were worked on and ended in `elapsed_s` seconds, `left` have not ended.

    `ended_at` is None while something is left. `average_s` is the mean of the seconds from start to end.
    A rate is None before the first end, and the time left too.
    """

    started_at: datetime | None
    ended_at: datetime | None
    ended: int
    left: int
    elapsed_s: float
    average_s: float | None

    @property
    def per_hour(self) -> float | None:
        return per_hour(self.ended, self.elapsed_s)

    @property
    def eta_s(self) -> float | None:
        return eta_s(self.left, self.per_hour)


def pace_of(items: Iterable[Timed], now: datetime, *, since: datetime | None = None) -> Pace:
    """The pace of these jobs, or of one pipeline of each.

    What ended before `since`, such as the moment a batch was resumed, does not count. What ended without
    having been started, such as a file that cannot be read, took no time and is no part of the rate.
    """
    known = list(items)
    ended = [one for one in known if _ended_since(one, since)]
    left = sum(one.status not in ENDED for one in known)
    under_way = [one for one in known if one.status not in ENDED]
    started_at = _later(
        min((one.started_at for one in (*ended, *under_way) if one.started_at), default=None), since
    )
    last = max((one.completed_at for one in ended if one.completed_at), default=None)
    until = now if left else last
    return Pace(
        started_at=started_at,
        ended_at=None if left else last,
        ended=len(ended),
        left=left,
        elapsed_s=max(0.0, (until - started_at).total_seconds()) if until and started_at else 0.0,
        average_s=_average_s(ended),
    )


def per_hour(ended: int, elapsed_s: float) -> float | None:
    """How many end in an hour; None before the first has ended."""
    return ended / elapsed_s * SECONDS_PER_HOUR if ended and elapsed_s > 0 else None


def eta_s(left: int, rate_per_hour: float | None) -> float | None:
    """Seconds until nothing is left; None where there is no rate yet."""
    if not left:
        return 0.0
    return left / rate_per_hour * SECONDS_PER_HOUR if rate_per_hour else None


def videos_per_hour(run: Snapshot) -> float | None:
    """Videos that a run ends in an hour, from its first chunk on; those that were up to date do not count."""
    return per_hour(run.videos_done + run.videos_failed, run.working_s)


def _ended_since(one: Timed, since: datetime | None) -> bool:
    if one.status not in ENDED or one.started_at is None or one.completed_at is None:
        return False
    return since is None or one.completed_at >= since


def _later(at: datetime | None, since: datetime | None) -> datetime | None:
    return max(at, since) if at and since else at


def _average_s(ended: list[Timed]) -> float | None:
    spans = [
        (one.completed_at - one.started_at).total_seconds()
        for one in ended
        if one.completed_at and one.started_at
    ]
    return sum(spans) / len(spans) if spans else None
