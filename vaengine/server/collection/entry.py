"""One video of the collection: facts, the state of each pipeline, what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.paths import name_of
from schemas.pipelines import is_human, order_of
from schemas.storage.backend import VideoFacts
from schemas.work.batch_progress import INTERRUPTED
from schemas.work.current_result import current_results, newest_job
from schemas.work.job import BatchJob, JobStatus, PipelineResult, job_status
from schemas.work.provenance import info_of, provenance_of

PAUSED: Final = "paused"


@dataclass(frozen=True, slots=True)
class PipelineState:
    """The current result of one pipeline of a video; times are UTC, `processing_s` is decode and model time.

    `preset` and `model` are what made it, empty where the job does not say.
    """

    status: str
    config_hash: str
    job_id: str
    annotations: int | None
    processing_s: float | None
    started_at: datetime | None
    completed_at: datetime | None
    failure_kind: str | None
    error_message: str | None
    warning: str | None
    preset: str
    model: str


@dataclass(frozen=True, slots=True)
class VideoEntry:
    """A video with its current results; `duration_s` is None where it could not be read.

    `annotations` counts those of models: people's are mostly the same ones corrected.

    `status` is that of a job, "interrupted" where a dead run left it, or "paused". All text can be shown and
    sent: bytes of a file name that are no UTF-8 are escaped.
    """

    video_id: str
    path: str
    name: str
    duration_s: float | None
    width: int | None
    height: int | None
    size_bytes: int | None
    codec: str | None
    status: str
    pipelines: Mapping[str, PipelineState]
    annotations: int
    job_id: str
    batch_id: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    retry_count: int
    error_message: str | None
    failure_kind: str | None

    @property
    def machine_pipelines(self) -> Mapping[str, PipelineState]:
        """The results of models: those of people have no pace, and measure no model."""
        return {name: state for name, state in self.pipelines.items() if not is_human(name)}

    @property
    def has_warning(self) -> bool:
        """Whether a pipeline ended with a warning."""
        return any(state.warning for state in self.pipelines.values())


def entry_of(jobs: Sequence[BatchJob], facts: VideoFacts | None, states: Mapping[str, str]) -> VideoEntry:
    """The entry of one video from all its jobs, of which there is one or more.

    `states` are the states for users of jobs in work, by job id, see `run_states.shown_states`.
    """
    newest = newest_job(jobs) or jobs[0]
    current = {name: found for (_, name), found in current_results(jobs).items()}
    pipelines = {
        name: _pipeline_state(job, result)
        for name, (job, result) in sorted(current.items(), key=lambda item: order_of(item[0]))
    }
    return VideoEntry(
        newest.video_id,
        shown_text(facts.path if facts else newest.location),
        shown_text(name_of(facts.path if facts else newest.location)),
        facts.duration_s if facts else None,
        facts.width if facts else None,
        facts.height if facts else None,
        facts.size_bytes if facts else None,
        facts.codec if facts else None,
        _status(newest, {name: result for name, (_, result) in current.items()}, states),
        pipelines,
        sum(state.annotations or 0 for name, state in pipelines.items() if not is_human(name)),
        newest.job_id,
        newest.batch_id,
        newest.created_at,
        newest.started_at,
        newest.completed_at,
        newest.retry_count,
        _shown(newest.error_message),
        newest.failure_kind,
    )


def _status(newest: BatchJob, current: Mapping[str, PipelineResult], states: Mapping[str, str]) -> str:
    status = job_status(current) if current else newest.status
    if status in (JobStatus.COMPLETED, JobStatus.FAILED):
        return str(status)
    if newest.control is not None:
        return PAUSED if newest.control == "pause" else str(status)
    return INTERRUPTED if states.get(newest.job_id) == INTERRUPTED else str(newest.status)


def _pipeline_state(job: BatchJob, result: PipelineResult) -> PipelineState:
    made = provenance_of(result.pipeline, info_of(job, result.pipeline))
    return PipelineState(
        str(result.status),
        result.config_hash,
        job.job_id,
        result.annotation_count,
        result.processing_time_seconds,
        result.started_at,
        result.completed_at,
        result.failure_kind,
        _shown(result.error_message),
        _shown(result.warning),
        made.get("preset", ""),
        made.get("model", ""),
    )


def shown_text(text: str) -> str:
    """Text that can be sent as UTF-8: other bytes of a file's name are escaped."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _shown(text: str | None) -> str | None:
    return None if text is None else shown_text(text)
