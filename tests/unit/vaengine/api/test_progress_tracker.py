"""How far a batch is: counts, shares, pace and what is left, never a number that is not known."""

from __future__ import annotations

import csv
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import vaengine
from actors.stores import open_store
from actors.stores.encoding.rows import time_text
from schemas.errors import NotFound, UsageError
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.job import BatchJob, BatchReport, BatchStatus, JobStatus, VideoOutcome
from schemas.work.progress import Snapshot
from schemas.work.run import RunInfo, StoredBatch
from tests.support.stores.fake_videos import Clip
from vaengine import BatchOrchestrator, ProgressTracker
from vaengine.console.output import event
from vaengine.reporting.batch_progress import progress_of
from vaengine.reporting.run_report import outcome_of, report_of, totals
from vaengine.reporting.run_states import run_state

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HERE = RunInfo("batch-1", socket.gethostname(), os.getpid(), {}, ("/clips",))


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def text(minutes: float | None) -> str | None:
    return None if minutes is None else at(minutes).strftime("%Y-%m-%d %H:%M:%S")


def run(
    began: float = 0,
    ended: float | None = None,
    outcome: str | None = None,
    *,
    alive: bool = False,
    **config: object,
) -> StoredBatch:
    """A run, times in minutes after noon."""
    return StoredBatch(
        "batch-1", 1, (), config, text(began) or "", text(ended), outcome, "host", 1, text(began), alive
    )


def job(
    number: int,
    status: JobStatus,
    began: float | None = None,
    ended: float | None = None,
    pipeline: str = SCENE,
) -> BatchJob:
    """One video of one pipeline."""
    clip = Clip(f"/clips/{number}.mp4", f"{number:x}")
    made = clip.job(clip.key(pipeline), status=status)
    times = {
        "started_at": None if began is None else at(began),
        "completed_at": None if ended is None else at(ended),
    }
    facts = {"annotation_count": 10, "processing_time_seconds": 2.5} if status is JobStatus.COMPLETED else {}
    results = {name: replace(result, **times, **facts) for name, result in made.pipeline_results.items()}
    return replace(made, pipeline_results=results, **times)


DONE = [
    job(1, JobStatus.COMPLETED, 0, 10),
    job(2, JobStatus.COMPLETED, 5, 15),
    job(3, JobStatus.FAILED, 10, 20),
]
LEFT = [job(4, JobStatus.RUNNING, 20), job(5, JobStatus.PENDING), job(6, JobStatus.RETRYING, 25)]
FOUND = Snapshot(videos_total=6, probing=False)


def test_counts_shares_and_pace_of_a_live_run() -> None:
    found = progress_of([*DONE, *LEFT], [run(alive=True)], at(30), FOUND)
    jobs = found.jobs
    assert (jobs.pending, jobs.running, jobs.retrying, jobs.completed, jobs.failed, jobs.total) == (
        1,
        1,
        1,
        2,
        1,
        6,
    )
    assert (jobs.success_rate, jobs.failure_rate) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert (jobs.jobs_per_hour, jobs.average_s) == (6.0, 600.0)
    assert (found.state, found.started_at, found.ended_at, found.duration_s) == (
        "running",
        NOON,
        None,
        1800.0,
    )
    assert (found.eta_s, found.eta_at) == (1800.0, at(60))


def test_nothing_is_said_of_the_end_before_anything_has_ended() -> None:
    found = progress_of(LEFT, [run(alive=True)], at(30), FOUND)
    assert (found.eta_s, found.eta_at, found.jobs_per_hour, found.jobs.average_s) == (None, None, None, None)
    assert (found.jobs.success_rate, found.jobs.failure_rate) == (None, None)


@pytest.mark.parametrize("live", [None, Snapshot(probing=True)])
def test_nothing_is_said_of_the_end_while_videos_are_still_looked_for(live: Snapshot | None) -> None:
    found = progress_of([*DONE, *LEFT], [run(alive=True)], at(30), live)
    assert (found.more_expected, found.eta_s, found.pipelines[SCENE].eta_s) == (True, None, None)
    assert found.jobs_per_hour == 6.0


def test_the_runs_own_estimate_outranks_the_count_of_videos() -> None:
    live = Snapshot(videos_total=6, probing=False, video_s_done=10.0, video_s_total=40.0, working_s=20.0)
    assert progress_of([*DONE, *LEFT], [run(alive=True)], at(30), live).eta_s == 60.0


def test_what_was_complete_before_the_run_is_no_part_of_its_pace() -> None:
    early = [job(7 + number, JobStatus.COMPLETED, -60, -50) for number in range(3)]
    found = progress_of([*early, *DONE, *LEFT], [run(alive=True)], at(30), FOUND)
    assert (found.jobs.completed, found.jobs_per_hour) == (5, 6.0)


@pytest.mark.parametrize(
    ("runs", "state", "ended", "minutes"),
    [
        ([run(0, 20, "failed")], "failed", at(20), 20),
        ([run(0, 20, "stopped")], "stopped", at(20), 20),
        ([run(0)], "interrupted", at(0), 0),
        ([run(50, 60, "completed"), run(0, 20, "stopped")], "completed", at(60), 30),
        ([run(0, 89, "completed", part=[1, 2])], "completed", at(89), 89),
    ],
)
def test_a_batch_that_nobody_works_on_is_over_and_has_no_end_to_come(
    runs: list[StoredBatch], state: str, ended: datetime, minutes: float
) -> None:
    found = progress_of([*DONE, *LEFT], runs, at(95), None)
    assert (found.state, found.is_over, found.ended_at, found.duration_s) == (
        state,
        True,
        ended,
        minutes * 60,
    )
    assert (found.eta_s, found.eta_at) == (None, None)
    assert progress_of(DONE, runs, at(95), None).eta_s == 0.0


def test_between_two_configurations_a_batch_is_not_over() -> None:
    first = run(0, 20, "completed", part=[1, 2])
    found = progress_of(DONE, [first], at(20.5), None)
    assert (found.state, found.more_expected, found.eta_s) == ("running", True, None)
    second = run(21, alive=True, part=[2, 2])
    found = progress_of([*DONE, *LEFT], [second, first], at(30), FOUND)
    assert (found.more_expected, found.jobs_per_hour) == (False, 6.0)


@pytest.mark.parametrize(
    ("pid", "alive", "state", "is_over"),
    [
        (os.getpid(), True, "running", False),
        (os.getpid(), False, "silent", False),
        (2**22 + 1, True, "interrupted", True),
        (2**22 + 1, False, "interrupted", True),
    ],
    ids=["at work", "without a sign of life", "killed just now", "killed"],
)
def test_a_batch_stands_as_status_says_of_its_run(pid: int, alive: bool, state: str, is_over: bool) -> None:
    """`2**22` is the highest number that Linux gives to a process."""
    now = datetime.now(UTC)
    newest = replace(
        run(alive=alive),
        host=HERE.host,
        pid=pid,
        started_at=time_text(now) or "",
        heartbeat_at=time_text(now),
    )
    found = progress_of([*DONE, *LEFT], [newest], now, None)
    assert (found.state, found.is_over) == (state, is_over) == (run_state(newest, now).state, is_over)
    assert (found.ended_at is None, found.eta_s) == (not is_over, None)


def test_each_pipeline_has_its_own_counts() -> None:
    persons = [job(1, JobStatus.FAILED, 0, 10, PERSON), job(2, JobStatus.PENDING, pipeline=PERSON)]
    found = progress_of([*DONE, *persons], [run(alive=True)], at(30), FOUND).pipelines
    assert list(found) == sorted([SCENE, PERSON])
    assert (
        found[SCENE].completed,
        found[SCENE].failed,
        found[SCENE].annotations,
        found[SCENE].processing_s,
    ) == (2, 1, 20, 5.0)
    assert (found[PERSON].pending, found[PERSON].failed, found[PERSON].success_rate) == (1, 1, 0.0)


# The tracker.


@pytest.fixture(params=["sqlite", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorageBackend]:
    opened = open_store(
        {"sqlite": f"sqlite:///{tmp_path}/batch_processing.db", "files": f"files:{tmp_path}"}[request.param]
    )
    yield opened
    opened.close()


def begun(store: StorageBackend, info: RunInfo = HERE) -> int:
    """A live run of this process with one job done and one left."""
    epoch = store.open_run(info)
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"started_at": now, "completed_at": now + timedelta(seconds=2)}
    store.save_job_metadata(replace(job(1, JobStatus.COMPLETED), batch_id=info.batch_id, **times))
    store.save_job_metadata(replace(job(2, JobStatus.RUNNING), batch_id=info.batch_id, started_at=now))
    store.record(epoch, (), Snapshot(videos_total=2, probing=False).to_json())
    return epoch


def test_a_live_run_is_watched_until_it_ends(store: StorageBackend) -> None:
    epoch = begun(store)
    with ProgressTracker(db=store.url) as tracker:
        watched = tracker.watch(interval_s=0.001)
        first = next(watched)
        assert (first.batch_id, first.state, first.jobs.completed, first.jobs.running) == (
            "batch-1",
            "running",
            1,
            1,
        )
        assert first.started_at.tzinfo is UTC
        store.save_job_metadata(replace(job(2, JobStatus.COMPLETED), batch_id="batch-1"))
        store.close_run(epoch, "completed")
        *_, last = watched
        assert (last.state, last.jobs.completed, last.eta_s) == ("completed", 2, 0.0)
        assert last.ended_at is not None


def test_a_batch_is_named_by_its_id_or_the_beginning_of_it(store: StorageBackend) -> None:
    store.close_run(begun(store), "stopped")
    begun(store, replace(HERE, batch_id="other-2"))
    assert ProgressTracker(store).snapshot().batch_id == "other-2"
    assert ProgressTracker(store, batch_id="batch").snapshot().state == "stopped"
    with pytest.raises(NotFound, match="batch nosuch"):
        ProgressTracker(store, batch_id="nosuch").snapshot()


def test_a_store_without_a_batch_has_no_progress(store: StorageBackend) -> None:
    with pytest.raises(NotFound):
        ProgressTracker(store).snapshot()
    with pytest.raises(UsageError, match="interval_s"):
        next(ProgressTracker(store).watch(0))


def test_a_snapshot_is_exported_as_json_and_csv_and_again(store: StorageBackend, tmp_path: Path) -> None:
    begun(store)
    tracker = ProgressTracker(store)
    for _ in range(2):  # an export may be replaced by a newer one
        as_json, as_csv = (
            tracker.export(tmp_path / "progress.json"),
            tracker.export(str(tmp_path / "progress.CSV")),
        )
    data = json.loads(as_json.read_text())
    assert (data["format"], data["batch_id"], data["jobs"]["completed"], data["jobs"]["total"]) == (
        "vaengine-progress",
        "batch-1",
        1,
        2,
    )
    assert datetime.fromisoformat(data["started_at"]).tzinfo is not None
    with as_csv.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["pipeline"], line["completed"], line["total"]) for line in lines] == [
        ("", "1", "2"),
        (SCENE, "1", "2"),
    ]
    assert set(lines[0]) > {
        "eta_s",
        "success_rate",
        "failure_rate",
        "jobs_per_hour",
        "average_s",
        "processing_s",
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", '{"mine": 1}'), ("a.json", "not json"), ("a.csv", "a,b\n1,2\n"), ("a.csv", "")],
)
def test_a_file_of_something_else_is_not_overwritten_unless_told(
    store: StorageBackend, tmp_path: Path, name: str, content: str
) -> None:
    begun(store)
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UsageError, match="overwrite=True"):
        ProgressTracker(store).export(path)
    assert path.read_text() == content
    assert ProgressTracker(store).export(path, overwrite=True).read_text() != content


def test_an_export_of_another_form_is_refused(store: StorageBackend, tmp_path: Path) -> None:
    begun(store)
    with pytest.raises(UsageError, match=r"\.json or \.csv"):
        ProgressTracker(store).export(tmp_path / "progress.xlsx")
    assert not (tmp_path / "progress.xlsx").exists()


# What a batch reports.


def test_the_status_of_an_orchestrator_has_times_and_pace(store: StorageBackend) -> None:
    batch = BatchOrchestrator(store)
    assert batch.get_status() == BatchStatus()
    assert batch.get_status().started_at is None
    store.close_run(begun(store), "stopped")
    status = batch.get_status()
    assert status == BatchStatus(interrupted=1, completed=1), "the run has ended and left a job in work"
    assert status.started_at is not None
    assert status.ended_at is not None
    assert status.duration_s == (status.ended_at - status.started_at).total_seconds()
    assert json.loads(json.dumps(status.to_dict())).keys() > {
        "completed",
        "total",
        "started_at",
        "eta_s",
        "jobs_per_hour",
        "duration_s",
    }


def test_a_report_has_times_and_pace_and_survives_its_events() -> None:
    outcomes = tuple(
        VideoOutcome(name, f"/{name}.mp4", outcome)
        for name, outcome in (("a", "completed"), ("b", "failed"), ("c", "pending"))
    )
    report = BatchReport("b1", outcomes, 1800.0, started_at=NOON, ended_at=at(30))
    assert (report.duration_s, report.jobs_per_hour, report.eta_s) == (1800.0, 4.0, None)
    assert replace(report, outcomes=outcomes[:2]).eta_s == 0.0
    data = json.loads(json.dumps(report.to_dict()))
    assert (data["completed"], data["total"], data["started_at"], data["jobs_per_hour"]) == (
        1,
        3,
        NOON.isoformat(),
        4.0,
    )
    last = json.loads(json.dumps(event("report", totals(report))))
    videos = json.loads(json.dumps([event("video", outcome) for outcome in outcomes]))
    assert report_of(last, map(outcome_of, videos)) == report


def test_the_public_names_are_what_a_notebook_offers() -> None:
    assert set(dir(vaengine)) == set(vaengine.__all__)
    assert {"annotate", "annotate_all", "load_annotations", "open_store", "ProgressTracker"} <= set(
        dir(vaengine)
    )
