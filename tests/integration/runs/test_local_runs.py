"""A run without Ray against one on Ray, and against faults, a stop and a start over."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.work.attempt import POISONED, AttemptState
from schemas.work.job import JobStatus
from schemas.work.progress import Snapshot
from tests.conftest import SHARED
from tests.support.media import clips
from tests.support.runs import local_runs, runs
from vaengine.execution.engine import Engine
from vaengine.requests.executor_choice import NONE, ExecutorChoice

FAULTS = Path(__file__).parents[2] / "support" / "sitecustomize" / "faults"
MEDIA = SHARED / "media"


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Faults are let loose in child processes from here on; each is told in this file."""
    monkeypatch.setenv("FAULTS", str(tmp_path / "faults.txt"))
    monkeypatch.syspath_prepend(str(FAULTS))  # children take over this process's path
    return tmp_path / "faults.txt"


@pytest.mark.long
@pytest.mark.shared
@pytest.mark.usefixtures("ray_session")
def test_every_row_of_all_pipelines_is_that_of_a_run_on_ray_into_postgresql(
    clip_folder: Path, postgres_url: str, tmp_path: Path
) -> None:
    videos = [
        clips.with_persons(clip_folder, cuts=(24,), persons=2).path,
        MEDIA / "video" / "pyfeat_single_face.mp4",
    ]
    every = (SCENE, PERSON, FACE, AUDIO)
    there = {"url": postgres_url, "pipelines": every, "engine__workers": 2}
    assert runs.run(videos, tmp_path / "ray", **there).completed == len(videos)
    on_ray = runs.digest(postgres_url)
    for workers in (1, 2):
        out = tmp_path / f"local{workers}"
        assert local_runs.reference_digest(videos, out, pipelines=every, engine__workers=workers) == on_ray


def test_a_chunk_that_ends_its_process_is_tried_alone_and_set_apart_and_costs_no_other_video(
    clip_folder: Path, faults: Path, tmp_path: Path
) -> None:
    innocent = clips.with_cuts(clip_folder).path
    culprits = [clips.copied(innocent, tmp_path / f"{name}.mp4") for name in ("segfault", "once-segfault")]
    for number, path in enumerate(culprits):
        path.write_bytes(path.read_bytes() + bytes(number + 1))  # other content, else all are one video
    told = {"pipelines": [SCENE], "recovery__delay_seconds": 0.0, "engine__workers": 1}
    report = local_runs.run([culprits[0], innocent, culprits[1]], tmp_path / "out", processes=True, **told)
    outcomes = {line.path: line for line in report.outcomes}  # in the order in which they were probed
    poisoned = outcomes.pop(str(culprits[0]))
    assert (poisoned.outcome, poisoned.failure_kind) == ("failed", POISONED)
    assert [line.outcome for line in outcomes.values()] == ["completed", "completed"]
    assert "signal SIGSEGV" in (poisoned.error_message or "")
    with closing(open_store(runs.sqlite(tmp_path / "out"), read_only=True)) as store:
        tries = store.attempts([poisoned.video_id])
    assert [one.state for one in tries] == [AttemptState.LOST, AttemptState.KILLED, AttemptState.KILLED]
    assert faults.read_text().split().count("once-segfault") == 1


@pytest.mark.usefixtures("faults")
def test_a_model_that_ends_its_process_costs_its_own_pipeline_only(clip_folder: Path, tmp_path: Path) -> None:
    video = clips.copied(clips.with_cuts(clip_folder).path, tmp_path / "model-kill.mp4")
    told = {"pipelines": [SCENE, PERSON], "recovery__delay_seconds": 0.0, "engine__workers": 1}
    assert local_runs.run([video], tmp_path / "out", processes=True, **told).failed == 1
    with closing(open_store(runs.sqlite(tmp_path / "out"), read_only=True)) as store:
        (job,) = store.jobs()
    results = job.pipeline_results
    assert (results[PERSON].failure_kind, results[SCENE].status) == (POISONED, JobStatus.COMPLETED)


def test_a_stop_leaves_what_is_in_work_and_the_next_run_comes_to_the_same_rows(
    clip_folder: Path, faults: Path, tmp_path: Path
) -> None:
    source = clips.counting(clip_folder, frames=120, fps=24, coding=clips.h264("bframes=2", gop=12))
    video = clips.copied(source.path, tmp_path / "wait.mp4")  # whose chunks from the third on wait
    request = runs.request(
        [video], tmp_path / "out", pipelines=[SCENE], cluster=NONE, engine__chunk_seconds=1.0
    )
    heard: list[ExecutorChoice] = []

    def stop_once_in_work(snapshot: Snapshot) -> None:
        if snapshot.in_work:
            engine.stop("SIGINT")

    engine = Engine(request, listener=stop_once_in_work, announce=heard.append)
    report = engine.run()
    assert (report.pending, report.stopped_by, [choice.cluster for choice in heard]) == (1, "SIGINT", [NONE])
    faults.write_text("go\n")
    again = Engine(request).run()
    assert again.completed == 1
    assert runs.digest(runs.sqlite(tmp_path / "out")) == local_runs.reference_digest(
        [video], tmp_path / "whole", pipelines=[SCENE]
    )


def test_a_video_whose_chunks_are_all_stored_is_finished_without_decoding(
    clip_folder: Path, tmp_path: Path
) -> None:
    video = clips.truncated(clip_folder).path
    assert local_runs.run([video], tmp_path, pipelines=[SCENE]).failed == 1
    report = local_runs.run([video], tmp_path, pipelines=[SCENE], decode__max_lost=1.0)
    assert (report.completed, report.frames_decoded, report.passes) == (1, 0, 0)
