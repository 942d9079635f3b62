"""Rates and times left follow from stored times alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.work.job import JobStatus
from schemas.work.progress import Snapshot
from vaengine.reporting.progress_rates import pace_of, videos_per_hour

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Item:
    status: JobStatus
    started_at: datetime | None = None
    completed_at: datetime | None = None


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def ended(start_s: float, end_s: float, status: JobStatus = JobStatus.COMPLETED) -> Item:
    return Item(status, at(start_s), at(end_s))


def test_the_rate_is_what_ended_since_the_first_start_and_the_time_left_follows_from_it() -> None:
    items = [
        ended(0, 20),
        ended(20, 40, JobStatus.FAILED),
        Item(JobStatus.RUNNING, at(40)),
        Item(JobStatus.PENDING),
    ]
    pace = pace_of(items, at(60))
    assert (pace.ended, pace.left, pace.elapsed_s, pace.average_s) == (2, 2, 60.0, 20.0)
    assert (pace.per_hour, pace.eta_s) == (120.0, 60.0)
    assert (pace.started_at, pace.ended_at) == (NOON, None)


def test_a_batch_that_has_ended_keeps_its_rate_and_has_nothing_left() -> None:
    pace = pace_of([ended(0, 20), ended(10, 40)], at(100000))
    assert (pace.elapsed_s, pace.ended_at, pace.eta_s, pace.per_hour) == (40.0, at(40), 0.0, 180.0)


def test_there_is_no_rate_before_the_first_end_nor_without_a_job() -> None:
    begun = pace_of([Item(JobStatus.RUNNING, at(0)), Item(JobStatus.PENDING)], at(5))
    assert (begun.per_hour, begun.eta_s, begun.average_s, begun.elapsed_s) == (None, None, None, 5.0)
    nothing = pace_of([], at(0))
    assert (nothing.started_at, nothing.ended, nothing.left, nothing.elapsed_s, nothing.eta_s) == (
        None,
        0,
        0,
        0.0,
        0.0,
    )


def test_what_ended_before_a_batch_was_resumed_and_the_night_between_do_not_count() -> None:
    night = 12 * 3600
    items = [
        ended(0, 20),
        ended(30, night + 10),
        ended(night + 10, night + 20),
        Item(JobStatus.PENDING, at(5)),
    ]
    pace = pace_of(items, at(night + 40), since=at(night))
    assert (pace.ended, pace.elapsed_s, pace.per_hour, pace.started_at) == (2, 40.0, 180.0, at(night))


def test_a_file_that_was_never_begun_costs_no_time() -> None:
    pace = pace_of([Item(JobStatus.FAILED), ended(0, 10)], at(20))
    assert (pace.ended, pace.left, pace.average_s) == (1, 0, 10.0)


def test_a_run_counts_the_videos_it_worked_on() -> None:
    run = Snapshot(videos_total=9, videos_done=3, videos_failed=1, videos_skipped=5, working_s=60.0)
    assert videos_per_hour(run) == 240.0
    assert videos_per_hour(Snapshot()) is None
