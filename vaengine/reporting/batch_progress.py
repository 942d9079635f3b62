"""Computes how far a batch is, from its jobs, its runs and the snapshot of a live run."""

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

BETWEEN: Final = timedelta(
    seconds=LEASE_SECONDS
)  # one run of a batch and the next, where its jobs have several configurations


def progress_of(
    jobs: Sequence[BatchJob], runs: Sequence[StoredBatch], now: datetime, live: Snapshot | None = None
) -> BatchProgress:
    """The progress of one batch from its `runs`, newest first and at least one; `live` is what the newest
    says of itself.
    """
    newest, first = runs[0], runs[-1]
    state = _state(newest, now)
    more = state == RUNNING and (live is None or live.probing or _parts_left(newest) > 0)
    ends = [_end(run, now) for run in runs]
    since = _began(_session(runs)[-1])
    eta_s = live.eta_s if live and not more else None
    return BatchProgress(
        batch_id=newest.batch_id,
        state=state,
        taken_at=now,
        started_at=_began(first),
        ended_at=None if state in (RUNNING, SILENT) else ends[0],
        duration_s=sum(
            max(0.0, (end - _began(run)).total_seconds()) for run, end in zip(runs, ends, strict=True)
        ),
        jobs=ProgressCounts(
            **_by_state(jobs), **_pace(pace_of(jobs, now, since=since), state, more=more, eta_s=eta_s)
        ),
        pipelines={
            name: _pipeline(results, now, since, state, more=more)
            for name, results in _by_pipeline(jobs).items()
        },
        more_expected=more,
    )


def _pipeline(
    results: Sequence[PipelineResult], now: datetime, since: datetime, state: str, *, more: bool
) -> PipelineCounts:
    done = [result for result in results if result.status is JobStatus.COMPLETED]
    return PipelineCounts(
        **_by_state(results),
        **_pace(pace_of(results, now, since=since), state, more=more),
        annotations=sum(result.annotation_count or 0 for result in done),
        processing_s=sum(result.processing_time_seconds or 0.0 for result in done),
    )


def _by_state(items: Sequence[BatchJob] | Sequence[PipelineResult]) -> dict[str, Any]:
    counts = Counter(item.status for item in items)
    return {status.value: counts[status] for status in JobStatus}


def _by_pipeline(jobs: Sequence[BatchJob]) -> dict[str, list[PipelineResult]]:
    names = sorted({name for job in jobs for name in job.pipeline_results})
    return {
        name: [job.pipeline_results[name] for job in jobs if name in job.pipeline_results] for name in names
    }


def _pace(pace: Pace, state: str, *, more: bool, eta_s: float | None = None) -> dict[str, Any]:
    """What is left takes 0 s where that is nothing; otherwise it is known only of a run that lives and has
    found all its videos.

    `eta_s` is the run's own estimate, which weighs videos by their length.
    """
    known = eta_s if eta_s is not None else pace.eta_s
    left = None if more else 0.0 if pace.left == 0 else known if state == RUNNING else None
    return {"jobs_per_hour": pace.per_hour, "average_s": pace.average_s, "eta_s": left}


def _state(run: StoredBatch, now: datetime) -> str:
    """How a batch stands by its newest run; the one that has ended may be followed by that of its next
    configuration.
    """
    ended = text_time(run.ended_at)
    if ended is None:
        return run_state(run, now).state
    goes_on = _parts_left(run) > 0 and run.outcome != "stopped" and now - ended < BETWEEN
    return RUNNING if goes_on else run.outcome or INTERRUPTED


def _part(run: StoredBatch) -> tuple[int, int]:
    """Which run of its batch this is, of how many: one for each configuration."""
    number, count = run.config.get("part", (1, 1))
    return number, count


def _parts_left(run: StoredBatch) -> int:
    number, count = _part(run)
    return count - number


def _session(runs: Sequence[StoredBatch]) -> list[StoredBatch]:
    """The newest run and those before it that it followed without a pause, newest first."""
    session = [runs[0]]
    for run in runs[1:]:
        if _part(run)[0] != _part(session[-1])[0] - 1 or run.ended_at is None:
            break
        session.append(run)
    return session


def _began(run: StoredBatch) -> datetime:
    began = text_time(run.started_at)
    if began is None:
        raise ValueError(f"run {run.epoch} has no start")
    return began


def _end(run: StoredBatch, now: datetime) -> datetime:
    """When a run ended; of one that nobody hears of its last sign of life, of one at work now."""
    is_at_work = run_state(run, now).is_at_work
    return now if is_at_work else text_time(run.ended_at) or text_time(run.heartbeat_at) or _began(run)
