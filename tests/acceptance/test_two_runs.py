"""Two runs on one store at once: nothing is done twice, nothing is lost, both end, and people steer them
from beside.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.work.attempt import CANCELLED
from schemas.work.job import BatchJob, JobStatus
from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.runs.runs import Reference

COUNTING = Path(__file__).parents[1] / "support" / "sitecustomize" / "counting"
FAULTS = Path(__file__).parents[1] / "support" / "sitecustomize" / "faults"
CHUNKS = "SELECT count(*) FROM chunks"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("films")
    for persons in (1, 2):
        clips.with_persons(place, frames=60 + persons, cuts=(20,), persons=persons)
    clips.with_cuts(place, cuts=(20, 45))
    return place


def command(folder: Path, out: Path, pipelines: str = "scene,person") -> tuple[str | Path, ...]:
    return (
        "run",
        folder,
        "--out",
        out,
        "--preset",
        "embedded",
        "--pipelines",
        pipelines,
        "--set",
        "engine.chunk_seconds=1",
        "--workers",
        "2",
    )


@pytest.fixture(scope="module")
def undisturbed(folder: Path, reference_digest: Reference) -> str:
    return reference_digest(folder, engine__chunk_seconds=1.0)


def jobs(out: Path) -> dict[str, BatchJob]:
    with closing(open_store(runs.sqlite(out), read_only=True)) as store:
        return {job.video_path.stem: job for job in store.jobs()}


def pictures_in(told: Path) -> Counter[str]:
    """How many pictures of each video were decoded."""
    return Counter(line.split()[1] for line in told.read_text().splitlines() if line.startswith("picture "))


@pytest.mark.long
def test_two_runs_of_the_same_work_share_it_and_both_end_with_all_of_it(
    folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    told = tmp_path / "decoded.txt"
    environment = {**os.environ, "PYTHONPATH": str(COUNTING), "DECODED": str(told)}
    both = [commands.start(*command(folder, tmp_path / "out"), env=environment) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=commands.PATIENCE_S * 2)
        assert process.returncode == 0, err
    assert runs.digest(runs.sqlite(tmp_path / "out")) == undisturbed
    alone = tmp_path / "alone.txt"
    done = commands.finished(
        *command(folder, tmp_path / "other"), "--cluster", "none", env={**environment, "DECODED": str(alone)}
    )
    assert done.returncode == 0, done.stderr
    assert pictures_in(told) == pictures_in(alone), "two runs decode no more than one"


@pytest.mark.long
@pytest.mark.ray
def test_a_run_takes_over_what_a_killed_one_held_while_it_waits_for_it(
    folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    first = commands.start(*command(folder, tmp_path))
    commands.wait_for(
        lambda: commands.counted(tmp_path / "batch_processing.db", CHUNKS) >= 1, "a first chunk"
    )
    second = commands.start(*command(folder, tmp_path))
    commands.wait_for(
        lambda: commands.counted(tmp_path / "batch_processing.db", "SELECT count(*) FROM runs") == 2,
        "a second run",
    )
    first.kill()
    first.communicate()
    _, err = second.communicate(timeout=commands.PATIENCE_S)
    assert second.returncode == 0, err
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed


@pytest.mark.long
def test_jobs_of_a_running_batch_are_called_off_paused_and_asked_for_again_from_beside(
    tmp_path: Path,
) -> None:
    """Not all of the clip can be done before it is called off: most of it waits for that."""
    long = clips.with_cuts(tmp_path, cuts=(30, 60), frames=100).path.rename(tmp_path / "wait.mp4")
    go_on = tmp_path / "told.txt"
    process = commands.start(
        *command(long, tmp_path / "out", "scene"),
        env={**os.environ, "PYTHONPATH": str(FAULTS), "FAULTS": str(go_on)},
    )
    db = tmp_path / "out" / "batch_processing.db"
    commands.wait_for(lambda: commands.counted(db, CHUNKS) >= 1, "a first chunk")
    commands.wait_for(
        lambda: commands.counted(db, "SELECT count(*) FROM jobs WHERE status = 'running'"),
        "word of its start",
    )
    (job,) = jobs(tmp_path / "out").values()
    told = commands.status(tmp_path / "out")
    assert (told["report"]["running"], told["video"]["status"], told["batch"]["state"]) == (
        1,
        "running",
        "running",
    )
    assert told["video"]["started_at"] is not None
    assert {"videos_per_hour", "realtime_factor", "eta_s", "videos_done", "videos_failed"} <= told[
        "batch"
    ].keys()
    off = commands.finished("cancel", long, "--out", tmp_path / "out")
    assert off.returncode == 0, off.stderr
    cancelled = jobs(tmp_path / "out")[long.stem]
    assert (cancelled.status, cancelled.failure_kind) == (JobStatus.FAILED, CANCELLED)
    go_on.write_text("go\n")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    kept = commands.counted(db, CHUNKS)
    assert 1 <= kept < 10
    again = commands.finished("retry", job.job_id[:8], "--out", tmp_path / "out")
    assert again.returncode == 0, again.stderr
    assert jobs(tmp_path / "out")[long.stem].status is JobStatus.PENDING
    paused = commands.finished("pause", long, "--out", tmp_path / "out")
    assert paused.returncode == 0, paused.stderr
    idle = commands.finished(*command(long, tmp_path / "out", "scene"))
    assert (idle.returncode, commands.counted(db, CHUNKS)) == (1, kept), idle.stderr
    assert jobs(tmp_path / "out")[long.stem].status is JobStatus.PENDING
    commands.finished("retry", long, "--out", tmp_path / "out")
    whole = commands.finished(*command(long, tmp_path / "out", "scene"))
    assert whole.returncode == 0, whole.stderr
    names = [
        line.split()[4]
        for line in commands.finished("logs", long, "--out", tmp_path / "out").stdout.splitlines()
    ]
    assert [
        name.rstrip(":") for name in names if name.rstrip(":") in ("cancel", "cancelled", "retry", "pause")
    ] == [*("cancel", "cancelled", "retry", "pause", "retry")]
