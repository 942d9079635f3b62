"""Files that end, hang or bloat whoever reads them, among innocents: each culprit is found, tried at most
three times and set apart.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.pipelines import PERSON, SCENE
from schemas.work.attempt import POISONED, AttemptState
from schemas.work.job import BatchJob, JobStatus
from tests.support.media import clips
from tests.support.runs import commands, runs
from vaengine.requests.executor_choice import NONE, OWN_RAY

FAULTS = Path(__file__).parents[1] / "support" / "sitecustomize" / "faults"
CULPRITS = {"segfault": "crash", "hang": "timeout", "eat": "out_of_memory", "model-kill": "crash"}
LIMITS = (
    "--set",
    "recovery.alone_seconds=8",
    "--set",
    "recovery.alone_memory_mb=1200",
    "--set",
    "recovery.delay_seconds=0.1",
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Innocents, culprits of each kind, one that only raises, and one whose fault passes."""
    place = tmp_path_factory.mktemp("films")
    innocents = [
        clips.with_persons(place, frames=20 + persons, cuts=(10,), persons=persons).path for persons in (1, 2)
    ]
    innocents.append(clips.with_cuts(place, cuts=(20, 45)).path)
    for number, name in enumerate([*CULPRITS, "raise", "probe-segfault", "once-segfault"]):
        clips.copied(innocents[number % 2], place / f"{name}.mp4")
    return place


def told_by(out: Path) -> Counter[str]:
    return Counter((out / "faults.txt").read_text().split())


def run(folder: Path, out: Path) -> list[dict[str, object]]:
    out.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(FAULTS), "FAULTS": str(out / "faults.txt")}
    done = commands.finished(
        "run",
        folder,
        "--out",
        out,
        "--preset",
        "embedded",
        "--pipelines",
        "scene,person",
        "--json",
        *LIMITS,
        env=environment,
    )
    assert done.returncode == 1, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module", params=[NONE, pytest.param(OWN_RAY, marks=pytest.mark.ray)])
def poisoned(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over all of them, without Ray and on it."""
    out = tmp_path_factory.mktemp("poisoned")
    report = run(folder, out)[-1]
    assert (report["completed"], report["failed"]) == (4, len(CULPRITS) + 2)
    return out


def jobs(out: Path) -> dict[str, BatchJob]:
    store = open_store(runs.sqlite(out), read_only=True)
    try:
        return {job.video_path.stem: job for job in store.jobs()}
    finally:
        store.close()


def test_no_innocent_is_lost_and_none_differs_from_a_run_without_culprits(
    poisoned: Path, folder: Path, tmp_path: Path
) -> None:
    innocents = [path for path in folder.iterdir() if path.stem not in (*CULPRITS, "raise", "probe-segfault")]
    assert runs.run(innocents, tmp_path, cluster=NONE).completed == len(innocents)
    for pipeline in (SCENE, PERSON):
        alone, among = runs.rows(runs.sqlite(tmp_path), pipeline), runs.rows(runs.sqlite(poisoned), pipeline)
        assert {name: among[name] for name in alone} == alone


def test_each_culprit_ran_at_most_three_times_and_is_quarantined_with_what_it_did(poisoned: Path) -> None:
    found, told = jobs(poisoned), told_by(poisoned)
    for name, kind in CULPRITS.items():
        failed = [
            result for result in found[name].pipeline_results.values() if result.status is JobStatus.FAILED
        ]
        assert {result.failure_kind for result in failed} == {POISONED}, name
        assert all(kind in (result.error_message or "") for result in failed), (
            name,
            [result.error_message for result in failed],
        )
        assert 1 < told[name] <= 3, told


def test_a_file_that_ends_whoever_looks_into_it_costs_the_run_nothing_and_is_tried_once(
    poisoned: Path,
) -> None:
    job = jobs(poisoned)["probe-segfault"]
    assert (job.status, job.failure_kind, told_by(poisoned)["probe-segfault"]) == (
        JobStatus.FAILED,
        POISONED,
        1,
    )
    assert "SIGSEGV" in (job.error_message or "")


def test_a_model_that_ends_its_process_costs_its_own_pipeline_only(poisoned: Path) -> None:
    results = jobs(poisoned)["model-kill"].pipeline_results
    assert (results[PERSON].failure_kind, results[SCENE].status) == (POISONED, JobStatus.COMPLETED)


def test_an_error_that_is_told_is_final_at_once_and_a_fault_that_passes_is_got_over(poisoned: Path) -> None:
    """What an error said may go down with another's process, and is asked for once more then."""
    found, told = jobs(poisoned), told_by(poisoned)
    assert found["raise"].failure_kind == "internal"
    assert 1 <= told["raise"] <= 2
    assert (told["once-segfault"], found["once-segfault"].status) == (1, JobStatus.COMPLETED)


def test_tries_keep_the_traceback_of_a_crash_for_the_log(poisoned: Path) -> None:
    store = open_store(runs.sqlite(poisoned), read_only=True)
    tries = store.attempts([jobs(poisoned)["segfault"].video_id])
    store.close()
    states = [one.state for one in tries]
    assert states[-2:] == [AttemptState.KILLED] * 2, "alone it cost its process each time"
    assert len(states) <= 3
    assert "Segmentation fault" in (tries[-1].traceback or "")
    shown = commands.finished("logs", jobs(poisoned)["segfault"].video_id, "--out", poisoned, "-v")
    assert "SIGSEGV" in shown.stdout
    assert "Segmentation fault" in shown.stdout


def test_a_second_run_leaves_the_quarantined_alone_until_they_are_released(
    poisoned: Path, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again"
    shutil.copytree(poisoned, out)
    before = told_by(out)
    listed = commands.finished("quarantine", "list", "--out", out)
    assert {name for name in CULPRITS if name in listed.stdout} == set(CULPRITS)
    released = commands.finished("quarantine", "release", jobs(out)["segfault"].video_id, "--out", out)
    assert released.returncode == 0, released.stderr
    assert jobs(out)["segfault"].status is JobStatus.PENDING
    run(folder, out)
    assert {name for name, times in (told_by(out) - before).items() if times} == {
        "raise",
        "probe-segfault",
        "segfault",
    }
    assert jobs(out)["segfault"].failure_kind == POISONED
