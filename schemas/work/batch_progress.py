"""The progress of a batch as plain values: counts, rates, pace and time left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Final

RUNNING: Final = "running"
SILENT: Final = "silent"  # Its process exists, but has given no heartbeat for a minute.
# Shown only; a store has no such word, since a killed run cannot write it.
INTERRUPTED: Final = "interrupted"


@dataclass(frozen=True, slots=True)
class ProgressCounts:
    """Jobs, or one pipeline of each, counted by state, with their pace.

    `average_s` is the mean time from start to end of what this run finished; `jobs_per_hour` and `eta_s`
    (seconds left) follow from its pace. None stands for unknown: before the first has ended, or while more
    videos are still searched for.
    """

    pending: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    retrying: int = 0
    jobs_per_hour: float | None = None
    average_s: float | None = None
    eta_s: float | None = None

    @property
    def total(self) -> int:
        return self.pending + self.running + self.completed + self.failed + self.retrying

    @property
    def ended(self) -> int:
        return self.completed + self.failed

    @property
    def success_rate(self) -> float | None:
        """Share of completed ones among those that ended, 0..1."""
        return self.completed / self.ended if self.ended else None

    @property
    def failure_rate(self) -> float | None:
        """Share of failed ones among those that ended, 0..1."""
        return self.failed / self.ended if self.ended else None

    def to_dict(self) -> dict[str, Any]:
        """As a flat JSON object."""
        counts = {count.name: getattr(self, count.name) for count in fields(ProgressCounts)}
        return {
            **counts,
            "total": self.total,
            "success_rate": self.success_rate,
            "failure_rate": self.failure_rate,
        }


@dataclass(frozen=True, slots=True)
class PipelineCounts(ProgressCounts):
    """Counts of one pipeline over all jobs.

    `processing_s` is decode and model time of all that completed, `annotations` their rows.
    """

    annotations: int = 0
    processing_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return {
            **ProgressCounts.to_dict(self),
            "annotations": self.annotations,
            "processing_s": self.processing_s,
        }


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """A batch at the moment `taken_at`, with times in UTC.

    `duration_s` is the time of its runs, without the pauses between them. `state` is "running", "silent"
    where its process exists but gives no heartbeat, "completed", "failed", "stopped", or "interrupted"
    where its process is gone. With `more_expected` further videos may still become jobs. `ended_at` is None
    until it is over.
    """

    batch_id: str
    state: str
    taken_at: datetime
    started_at: datetime
    ended_at: datetime | None
    duration_s: float
    jobs: ProgressCounts
    pipelines: Mapping[str, PipelineCounts] = field(default_factory=dict)
    more_expected: bool = False

    def __post_init__(self) -> None:
        for name in ("taken_at", "started_at", "ended_at"):
            at = getattr(self, name)
            if at is not None and at.tzinfo is None:
                raise ValueError(f"{name} needs a time zone")

    @property
    def is_over(self) -> bool:
        """Whether no process works on it any more; a silent run may still go on."""
        return self.state not in (RUNNING, SILENT)

    @property
    def eta_s(self) -> float | None:
        """Seconds left; None where that is unknown."""
        return self.jobs.eta_s

    @property
    def eta_at(self) -> datetime | None:
        """The estimated end at this pace; None where it is unknown, or nothing runs."""
        return None if self.eta_s is None or self.is_over else self.taken_at + timedelta(seconds=self.eta_s)

    @property
    def jobs_per_hour(self) -> float | None:
        return self.jobs.jobs_per_hour

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object; times are ISO 8601."""
        times = {name: _iso(getattr(self, name)) for name in ("taken_at", "started_at", "ended_at", "eta_at")}
        return {
            "batch_id": self.batch_id,
            "state": self.state,
            **times,
            "duration_s": self.duration_s,
            "more_expected": self.more_expected,
            "jobs": self.jobs.to_dict(),
            "pipelines": {name: counts.to_dict() for name, counts in self.pipelines.items()},
        }


def plain(value: Any) -> dict[str, Any]:
    """A frozen value as a JSON object; times are ISO 8601."""
    return {
        name: _iso(field_value) if isinstance(field_value, datetime) else field_value
        for name, field_value in asdict(value).items()
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
