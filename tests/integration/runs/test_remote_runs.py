"""Runs over videos behind URLs: the rows of a run over their copies, whatever the server does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.pipelines import AUDIO, PERSON, SCENE
from tests.support.media import clips
from tests.support.runs import commands, local_runs, runs
from tests.support.servers.object_store import ObjectStore, running
from tests.support.servers.web_server import WebServer, served

PIPELINES = [SCENE, PERSON]
CHUNKS = {"engine__chunk_seconds": 1.0}


@pytest.fixture(scope="module")
def clip(clip_folder: Path) -> Path:
    return clips.counting(clip_folder, frames=120, fps=24, coding=clips.h264("bframes=2", gop=12)).path


@pytest.fixture(scope="module")
def reference(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return local_runs.reference_digest(
        [clip], tmp_path_factory.mktemp("whole"), pipelines=PIPELINES, **CHUNKS
    )


@pytest.fixture
def web(tmp_path: Path, clip: Path) -> Iterator[WebServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(clip, folder)
    with served(folder) as server:
        yield server


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with running(monkeypatch) as server:
        yield server


def test_a_run_over_the_web_comes_to_the_rows_of_a_run_over_the_disk_and_a_second_finds_nothing_to_do(
    web: WebServer, clip: Path, reference: str, tmp_path: Path
) -> None:
    url = web.url(clip.name)
    report = local_runs.run([url], tmp_path, pipelines=PIPELINES, **CHUNKS)
    assert (report.completed, report.outcomes[0].path) == (1, url)
    assert runs.digest(runs.sqlite(tmp_path)) == reference
    web.forget()
    again = local_runs.run([url], tmp_path, pipelines=PIPELINES, **CHUNKS)
    assert again.skipped == 1
    assert not web.sent_bytes, "an unchanged object is not read again"


@pytest.mark.long
def test_sound_is_heard_over_the_web_as_from_the_disk(
    web: WebServer, clip_folder: Path, tmp_path: Path
) -> None:
    path = clips.clicking(clip_folder).path
    shutil.copy(path, web.folder)
    report = local_runs.run([web.url(path.name)], tmp_path / "remote", pipelines=[AUDIO])
    assert report.completed == 1
    assert runs.digest(runs.sqlite(tmp_path / "remote")) == local_runs.reference_digest(
        [path], tmp_path / "local", pipelines=[AUDIO]
    )


def test_faults_of_the_server_in_the_middle_change_nothing(
    web: WebServer, clip: Path, reference: str, tmp_path: Path
) -> None:
    web.faults, web.cut_short = [500, 503, 500], 1
    report = local_runs.run([web.url(clip.name)], tmp_path, pipelines=PIPELINES, **CHUNKS)
    assert report.completed == 1
    assert not web.faults
    assert runs.digest(runs.sqlite(tmp_path)) == reference


def test_what_a_server_refuses_fails_its_own_video_with_the_reason(
    web: WebServer, clip: Path, tmp_path: Path
) -> None:
    web.status_of["secret.mp4"] = 403
    urls = [web.url(name) for name in (clip.name, "gone.mp4", "secret.mp4")]
    report = local_runs.run(urls, tmp_path, pipelines=[SCENE], **CHUNKS)
    told = {outcome.path: outcome for outcome in report.outcomes}
    assert report.completed == 1
    assert "there is nothing at this address (HTTP status 404" in (told[urls[1]].error_message or "")
    assert "access is denied (HTTP status 403" in (told[urls[2]].error_message or "")
    assert {told[url].failure_kind for url in urls[1:]} == {"unreadable"}


def test_an_object_that_is_replaced_while_a_run_reads_it_fails_as_changed(
    web: WebServer, clip: Path, tmp_path: Path, clip_folder: Path
) -> None:
    other = clips.counting(clip_folder, frames=96, fps=24, coding=clips.h264("bframes=2", gop=12)).path
    replaced: list[bool] = []

    def replace_once(snapshot: object) -> None:
        if not replaced and getattr(snapshot, "frames_total", 0):
            shutil.copy(other, web.folder / clip.name)
            replaced.append(True)

    report = local_runs.run(
        [web.url(clip.name)], tmp_path, pipelines=PIPELINES, listener=replace_once, **CHUNKS
    )
    assert replaced
    assert (report.failed, report.outcomes[0].failure_kind) == (1, "changed")


@pytest.mark.long
def test_a_killed_run_over_a_bucket_is_resumed_and_comes_to_the_same_rows(
    store: ObjectStore, clip: Path, reference: str, tmp_path: Path
) -> None:
    store.put(f"some/{clip.name}", clip.read_bytes())
    store.put("some/notes.txt", b"no video")
    out, pipelines = tmp_path / "out", ("--pipelines", "scene,person", "--preset", "embedded")
    arguments = ("run", "s3://videos/some/", "--out", out, *pipelines, "--cluster", "none")
    arguments += ("--set", "engine.chunk_seconds=1", "--workers", "1")
    process = commands.start(*arguments, env=os.environ)
    commands.wait_for(
        lambda: commands.counted(out / "batch_processing.db", "SELECT count(*) FROM chunks"), "a chunk"
    )
    for one in [*commands.workers(process.pid)]:
        one.kill()
    process.kill()
    process.communicate()
    again = commands.finished(*arguments)
    assert again.returncode == 0, again.stderr
    assert runs.digest(runs.sqlite(out)) == reference


def test_a_run_puts_its_files_into_the_bucket_too(store: ObjectStore, clip: Path, tmp_path: Path) -> None:
    url = store.put(clip.name, clip.read_bytes())
    report = local_runs.run([url], tmp_path, pipelines=[SCENE], publish="s3://videos/results")
    video_id = report.outcomes[0].video_id
    local = {path.name: path.read_bytes() for path in (tmp_path / video_id).iterdir()}
    assert "scene_detection.json" in local
    there = {key.rpartition("/")[2]: store.get(key) for key in store.keys(f"results/{video_id}/")}
    assert there == local
