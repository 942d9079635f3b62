"""Computes the progress of a batch from its jobs, its runs and the snapshot of a live run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from actors.stores.encoding.rows import text_time
from actors.stores.rules.liveness import LEASE_SECONDS
from schemas.work.batch_progress import (
    INTERRUPTED,
    RUNNING,
    SILENT,
    BatchProgress,
    PipelineCounts,
    ProgressCounts,
)
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.progress import Snapshot
from schemas.work.run import StoredBatch
from vaengine.reporting.progress_rates import Pace, pace_of
from vaengine.reporting.run_states import run_state

# Longest pause between the runs of a batch that has several configurations.
PAUSE_BETWEEN_PARTS: Final = timedelta(seconds=LEASE_SECONDS)


def progress_of(
    jobs: Sequence[BatchJob], runs: Sequence[StoredBatch], now: datetime, live: Snapshot | None = None
) -> BatchProgress:
    """The progress of one batch at time `now`.

    `runs` has at least one run, the newest first. `live` is the snapshot of the newest run.
    """
    newest, first = runs[0], runs[-1]
    state = _state(newest, now)
    more_expected = state == RUNNING and (live is None or live.probing or _parts_left(newest) > 0)
    ends = [_ended_at(run, now) for run in runs]
    since = _started_at(_session(runs)[-1])
    eta_s = live.eta_s if live and not more_expected else None
    return BatchProgress(
        batch_id=newest.batch_id,
        state=state,
        taken_at=now,
        started_at=_started_at(first),
        ended_at=None if state in (RUNNING, SILENT) else ends[0],
        duration_s=sum(
            max(0.0, (end - _started_at(run)).total_seconds()) for run, end in zip(runs, ends, strict=True)
        ),
        jobs=ProgressCounts(
            **_by_state(jobs),
            **_rates(pace_of(jobs, now, since=since), state, more_expected=more_expected, eta_s=eta_s),
        ),
        pipelines={
            name: _pipeline(results, now, since, state, more_expected=more_expected)
            for name, results in _by_pipeline(jobs).items()
        },
        more_expected=more_expected,
    )


def _pipeline(
    results: Sequence[PipelineResult], now: datetime, since: datetime, state: str, *, more_expected: bool
) -> PipelineCounts:
    completed = [result for result in results if result.status is JobStatus.COMPLETED]
    return PipelineCounts(
        **_by_state(results),
        **_rates(pace_of(results, now, since=since), state, more_expected=more_expected),
        annotations=sum(result.annotation_count or 0 for result in completed),
        processing_s=sum(result.processing_time_seconds or 0.0 for result in completed),
    )


def _by_state(items: Sequence[BatchJob] | Sequence[PipelineResult]) -> dict[str, Any]:
    counts = Counter(item.status for item in items)
    return {status.value: counts[status] for status in JobStatus}


def _by_pipeline(jobs: Sequence[BatchJob]) -> dict[str, list[PipelineResult]]:
    names = sorted({name for job in jobs for name in job.pipeline_results})
    return {
        name: [job.pipeline_results[name] for job in jobs if name in job.pipeline_results] for name in names
    }


def _rates(pace: Pace, state: str, *, more_expected: bool, eta_s: float | None = None) -> dict[str, Any]:
    """The rates of a pace. The remaining time is known only for a live run that has found all its videos.

    `eta_s` is the estimate of the run itself, which weighs videos by their length.
    """
    estimate_s = eta_s if eta_s is not None else pace.eta_s
    left_s = None if more_expected else 0.0 if pace.left == 0 else estimate_s if state == RUNNING else None
    return {"jobs_per_hour": pace.per_hour, "average_s": pace.average_s, "eta_s": left_s}


def _state(run: StoredBatch, now: datetime) -> str:
    """The state of a batch by its newest run.

    A batch whose run has ended is still running while the run of its next configuration may follow.
    """
    ended_at = text_time(run.ended_at)
    if ended_at is None:
        return run_state(run, now).state
    is_followed = _parts_left(run) > 0 and run.outcome != "stopped" and now - ended_at < PAUSE_BETWEEN_PARTS
    return RUNNING if is_followed else run.outcome or INTERRUPTED


def _part(run: StoredBatch) -> tuple[int, int]:
    """The number of a run among the configurations of its batch, from 1, and the number of configurations."""
    number, count = run.config.get("part", (1, 1))
    return number, count


def _parts_left(run: StoredBatch) -> int:
    number, count = _part(run)
    return count - number


def _session(runs: Sequence[StoredBatch]) -> list[StoredBatch]:
    """The newest run and the runs of the configurations just before it, newest first."""
    session = [runs[0]]
    for run in runs[1:]:
        if _part(run)[0] != _part(session[-1])[0] - 1 or run.ended_at is None:
            break
        session.append(run)
    return session


def _started_at(run: StoredBatch) -> datetime:
    started_at = text_time(run.started_at)
    if started_at is None:
        raise ValueError(f"run {run.epoch} has no start")
    return started_at


def _ended_at(run: StoredBatch, now: datetime) -> datetime:
    """The end of a run: `now` for a run at work, the last heartbeat for one that died."""
    is_at_work = run_state(run, now).is_at_work
    return now if is_at_work else text_time(run.ended_at) or text_time(run.heartbeat_at) or _started_at(run)
