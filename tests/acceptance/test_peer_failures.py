"""Ten failures that were seen in a program of the same purpose, each as a claim of what holds here.

Neighbours that go deeper: `test_kill` (killed runs), the contract suite of the stores, `test_sqlite` and
`test_files`.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.annotations import coco
from schemas.annotations.annotation import (
    FACE_DETECTION,
    LOUDNESS,
    PERSON_DETECTION,
    SCENE_TYPE,
    VOICE_ACTIVITY,
)
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.work.job import BatchReport, JobStatus
from schemas.work.progress import Snapshot
from tests.conftest import CHECKOUT, SHARED
from tests.support.media import clips
from tests.support.runs import runs
from tests.support.runs.runs import video_paths
from tests.support.stores.fake_videos import RUN, Clip
from vaengine import BatchOrchestrator, BatchStatus, FailureRecovery, FileStorageBackend, SQLiteStorageBackend
from vaengine.execution.engine import Engine
from vaengine.requests.checkpoint import path_in

TALKER = SHARED / "media" / "video" / "grid" / "bbaf2n.mpg"
ASKED = {"pipelines": ["scene", "person"], "preset": "embedded"}
SMALL_ONES = 8


@dataclass(frozen=True)
class Done:
    """A batch that has been run by the original plan's names, and what was asked of it."""

    folder: Path
    out: Path
    jobs: dict[str, str]  # path below the folder -> job
    report: BatchReport

    @property
    def url(self) -> str:
        return runs.sqlite(self.out)

    def again(self, out: Path | None = None, *, replace: bool = False, **settings: object) -> BatchReport:
        batch = batch_on(out or self.out, replace=replace)
        for path in video_paths([str(self.folder)]):
            batch.add_job(str(path), {**ASKED, **settings})
        return batch.run_batch(max_workers=2)

    def copy(self, place: Path) -> Path:
        return Path(shutil.copytree(self.out, place / "copy"))


def batch_on(out: Path, *, replace: bool = False) -> BatchOrchestrator:
    return BatchOrchestrator(SQLiteStorageBackend(out / "batch_processing.db"), replace=replace)


def asked(out: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(out / "batch_processing.db")) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def done(clip_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Two films of one name, one with an extension in capitals, and many that are over at once."""
    folder, out = tmp_path_factory.mktemp("films"), tmp_path_factory.mktemp("out")
    films = {
        "s1/cam.mp4": clips.with_cuts(clip_folder),
        "s2/cam.mp4": clips.still(clip_folder),
        "UP.MP4": clips.with_cuts(clip_folder, cuts=(30,)),
        **{f"many/{number}.mp4": clips.counting(clip_folder, frames=1) for number in range(SMALL_ONES)},
    }
    batch = batch_on(out)
    for name, clip in films.items():
        (folder / name).parent.mkdir(exist_ok=True)
        clips.copied(clip.path, folder / name)
    jobs = {
        str(path.relative_to(folder)): batch.add_job(str(path), ASKED) for path in video_paths([str(folder)])
    }
    return Done(folder, out, jobs, batch.run_batch(max_workers=2))


# 1. Four of six results were lost to a locked database, and every job said it was completed.

WRITER = """
import sys
from pathlib import Path
from actors.stores.database.sqlite_backend import SQLiteStorageBackend
from schemas.pipelines import PERSON
from tests.support.stores.fake_videos import Clip
store = SQLiteStorageBackend(Path(sys.argv[1]))
clip = Clip("/clips/film.mp4", sys.argv[3], frames=4000)
job = clip.job(clip.key(PERSON))
print("ready", flush=True)
sys.stdin.readline()
for commit in clip.commits(clip.key(PERSON), 200, job=job):
    store.commit_chunks(int(sys.argv[2]), [commit])
rows = [{"timestamp_seconds": float(number)} for number in range(2000)]
store.save_annotations(job.job_id, "by_hand", rows)
store.close()
"""


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[tuple[SQLiteStorageBackend, list[Clip], list[subprocess.Popen[str]]]]:
    """A store and four processes that wait for a word to write into it all at once."""
    store = SQLiteStorageBackend(tmp_path / "batch_processing.db")
    films = [Clip("/clips/film.mp4", name, frames=4000) for name in "abcd"]
    epoch = store.open_run(RUN)
    store.register(epoch, [film.video for film in films], [film.job(film.key(PERSON)) for film in films])
    command = [sys.executable, "-c", WRITER, str(tmp_path / "batch_processing.db"), str(epoch)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": CHECKOUT}
    processes = [subprocess.Popen([*command, film.content], **pipes) for film in films]
    yield store, films, processes
    store.close()
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.long
def test_1_many_writers_at_once_lose_nothing(
    writers: tuple[SQLiteStorageBackend, list[Clip], list[subprocess.Popen[str]]],
) -> None:
    store, films, processes = writers
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.wait(timeout=100) for process in processes] == [0] * 4
    jobs = [film.job(film.key(PERSON)).job_id for film in films]
    assert [len(store.load_annotations(job, PERSON)) for job in jobs] == [8000] * 4
    assert [len(store.load_annotations(job, "by_hand")) for job in jobs] == [2000] * 4
    assert [len(store.manifest([film.key(PERSON)])[film.key(PERSON)]) for film in films] == [20] * 4


# 2. A job was marked running after it had been handed out: fast ones, and skipped ones of a resumed batch,
# ended as running for ever.


def test_2_jobs_that_are_over_at_once_or_skipped_never_end_as_running(done: Done) -> None:
    assert (done.report.completed, done.report.failed) == (len(done.jobs), 0)
    for _ in range(3):
        assert done.again().skipped == len(done.jobs)
        assert batch_on(done.out).get_status() == BatchStatus(completed=len(done.jobs))
    assert asked(done.out, "SELECT DISTINCT status FROM job_pipeline_status") == [("completed",)]


# 3. A result file that was cut off counted as done.


def test_3_a_truncated_result_file_is_done_again(clip_folder: Path, tmp_path: Path) -> None:
    film, store = clips.with_cuts(clip_folder), FileStorageBackend(tmp_path)
    batch = BatchOrchestrator(store)
    job_id = batch.add_job(str(film.path), {"pipelines": ["scene"]})
    assert batch.run_batch(max_workers=1).completed == 1
    whole, digest = store.load_annotations(job_id, SCENE), runs.digest(store.url)
    (path,) = tmp_path.glob("*/scene_detection.json")
    path.write_bytes(path.read_bytes()[:-100])
    assert not FileStorageBackend(tmp_path).annotation_exists(job_id, SCENE)
    report = batch.run_batch(max_workers=1)
    assert (report.completed, report.skipped) == (1, 0)
    assert FileStorageBackend(tmp_path).load_annotations(job_id, SCENE) == whole
    assert runs.digest(store.url) == digest


# 4. An empty result did not exist, so that it was made again each time.


def test_4_an_empty_result_exists_and_is_not_made_again(done: Done) -> None:
    store, job_id = (
        SQLiteStorageBackend(done.out / "batch_processing.db", read_only=True),
        done.jobs["s2/cam.mp4"],
    )
    assert store.load_annotations(job_id, PERSON) == []
    assert store.annotation_exists(job_id, PERSON)
    assert (
        json.loads((store.load_job_metadata(job_id).output_dir / "person_tracking.json").read_text())[
            "annotations"
        ]
        == []
    )
    store.close()
    again = done.again()
    assert (again.skipped, again.frames_decoded) == (len(done.jobs), 0)


# 5. Deleting a job left its annotations behind.


@pytest.mark.long
def test_5_what_a_result_replaces_leaves_no_orphans(done: Done, tmp_path: Path) -> None:
    out = done.copy(tmp_path)
    before = asked(out, "SELECT count(*) FROM annotations WHERE annotation_type = 'scene'")
    assert done.again(out, replace=True, **{"scene.threshold": 250.0}).completed == len(done.jobs)
    assert asked(out, "PRAGMA foreign_key_check") == []
    assert asked(
        out,
        "SELECT count(*) FROM annotations WHERE job_id IS NULL OR job_id NOT IN (SELECT job_id FROM jobs)",
    ) == [(0,)]
    assert asked(
        out, "SELECT count(*) FROM job_pipeline_status WHERE job_id NOT IN (SELECT job_id FROM jobs)"
    ) == [(0,)]
    assert asked(out, "SELECT count(*) FROM jobs") == [(len(done.jobs),)], (
        "those of the old configuration are gone"
    )
    after = asked(
        out, "SELECT count(*), count(DISTINCT config_hash) FROM annotations WHERE annotation_type = 'scene'"
    )
    assert after == [(len(done.jobs), 1)], "one scene each, at a threshold that nothing reaches"
    assert before > [(len(done.jobs),)]


# 6. Two files of one name shared a folder and overwrote each other; an extension in capitals was not found.


def test_6_films_of_one_name_have_folders_of_their_own_and_capitals_are_found(done: Done) -> None:
    assert {"s1/cam.mp4", "s2/cam.mp4", "UP.MP4"} <= set(done.jobs)
    store = SQLiteStorageBackend(done.out / "batch_processing.db", read_only=True)
    folders = [
        store.load_job_metadata(done.jobs[name]).output_dir for name in ("s1/cam.mp4", "s2/cam.mp4", "UP.MP4")
    ]
    assert len(set(folders)) == 3
    assert [
        len(store.load_annotations(done.jobs[name], SCENE)) for name in ("s1/cam.mp4", "s2/cam.mp4", "UP.MP4")
    ] == [3, 1, 2]
    written = [json.loads((folder / "scene_detection.json").read_text()) for folder in folders]
    assert [len(document["annotations"]) for document in written] == [3, 1, 2]
    store.close()


# 7. The worker raised TypeError for every job; its tests mocked the method.


@pytest.mark.long
@pytest.mark.shared
def test_7_a_worker_works_on_a_real_film_with_real_models(tmp_path: Path) -> None:
    batch = batch_on(tmp_path)
    job_id = batch.add_job(str(TALKER), {"preset": "embedded"})
    assert batch.get_status() == BatchStatus(pending=1)
    report = batch.run_batch(max_workers=2)
    assert (report.completed, report.success_rate) == (1, 1.0)
    assert batch.get_status() == BatchStatus(completed=1)
    store = SQLiteStorageBackend(tmp_path / "batch_processing.db", read_only=True)
    assert all(store.annotation_exists(job_id, pipeline) for pipeline in (SCENE, PERSON, FACE, AUDIO))
    assert all(store.load_annotations(job_id, pipeline) for pipeline in (SCENE, PERSON, FACE, AUDIO)), (
        "somebody is seen and heard"
    )
    store.close()


# 8. Rows that a crash had left as running filled the queue for ever.


@pytest.mark.long
def test_8_what_a_killed_run_left_as_running_blocks_nothing(done: Done, tmp_path: Path) -> None:
    """A run killed before its first chunk: everything is running, nothing is there, its epoch is open."""
    out = done.copy(tmp_path)
    with closing(sqlite3.connect(out / "batch_processing.db")) as connection, connection:
        connection.execute("UPDATE jobs SET status = 'running', completed_at = NULL")
        connection.execute(
            "UPDATE job_pipeline_status SET status = 'running', completed_at = NULL, digest = NULL"
        )
        connection.execute("UPDATE runs SET ended_at = NULL, outcome = NULL")
        connection.execute("DELETE FROM annotations")
        connection.execute("DELETE FROM chunks")
    assert batch_on(out).get_status() == BatchStatus(interrupted=len(done.jobs)), "nobody holds them"
    assert done.again(out).completed == len(done.jobs)
    assert batch_on(out).get_status() == BatchStatus(completed=len(done.jobs))
    assert runs.digest(runs.sqlite(out)) == runs.digest(done.url)


# 9. Speech or speakers asked for alone were counted and stored nowhere.


@pytest.mark.long
@pytest.mark.shared
@pytest.mark.parametrize(
    "pipeline", [FACE, *(pytest.param(one, marks=pytest.mark.long) for one in (SCENE, PERSON, AUDIO))]
)
def test_9_a_pipeline_asked_for_alone_stores_its_rows_and_its_file(pipeline: str, tmp_path: Path) -> None:
    batch = batch_on(tmp_path)
    job_id = batch.add_job(str(TALKER), {"pipelines": [pipeline], "preset": "embedded"})
    assert batch.run_batch(max_workers=1).completed == 1
    store = SQLiteStorageBackend(tmp_path / "batch_processing.db", read_only=True)
    job = store.load_job_metadata(job_id)
    rows = store.load_annotations(job_id, pipeline)
    store.close()
    assert list(job.pipeline_results) == [pipeline]
    assert job.pipeline_results[pipeline].annotation_count == len(rows)
    written = coco.annotations_of(json.loads((job.output_dir / f"{pipeline}.json").read_text()))
    assert [row.to_data() for row in written] == rows
    assert asked(tmp_path, "SELECT count(*) FROM annotations") == [(len(rows),)]
    kinds = {
        SCENE: {SCENE_TYPE},
        PERSON: {PERSON_DETECTION},
        FACE: {FACE_DETECTION},
        AUDIO: {LOUDNESS, VOICE_ACTIVITY},
    }
    assert kinds[pipeline] <= {row["annotation_type"] for row in rows}


# 10. A stopped batch left no checkpoint, its remaining jobs were counted nowhere, and it could not be
# resumed.


@pytest.mark.long
def test_10_a_stopped_batch_has_a_checkpoint_counts_as_pending_and_can_be_resumed(
    clip_folder: Path, tmp_path: Path
) -> None:
    films = [clips.with_cuts(clip_folder, cuts=(20 + number,)).path for number in range(4)]

    def stop_after_the_first(snapshot: Snapshot) -> None:
        if snapshot.videos_done:
            engine.stop("SIGINT")

    engine = Engine(
        runs.request(films, tmp_path, pipelines=[SCENE], engine__page_chunks=1), listener=stop_after_the_first
    )
    report = engine.run()
    assert report.stopped_by == "SIGINT"
    assert (report.completed, report.pending) == (1, len(films) - 1)
    assert {line.path for line in report.outcomes} == set(map(str, films))
    stopped = batch_on(tmp_path)
    assert stopped.get_status() == BatchStatus(completed=1), "files that were not looked at are no jobs yet"
    resumed = stopped.resume_batch(str(path_in(tmp_path, report.batch_id)))
    assert (resumed.completed, resumed.skipped, resumed.pending) == (report.pending, report.completed, 0)
    assert stopped.get_status() == BatchStatus(completed=len(films))


def test_10_what_a_stop_left_undone_is_pending_in_the_store(clip_folder: Path, tmp_path: Path) -> None:
    films = [clips.with_cuts(clip_folder, cuts=(20 + number,)).path for number in range(4)]
    engine = Engine(
        runs.request(films, tmp_path, pipelines=[SCENE]), listener=lambda snapshot: engine.stop("SIGTERM")
    )
    report = engine.run()
    assert report.completed + report.pending == len(films)
    looked_at = [
        line for line in report.outcomes if line.outcome == "pending" and line.video_id
    ]  # a busy machine may not get to all
    assert batch_on(tmp_path).get_status() == BatchStatus(pending=len(looked_at), completed=report.completed)


@pytest.mark.long
def test_10_a_batch_that_never_began_has_one_checkpoint_for_all_its_configurations(
    clip_folder: Path, tmp_path: Path
) -> None:
    first, recovery = batch_on(tmp_path), FailureRecovery()
    job = first.add_job(str(clips.with_cuts(clip_folder).path), {"pipelines": ["scene"]})
    other = first.add_job(
        str(clips.still(clip_folder).path), {"pipelines": ["scene"], "scene.threshold": 20.0}
    )
    (checkpoint,) = recovery.create_checkpoint(first)
    request = recovery.load_checkpoint(checkpoint).request()
    assert {part.settings.scene.threshold for part in (request, *request.others)} == {27.0, 20.0}
    assert batch_on(tmp_path).resume_batch(str(checkpoint)).completed == 2
    store = SQLiteStorageBackend(tmp_path / "batch_processing.db", read_only=True)
    assert {found.job_id for found in store.jobs(status=JobStatus.COMPLETED)} == {job, other}
    store.close()
