"""Which runs are at work, which jobs are shown as interrupted, and which result of a video is the current
one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from actors.stores import open_store
from actors.stores.encoding.rows import time_text
from actors.stores.rules.liveness import has_run_for, process_age_s
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import PipelineStart
from schemas.work.job import BatchJob, BatchStatus, JobStatus
from schemas.work.progress import Snapshot
from schemas.work.run import RunInfo, StoredBatch
from tests.support.stores.fake_videos import Clip, done
from vaengine.api.orchestrator import BatchOrchestrator
from vaengine.maintenance import cleanup
from vaengine.maintenance.cleanup import clean
from vaengine.plotting.batch_tally import tally
from vaengine.reporting import store_overview
from vaengine.reporting.run_states import RunState, run_state, shown_state, superseded

NOW = datetime.now(UTC).replace(microsecond=0)
HERE = socket.gethostname()
CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
JOB = CLIP.job(SCENES, PERSONS, batch_id="b1")


def batch(
    *,
    host: str = HERE,
    pid: int = os.getpid(),
    began_s: float = 0,
    beat_s: float = 0,
    alive: bool = True,
    ended: bool = False,
) -> StoredBatch:
    began, beat = (time_text(NOW - timedelta(seconds=seconds)) for seconds in (began_s, beat_s))
    return StoredBatch(
        "b1",
        1,
        (),
        {},
        began or "",
        began if ended else None,
        "stopped" if ended else None,
        host,
        pid,
        beat,
        alive,
    )


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def young_pid() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate()


def test_a_run_of_this_machine_is_at_work_while_its_process_is_there() -> None:
    assert run_state(batch(), NOW).state == "running"


def test_a_run_of_this_machine_is_dead_at_once_when_its_process_is(dead_pid: int) -> None:
    run = run_state(batch(pid=dead_pid), NOW)
    assert run.state == "interrupted"
    assert run.word.startswith("interrupted, last sign of life ")


def test_a_run_that_may_be_stopped_by_ctrl_z_is_neither_ended_nor_are_its_jobs_shown_as_interrupted() -> None:
    silent = run_state(batch(beat_s=90, alive=False), NOW)
    job = replace(JOB, status=JobStatus.RUNNING)
    assert (silent.state, silent.has_process, silent.is_at_work) == ("silent", True, False)
    assert shown_state(job, {SCENES: 1}, {1}) == "running"


def test_cleaning_up_leaves_a_run_alone_whose_process_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    store = SimpleNamespace(close_run=lambda epoch, word: closed.append(epoch))
    states = (
        run_state(batch(beat_s=90, alive=False), NOW),
        run_state(batch(host="elsewhere", alive=False), NOW),
    )
    monkeypatch.setattr(cleanup, "run_states", lambda _: states[:1])
    assert (list(cleanup.end_dead_runs(store)), closed) == ([], [])
    monkeypatch.setattr(cleanup, "run_states", lambda _: states)
    assert (list(cleanup.end_dead_runs(store)), closed) == (["b1"], [1])


def test_a_younger_process_that_was_given_its_number_is_not_taken_for_the_run(young_pid: int) -> None:
    assert run_state(batch(pid=young_pid, began_s=3600), NOW).state == "interrupted"
    assert run_state(batch(pid=young_pid), NOW).state == "running"


def test_a_process_that_gives_no_sign_of_life_is_told_as_such() -> None:
    run = run_state(batch(beat_s=130, alive=False), NOW)
    assert (run.state, run.is_at_work) == ("silent", False)
    assert run.word == f"no sign of life for 2:10, but process {os.getpid()} is there"


@pytest.mark.parametrize(("alive", "state"), [(True, "running"), (False, "interrupted")])
def test_of_a_run_of_another_machine_only_its_signs_of_life_count(
    alive: bool, state: str, dead_pid: int
) -> None:
    assert run_state(batch(host="elsewhere", pid=dead_pid, alive=alive), NOW).state == state


def test_a_run_that_has_ended_says_how_and_when() -> None:
    run = run_state(batch(ended=True), NOW)
    assert (run.state, run.word) == ("ended", f"stopped {time_text(NOW)}")


def test_a_process_is_known_by_its_age(young_pid: int, dead_pid: int) -> None:
    assert has_run_for(os.getpid(), 0)
    assert not has_run_for(young_pid, 3600)
    assert process_age_s(dead_pid) is None


def test_a_run_at_work_tells_its_rate_and_the_time_left() -> None:
    snapshot = Snapshot(
        10, 3, 0, 1, probing=False, frames_done=900, video_s_done=120.0, video_s_total=360.0, working_s=60.0
    )
    run = RunState(batch(), "running", 0.0, snapshot)
    assert run.pace == "4 of 10 videos (1 failed) · 240 videos/h · 2.0x real time · about 2:00 left"
    told = run.data()
    assert (told["videos_per_hour"], told["realtime_factor"], told["eta_s"], told["videos_failed"]) == (
        240.0,
        2.0,
        120.0,
        1,
    )
    assert RunState(batch(), "running", 0.0).pace == "starting"


# What is shown of a store.


@pytest.fixture(params=["files", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorageBackend]:
    url = (
        f"files:{tmp_path / 'o'}"
        if request.param == "files"
        else f"sqlite:///{tmp_path}/o/batch_processing.db"
    )
    with closing(open_store(url)) as opened:
        yield opened


def begun(store: StorageBackend, pid: int, *jobs: BatchJob) -> int:
    epoch = store.open_run(RunInfo("b1", HERE, pid, {}, ()))
    store.register(epoch, [CLIP.video], jobs or (JOB,))
    snapshot = Snapshot(
        videos_total=2, videos_done=1, probing=False, video_s_done=60.0, video_s_total=180.0, working_s=30.0
    )
    store.record(
        epoch,
        (),
        snapshot.to_json(),
        [PipelineStart(job.job_id, job.video_id, SCENE, NOW) for job in jobs or (JOB,)],
    )
    return epoch


def test_a_job_of_a_run_at_work_is_running_and_the_run_tells_how_far_it_is(store: StorageBackend) -> None:
    begun(store, os.getpid())
    seen = store_overview.overview(store)
    (video,) = seen.videos
    assert (video.status, dict(video.pipelines)) == ("running", {SCENE: "running", PERSON: "pending"})
    assert video.started_at is not None
    assert "run       b1: 1 of 2 videos · 120 videos/h · 2.0x real time · about 1:00 left" in map(
        _narrow, store_overview.summary_lines(seen)
    )
    (batch,), totals = map(store_overview.batch_data, seen.runs), store_overview.totals(seen)
    assert (batch["state"], batch["eta_s"], batch["videos_per_hour"]) == ("running", 60.0, 120.0)
    assert (totals["running"], totals["interrupted"]) == (1, 0)
    assert BatchOrchestrator(store).get_status() == BatchStatus(running=1)


def test_nothing_of_a_dead_run_is_running_until_it_is_put_back(
    store: StorageBackend, dead_pid: int, tmp_path: Path
) -> None:
    begun(store, dead_pid)
    seen = store_overview.overview(store)
    lines = "\n".join(
        [
            *store_overview.summary_lines(seen),
            *map(str, store_overview.video_table(seen).rows),
            *map(str, store_overview.batch_table(seen).rows),
        ]
    )
    assert "running" not in lines
    assert "go on with: vaengine resume b1" in lines
    assert (seen.jobs["interrupted"], seen.jobs["running"], seen.videos[0].pipelines[SCENE]) == (
        1,
        0,
        "interrupted",
    )
    (batch,) = map(store_overview.batch_data, seen.runs)
    assert (batch["state"], batch["alive"], seen.videos[0].status) == ("interrupted", False, "interrupted")
    assert BatchOrchestrator(store).get_status() == BatchStatus(interrupted=1)
    assert tally(store).outcomes == {"interrupted": 1}
    assert store.load_job_metadata(JOB.job_id).status is JobStatus.RUNNING, (
        "what is stored stays until somebody writes"
    )
    assert [line for line in clean(store, tmp_path) if "pending again" in line] == [
        "1 job that no run is at work on: pending again"
    ]
    found = store.load_job_metadata(JOB.job_id)
    assert (found.status, found.pipeline_results[SCENE].status, found.started_at) == (
        JobStatus.PENDING,
        JobStatus.PENDING,
        NOW,
    )
    assert store_overview.overview(store).jobs == {
        "pending": 1,
        "running": 0,
        "completed": 0,
        "failed": 0,
        "retrying": 0,
    }


def test_jobs_that_a_run_left_without_a_word_are_interrupted_also_where_it_noted_its_end(
    store: StorageBackend,
) -> None:
    """A full disk: the run ends, its jobs could not be set down."""
    store.close_run(begun(store, os.getpid()), "stopped")
    assert store_overview.overview(store).videos[0].status == "interrupted"


def test_what_a_living_run_is_at_work_on_is_not_put_back(store: StorageBackend, tmp_path: Path) -> None:
    begun(store, os.getpid())
    assert list(clean(store, tmp_path)) == []
    assert store.load_job_metadata(JOB.job_id).status is JobStatus.RUNNING


def test_a_video_counts_once_and_the_job_that_another_has_replaced_is_left_out_unless_asked_for(
    store: StorageBackend,
) -> None:
    epoch = begun(store, os.getpid(), JOB)
    store.finish(epoch, done(JOB, SCENES))
    store.finish(epoch, done(JOB, PERSONS))
    changed = CLIP.key(SCENE, "c2")
    later = CLIP.job(changed, PERSONS, batch_id="b1")
    store.register(epoch, [], [replace(later, created_at=later.created_at + timedelta(seconds=5))])
    assert store_overview.overview(store).replaced == 0, "its scenes are still the current ones"
    store.finish(epoch, done(later, changed))
    seen = store_overview.overview(store)
    assert [video.job_id for video in seen.videos] == [later.job_id]
    assert (seen.jobs["completed"], seen.video_count, seen.replaced) == (1, 1, 1)
    assert (
        _narrow(store_overview.summary_lines(seen)[2])
        == "videos    1 (1 job replaced by those of later settings: --all lists them)"
    )
    every = store_overview.overview(store, every=True)
    assert {video.job_id: video.superseded for video in every.videos} == {
        JOB.job_id: True,
        later.job_id: False,
    }
    assert [row[1] for row in store_overview.video_table(every).rows if "superseded" in row[1]] == [
        "completed (superseded)"
    ]
    assert store_overview.totals(seen)["videos"] == 1


def asked(
    config_hash: str, status: JobStatus, batch_id: str, *pipelines: str, ended_s: int | None = None
) -> BatchJob:
    job = CLIP.job(
        *(CLIP.key(name, config_hash) for name in pipelines or (SCENE,)), status=status, batch_id=batch_id
    )
    ended_at = NOW + timedelta(seconds=ended_s or 0) if status is JobStatus.COMPLETED else None
    return replace(
        job,
        pipeline_results={
            name: replace(one, completed_at=ended_at) for name, one in job.pipeline_results.items()
        },
    )


@pytest.mark.parametrize(
    ("jobs", "replaced"),
    [
        ([asked("c1", JobStatus.COMPLETED, "b1"), asked("c2", JobStatus.COMPLETED, "b2", ended_s=5)], [0]),
        ([asked("c1", JobStatus.COMPLETED, "b2"), asked("c2", JobStatus.COMPLETED, "b1", ended_s=5)], [0]),
        ([asked("c1", JobStatus.FAILED, "b1"), asked("c2", JobStatus.COMPLETED, "b2")], [0]),
        ([asked("c1", JobStatus.FAILED, "b2"), asked("c2", JobStatus.COMPLETED, "b1")], []),
        ([asked("c1", JobStatus.COMPLETED, "b1"), asked("c2", JobStatus.PENDING, "b2")], []),
        ([asked("c1", JobStatus.COMPLETED, "b1"), asked("c2", JobStatus.FAILED, "b2")], []),
        (
            [
                asked("c1", JobStatus.COMPLETED, "b1", SCENE, PERSON),
                asked("c2", JobStatus.COMPLETED, "b2", PERSON, ended_s=5),
            ],
            [],
        ),
        (
            [
                asked("c1", JobStatus.COMPLETED, "b1", PERSON),
                asked("c1", JobStatus.PENDING, "b2", SCENE, PERSON),
            ],
            [0],
        ),
    ],
    ids=[
        "kept beside",
        "asked for again",
        "failed before",
        "failed since",
        "not there yet",
        "failed",
        "only in part",
        "the same result in a larger job",
    ],
)
def test_a_job_is_superseded_when_each_of_its_results_is_in_a_later_one_or_has_given_way(
    jobs: Sequence[BatchJob], replaced: Sequence[int]
) -> None:
    runs = [
        replace(batch(), batch_id=name, epoch=number) for number, name in enumerate(("b1", "b2"), start=1)
    ]
    assert superseded(jobs, runs) == {jobs[number].job_id for number in replaced}


def _narrow(line: str) -> str:
    name, text = line.split(maxsplit=1)
    return f"{name:<8}  {text}"
