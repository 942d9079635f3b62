"""Jobs with their states and legal moves, and the report of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from schemas.paths import location_of
from schemas.work.batch_progress import plain
from schemas.work.job_event import Control


class JobStatus(StrEnum):
    """The state of a job or of a pipeline of a job; the store's CHECK lists the same words."""

    PENDING = "pending"  # registered; not begun, or not begun again since it was stopped
    RUNNING = "running"  # some of it is in work, or was when its run was killed
    COMPLETED = "completed"  # every requested pipeline is complete
    FAILED = "failed"  # at least one pipeline failed; what worked is kept
    RETRYING = "retrying"  # failed before, in work again


LEGAL_MOVES: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset(
        {JobStatus.RUNNING, JobStatus.RETRYING, JobStatus.FAILED, JobStatus.COMPLETED}
    ),
    JobStatus.RUNNING: frozenset(
        {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PENDING, JobStatus.RETRYING}
    ),
    JobStatus.RETRYING: frozenset(
        {JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PENDING}
    ),
    JobStatus.FAILED: frozenset(
        {JobStatus.RETRYING, JobStatus.RUNNING, JobStatus.PENDING, JobStatus.COMPLETED}
    ),
    JobStatus.COMPLETED: frozenset(
        {JobStatus.RUNNING, JobStatus.PENDING}
    ),  # only when its input or configuration changed
}


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """The state and result of one pipeline of one job.

    `processing_time_seconds` is decode and model time, not wall time. `started_at` is when its first chunk
    was begun, None before that. It stays when a stopped or killed run is resumed; a pipeline that is tried
    again after a failure, or done anew, starts anew.
    """

    pipeline: str
    config_hash: str
    status: JobStatus
    annotation_count: int | None = None
    processing_time_seconds: float | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None
    failure_kind: str | None = None
    warning: str | None = None  # e.g. frames lost within the allowance
    digest: str | None = None  # canonical digest of its rows; the generation of its projected file


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One video with one configuration, as requested.

    `started_at` is when its first chunk was begun, None before that; it starts anew only where each of its
    pipelines does.
    """

    job_id: str
    video_path: Path
    output_dir: Path
    config: Mapping[str, Any]
    video_id: str
    status: JobStatus = JobStatus.PENDING
    pipeline_results: Mapping[str, PipelineResult] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    started_at: datetime | None = None
    completed_at: datetime | None = None
    retry_count: int = 0
    error_message: str | None = None
    failure_kind: str | None = None
    batch_id: str | None = None
    control: Control | None = None  # what a person asks of it while it runs

    @property
    def location(self) -> str:
        """The path or URL of its video as text."""
        return location_of(self.video_path)


def job_status(results: Mapping[str, PipelineResult]) -> JobStatus:
    """The state of a job from those of its pipelines: failed outranks running outranks pending."""
    states = {result.status for result in results.values()}
    if not states or states == {JobStatus.PENDING}:
        return JobStatus.PENDING
    if JobStatus.RUNNING in states or JobStatus.PENDING in states:
        return JobStatus.RUNNING
    return JobStatus.FAILED if JobStatus.FAILED in states else JobStatus.COMPLETED


def job_error(results: Mapping[str, PipelineResult]) -> str | None:
    """The reasons of a failed job on one line: each once, with the pipelines it failed."""
    reasons: dict[str, list[str]] = {}
    for name, result in sorted(results.items()):
        if result.status is JobStatus.FAILED:
            reasons.setdefault(result.error_message or "no reason was given", []).append(name)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items()) or None


@dataclass(frozen=True, slots=True)
class VideoOutcome:
    """One line of a report.

    `outcome` is completed, skipped (all results existed), failed or pending (stopped before). `video_id` is
    empty where the run was stopped before it probed the file.
    """

    video_id: str
    path: str
    outcome: str
    error_message: str | None = None
    failure_kind: str | None = None
    warning: str | None = None
    duplicates: tuple[str, ...] = ()  # further paths with the same content


@dataclass(frozen=True)
class BatchReport:
    """The outcome of a run, counted in videos.

    `outcomes` are a tuple, or packed where there are very many.
    """

    batch_id: str
    outcomes: Sequence[VideoOutcome]
    wall_s: float
    frames_decoded: int = 0
    video_s: float = 0.0  # seconds of video worked through in this run
    passes: int = 0
    stopped_by: str | None = None  # "SIGINT", "SIGTERM" or "SIGHUP"
    halted: str | None = None  # why nothing more could be stored, one line
    started_at: datetime | None = None  # UTC
    ended_at: datetime | None = None

    def count(self, outcome: str) -> int:
        return self._counts[outcome]

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(line.outcome for line in self.outcomes)

    @property
    def completed(self) -> int:
        return self.count("completed")

    @property
    def skipped(self) -> int:
        return self.count("skipped")

    @property
    def failed(self) -> int:
        return self.count("failed")

    @property
    def pending(self) -> int:
        return self.count("pending")

    @property
    def success_rate(self) -> float:
        """Share of videos whose results are all there, 0..1."""
        return (self.completed + self.skipped) / len(self.outcomes) if self.outcomes else 1.0

    @property
    def duration_s(self) -> float:
        return self.wall_s

    @property
    def eta_s(self) -> float | None:
        """0 where nothing is left; None where the run ended before everything was done."""
        return None if self.pending else 0.0

    @property
    def jobs_per_hour(self) -> float | None:
        """Videos per hour that this run completed or failed; None where there are none."""
        ended = self.completed + self.failed
        return ended * 3600 / self.wall_s if ended and self.wall_s > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object; times are ISO 8601."""
        counts = {name: self.count(name) for name in ("completed", "skipped", "failed", "pending")}
        rates = {
            name: getattr(self, name) for name in ("success_rate", "duration_s", "eta_s", "jobs_per_hour")
        }
        return {
            **plain(replace(self, outcomes=tuple(self.outcomes))),
            **counts,
            "total": len(self.outcomes),
            **rates,
        }


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """Jobs of a store by state.

    `interrupted` jobs were in work when their run died, and no run works on them. Times and pace are those
    of its newest batch, UTC and as in `BatchProgress`; they do not count when two statuses are compared.
    """

    pending: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    retrying: int = 0
    interrupted: int = 0
    started_at: datetime | None = field(default=None, compare=False)
    ended_at: datetime | None = field(default=None, compare=False)  # None: it runs, or nothing has run yet
    duration_s: float | None = field(default=None, compare=False)
    eta_s: float | None = field(default=None, compare=False)
    jobs_per_hour: float | None = field(default=None, compare=False)

    @property
    def total(self) -> int:
        return self.pending + self.running + self.completed + self.failed + self.retrying + self.interrupted

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object; times are ISO 8601."""
        return {**plain(self), "total": self.total}
