"""The states of runs and jobs in a store: which runs are at work, which jobs were left by dead runs."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from actors.stores.encoding.rows import text_time
from actors.stores.rules.liveness import has_run_for, process_exists
from schemas.storage.backend import RunStore
from schemas.work.batch_progress import INTERRUPTED, RUNNING, SILENT
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.progress import Snapshot
from schemas.work.run import StoredBatch
from vaengine.console.units import clock
from vaengine.reporting.progress_rates import ENDED, videos_per_hour

IN_WORK: Final = (JobStatus.RUNNING, JobStatus.RETRYING)
MAX_CLOCK_SKEW_SECONDS: Final = 60.0  # between the clocks of a database and this machine

State = Literal["ended", "running", "silent", "interrupted"]


@dataclass(frozen=True, slots=True)
class RunState:
    """The state of a run.

    A `silent` run has a process without a heartbeat for a minute, so others may take over its work.
    `snapshot` is the last progress of a run that has not ended, from `silent_s` seconds ago.
    """

    batch: StoredBatch
    state: State
    silent_s: float
    snapshot: Snapshot | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether the run has a process with a heartbeat."""
        return self.state == RUNNING

    @property
    def has_process(self) -> bool:
        """Whether the run may go on: its process exists, but may be stopped, as by Ctrl-Z."""
        return self.state in ("running", "silent")

    @property
    def word(self) -> str:
        """The state of the run as text, with the time of its end or last heartbeat."""
        if self.state == "ended":
            return f"{self.batch.outcome or ''} {self.batch.ended_at or ''}".strip()
        if self.state == SILENT:
            return f"no sign of life for {clock(self.silent_s)}, but process {self.batch.pid} is there"
        return (
            self.state
            if self.is_at_work
            else f"{self.state}, last sign of life {self.batch.heartbeat_at or self.batch.started_at}"
        )

    @property
    def pace(self) -> str:
        """`3 of 10 videos (1 failed) · 120 videos/h · 3.2x real time · about 5:20 left`."""
        run = self.snapshot
        if run is None or not run.working_s:
            return "starting"
        failed = f" ({run.videos_failed:,} failed)" if run.videos_failed else ""
        ended = run.videos_done + run.videos_skipped + run.videos_failed
        total = f"{run.videos_total:,}{'+' if run.probing else ''}"
        rate = videos_per_hour(run)
        left = "time left not known yet" if run.eta_s is None else f"about {clock(run.eta_s)} left"
        parts = [
            f"{ended:,} of {total} videos{failed}",
            f"{rate:,.0f} videos/h" if rate else "",
            f"{run.realtime_factor:.1f}x real time",
            left,
        ]
        return " · ".join(filter(None, parts))

    def data(self) -> dict[str, Any]:
        """The state as JSON values, with the progress of a run at work."""
        values: dict[str, Any] = {"state": self.state, "silent_s": round(self.silent_s, 1)}
        run = self.snapshot
        if run is None or not self.is_at_work:
            return values
        rate = videos_per_hour(run)
        counts = (
            "videos_total",
            "videos_done",
            "videos_skipped",
            "videos_failed",
            "frames_done",
            "frames_total",
            "probing",
            "stopping",
        )
        return (
            values
            | {name: getattr(run, name) for name in counts}
            | {
                "elapsed_s": round(run.elapsed_s, 1),
                "videos_per_hour": None if rate is None else round(rate, 2),
                "fps": round(run.fps, 3),
                "realtime_factor": round(run.realtime_factor, 3),
                "eta_s": None if run.eta_s is None else round(run.eta_s, 1),
            }
        )


def run_states(store: RunStore) -> tuple[RunState, ...]:
    """The state of every run of a store, newest first, with progress."""
    now = datetime.now(UTC)
    return tuple(_with_progress(run_state(batch, now), store) for batch in store.batches())


def run_state(batch: StoredBatch, now: datetime, *, host: str | None = None) -> RunState:
    """The state of a run at time `now`, UTC, as the machine `host` (None: this one) knows it; no progress.

    A run on another machine is known by its heartbeat, a run on this machine by its process too. A process
    younger than the run is another one that got the same number.
    """
    heartbeat_at = text_time(batch.heartbeat_at or batch.started_at)
    silent_s = max(0.0, (now - heartbeat_at).total_seconds()) if heartbeat_at else 0.0
    if batch.ended_at is not None:
        return RunState(batch, "ended", silent_s)
    if batch.host != (host or socket.gethostname()):
        return RunState(batch, RUNNING if batch.alive else INTERRUPTED, silent_s)
    started_at = text_time(batch.started_at)
    age_s = (now - started_at).total_seconds() - MAX_CLOCK_SKEW_SECONDS if started_at else 0.0
    if not process_exists(batch.pid) or not has_run_for(batch.pid, age_s):
        return RunState(batch, INTERRUPTED, silent_s)
    return RunState(batch, RUNNING if batch.alive else SILENT, silent_s)


def _with_progress(run: RunState, store: RunStore) -> RunState:
    progress = store.progress(run.batch.epoch) if run.is_at_work else None
    return RunState(run.batch, run.state, run.silent_s, Snapshot.from_json(progress)) if progress else run


def shown_states(store: RunStore, jobs: Sequence[BatchJob], runs: Iterable[RunState]) -> dict[str, str]:
    """The state of each job for users, by job id: `interrupted` if a dead run has left it in work."""
    in_work = [job for job in jobs if job.status in IN_WORK]
    holders = store.holders([key for job in in_work for key in _open_keys(job)]) if in_work else {}
    live = {run.batch.epoch for run in runs if run.has_process}
    return {job.job_id: shown_state(job, holders, live) for job in jobs}


def shown_state(job: BatchJob, holders: Mapping[WorkKey, int], live: Collection[int]) -> str:
    """The state of a job for users.

    `holders` are the epochs that keys are leased to, `live` the epochs of runs that may go on.
    """
    if job.status in IN_WORK and not any(holders.get(key) in live for key in _open_keys(job)):
        return INTERRUPTED
    return job.status.value


def _open_keys(job: BatchJob) -> list[WorkKey]:
    results = job.pipeline_results.values()
    return [
        WorkKey(job.video_id, result.pipeline, result.config_hash)
        for result in results
        if result.status not in ENDED
    ]


def superseded(jobs: Sequence[BatchJob], batches: Iterable[StoredBatch]) -> set[str]:
    """The ids of jobs that are superfluous: each of their results is in a later job too, or is superseded.

    A complete result is superseded by the current one (see `schemas.work.current_result`), any other result
    by a complete one of a later job of the video. The later of two jobs is the one of the later run.
    """
    epochs: dict[str, int] = {}
    for batch in batches:
        epochs[batch.batch_id] = max(batch.epoch, epochs.get(batch.batch_id, 0))
    by_video: dict[str, list[BatchJob]] = {}
    for job in sorted(jobs, key=lambda job: (epochs.get(job.batch_id or "", 0), job.created_at, job.job_id)):
        by_video.setdefault(job.video_id, []).append(job)
    return {job.job_id for video_jobs in by_video.values() for job in _superseded_jobs(video_jobs)}


def _superseded_jobs(jobs: Sequence[BatchJob]) -> Iterator[BatchJob]:
    """The superseded jobs among those of one video, given from the earliest to the latest."""
    current = {pipeline: result.config_hash for (_, pipeline), (_, result) in complete_results(jobs).items()}
    for index, job in enumerate(jobs):
        later = jobs[index + 1 :]
        if all(_is_covered(result, current, later) for result in job.pipeline_results.values()) and (
            later or job.pipeline_results
        ):
            yield job


def _is_covered(result: PipelineResult, current: Mapping[str, str], later: Sequence[BatchJob]) -> bool:
    """Whether a result is in a later job too, or is superseded; `current` has the hash of each pipeline."""
    later_results = [
        job.pipeline_results[result.pipeline] for job in later if result.pipeline in job.pipeline_results
    ]
    if any(other.config_hash == result.config_hash for other in later_results):
        return True
    if result.status is JobStatus.COMPLETED:
        return current[result.pipeline] != result.config_hash
    return any(other.status is JobStatus.COMPLETED for other in later_results)
