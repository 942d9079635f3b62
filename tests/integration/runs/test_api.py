"""`import vaengine`: annotate one, annotate many while the results come in, stop at any moment; every run
is a real one.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

import vaengine
from actors.stores import open_store
from schemas.errors import (
    InvalidSetting,
    NotFound,
    NothingMatched,
    StoreUnreachable,
    UnknownPipeline,
    UnknownSetting,
)
from schemas.pipelines import PERSON, SCENE
from schemas.work.job import JobStatus
from schemas.work.progress import Snapshot
from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.stores import fake_videos
from vaengine import UsageError, VaengineError, VideoAnnotations, VideoError
from vaengine.execution.foreground import FinishedVideos

CHECKOUT = Path(__file__).parents[3]
CHUNKS = "SELECT count(*) FROM chunks"
JOBS = "SELECT count(*) FROM jobs"
# One slot, many chunks, and a pass for each video: one is finished seconds before the next is begun.
SLOWLY = {"engine": {"workers": 1, "chunk_seconds": 1.0, "page_chunks": 1}}

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAENGINE_OFFLINE", "1")


@pytest.fixture(scope="module")
def quick(clip_folder: Path) -> Path:
    return clips.with_cuts(clip_folder).path


@pytest.fixture(scope="module")
def long(clip_folder: Path) -> Path:
    return clips.counting(
        clip_folder, frames=900, width=320, height=240, coding=clips.h264("bframes=0")
    ).path  # 75 chunks of a second, so that a stop comes before the last


@pytest.fixture(scope="module")
def shorter(clip_folder: Path) -> Path:
    return clips.counting(
        clip_folder, frames=300, width=320, height=240, coding=clips.h264("bframes=0")
    ).path  # 25 chunks of a second


@dataclass(frozen=True)
class Annotated:
    clip: clips.Clip
    out: Path
    found: VideoAnnotations


@pytest.fixture(scope="module")
def annotated(clip_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Annotated:
    """A clip with two scenes and two persons, annotated once."""
    clip, out = clips.with_persons(clip_folder, cuts=(24,), persons=2), tmp_path_factory.mktemp("api")
    return Annotated(
        clip, out, vaengine.annotate(clip.path, preset="embedded", pipelines="scene,person", out=out)
    )


def test_a_video_comes_back_with_its_scenes_and_persons(annotated: Annotated) -> None:
    clip, found = annotated.clip, annotated.found
    assert [scene.frame_start for scene in found.scenes] == [0, *clip.cuts]
    assert [scene.frame_end for scene in found.scenes] == [*clip.cuts, clip.frame_count]
    assert found.persons, "the detector is weak, but not blind"
    assert all(len(person.boxes) for person in found.persons)
    assert (found.video.width, found.video.height, found.video.frame_count) == (
        clip.width,
        clip.height,
        clip.frame_count,
    )


def test_what_comes_back_is_what_the_store_holds(annotated: Annotated) -> None:
    stored = [
        row
        for pipeline in (PERSON, SCENE)
        for row in runs.rows(runs.sqlite(annotated.out), pipeline)[annotated.clip.path.name]
    ]
    assert annotated.found.annotations == tuple(stored)


def test_the_same_call_again_decodes_nothing_and_returns_the_same(annotated: Annotated) -> None:
    again = vaengine.annotate(
        annotated.clip.path, preset="embedded", pipelines="scene,person", out=annotated.out
    )
    newest = max(annotated.out.glob("batch_report_*.json"), key=lambda path: path.stat().st_mtime)
    report = json.loads(newest.read_bytes())
    assert (report["skipped"], report["completed"], report["frames_decoded"]) == (1, 0, 0)
    assert again == annotated.found


def test_what_is_stored_is_loaded_by_path_by_id_and_from_the_files_alone(annotated: Annotated) -> None:
    video_id = annotated.found.video.video_id
    assert vaengine.load_annotations(annotated.clip.path, out=annotated.out) == annotated.found
    assert vaengine.load_annotations(video_id, db=runs.sqlite(annotated.out)) == annotated.found
    assert vaengine.load_annotations(annotated.out / video_id).annotations == annotated.found.annotations


@pytest.mark.parametrize("name", ["no-such-video-00000000", "/nowhere/clip.mp4"])
def test_a_video_that_is_not_stored_is_not_found(name: str, annotated: Annotated) -> None:
    with pytest.raises(NotFound, match=name):
        vaengine.load_annotations(name, out=annotated.out)


@pytest.mark.parametrize(
    ("told", "error", "says"),
    [
        ({"path": "nowhere.mp4"}, UsageError, "nowhere.mp4 does not exist"),
        ({"path": "."}, NothingMatched, "no video found"),
        ({"preset": "excellent"}, InvalidSetting, "excellent"),
        ({"pipelines": ["sceen"]}, UnknownPipeline, "did you mean 'scene'"),
        ({"settings": {"scene": {"treshold": 3}}}, UnknownSetting, "scene.threshold"),
        ({"settings": {"scene.threshold": "high"}}, InvalidSetting, "scene.threshold"),
        ({"workers": 33}, InvalidSetting, "engine.workers"),
        ({"config": "nowhere.yaml"}, UsageError, "nowhere.yaml"),
    ],
    ids=str,
)
def test_wrong_use_is_refused_before_anything_is_started(
    told: dict,
    error: type[Exception],
    says: str,
    quick: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says) as caught:
        vaengine.annotate(**{"path": quick, **told})
    assert isinstance(caught.value, VaengineError)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_annotate_takes_one_video_and_names_what_takes_many(quick: Path, long: Path, tmp_path: Path) -> None:
    for clip in (quick, long):
        (tmp_path / clip.name).symlink_to(clip)
    with pytest.raises(UsageError, match=r"leads to 2 videos.*annotate_all"):
        vaengine.annotate(tmp_path)


def test_a_file_that_is_no_video_is_an_error_that_says_why(clip_folder: Path, tmp_path: Path) -> None:
    letter = clips.not_a_video(clip_folder)
    with pytest.raises(VideoError, match=rf"^{letter}: not a video") as caught:
        vaengine.annotate(letter, out=tmp_path, preset="embedded", pipelines="scene")
    assert str(caught.value).count(str(letter)) == 1


def test_an_error_of_the_run_is_raised_as_what_it_was_there(quick: Path, tmp_path: Path) -> None:
    (tmp_path / "batch_processing.db").write_bytes(
        b"no database at all, though as long as the header of one would be" * 20
    )
    with pytest.raises(StoreUnreachable, match="it is not an SQLite database"):
        vaengine.annotate(quick, out=tmp_path, preset="embedded", pipelines="scene")


def test_a_run_that_is_killed_is_an_error_and_not_an_end(quick: Path, tmp_path: Path) -> None:
    batch = vaengine.annotate_all(quick, out=tmp_path, preset="embedded", pipelines="scene")
    os.kill(batch.pid, signal.SIGKILL)
    with pytest.raises(VaengineError, match="ended without a report: exit code -9"):
        list(batch)
    assert list(batch) == []


def test_a_video_is_there_while_the_batch_goes_on_and_closing_keeps_what_is_done(
    shorter: Path, long: Path, clip_folder: Path, tmp_path: Path
) -> None:
    told = {"out": tmp_path, "preset": "embedded", "pipelines": "scene"}
    batch = vaengine.annotate_all([shorter, long], **told, settings=SLOWLY)
    first = next(batch)  # either: the one that is probed first may be done before the other begins
    assert batch.report is None, "the run goes on"
    commands.wait_for(
        lambda: commands.counted(tmp_path / "batch_processing.db", JOBS) == 2,
        "the other video to be taken up",
    )
    processes = [psutil.Process(batch.pid), *commands.workers(batch.pid)]
    assert len(processes) > 1, "children are at work"
    assert Path(f"/proc/{batch.pid}/fd/0").readlink() == Path(os.devnull), (
        "what it starts could take what is sent to it"
    )
    batch.close()
    assert psutil.wait_procs(processes, timeout=60)[1] == [], "no process is left behind"
    assert batch.report is not None
    assert (batch.report.completed, batch.report.pending, batch.report.stopped_by) == (1, 1, "SIGINT")
    assert list(batch) == []
    assert vaengine.load_annotations(first.video.path, out=tmp_path) == first


@pytest.mark.long
def test_a_bad_file_stops_nothing_and_what_is_stored_is_not_annotated_again(
    clip_folder: Path, tmp_path: Path
) -> None:
    told = {"out": tmp_path, "preset": "embedded", "pipelines": "scene"}
    film = clips.with_cuts(clip_folder).path
    with vaengine.annotate_all([film], **told) as batch:
        (first,) = batch
    letter, still = clips.not_a_video(clip_folder), clips.still(clip_folder).path
    with vaengine.annotate_all([letter, film, still], **told) as batch:
        found = {one.video.path: one for one in batch}
    assert found.keys() == {str(film), str(still)}
    assert found[str(film)] == first
    assert [failed.path for failed in batch.failed] == [str(letter)]
    assert batch.failed[0].reason.startswith("not a video")
    assert batch.report is not None
    assert (batch.report.completed, batch.report.skipped, batch.report.failed) == (1, 1, 1)


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs deaf to it
sys.path.append({checkout!r})
import vaengine
batch = vaengine.annotate_all(
    {clips!r}, out={out!r}, preset="embedded", pipelines="scene", settings={settings!r}
)
print(batch.pid, flush=True)
for found in batch:
    print(found, flush=True)
"""


@pytest.mark.parametrize(
    "sent",
    [pytest.param(signal.SIGKILL, marks=pytest.mark.ray), signal.SIGINT],
    ids=["killed", "Ctrl-C"],
)
@pytest.mark.long
def test_the_run_ends_with_its_parent_and_a_folder_named_as_one_of_ours_does_not_matter(
    sent: signal.Signals, long: Path, tmp_path: Path
) -> None:
    """A script without a `__main__` guard, started in a folder whose `schemas` is somebody else's."""
    here, out = tmp_path / "here", tmp_path / "out"
    (here / "schemas").mkdir(parents=True)
    (here / "schemas" / "__init__.py").write_text("raise RuntimeError('not ours')")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(checkout=str(CHECKOUT), clips=[str(long)], out=str(out), settings=SLOWLY))
    parent = subprocess.Popen(
        [sys.executable, script], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    run = psutil.Process(int(parent.stdout.readline()))
    commands.wait_for(lambda: commands.counted(out / "batch_processing.db", CHUNKS), "a first chunk")
    processes = [run, *commands.workers(run.pid)]
    parent.send_signal(sent)
    said, complained = parent.communicate(timeout=commands.PATIENCE_S)
    assert ("KeyboardInterrupt" in complained) == (sent is signal.SIGINT)
    assert "VideoAnnotations" not in said, "it was stopped in the middle"
    assert psutil.wait_procs(processes, timeout=commands.PATIENCE_S)[1] == []
    with closing(open_store(runs.sqlite(out), read_only=True)) as store:
        assert [batch.outcome for batch in store.batches()] == ["stopped"]
        assert [job.status for job in store.jobs()] == [JobStatus.PENDING]


def test_a_batch_that_nobody_holds_any_more_stops(quick: Path, tmp_path: Path) -> None:
    batch = vaengine.annotate_all(quick, out=tmp_path, preset="embedded", pipelines="scene")
    run = psutil.Process(batch.pid)
    del batch
    commands.wait_for(
        lambda: not run.is_running() or run.status() == psutil.STATUS_ZOMBIE, "the end of the run"
    )
    assert commands.counted(tmp_path / "batch_processing.db", CHUNKS) == 0, "it did not just go on to its end"


@pytest.mark.long
def test_the_examples_of_the_documentation_run(quick: Path, clip_folder: Path, tmp_path: Path) -> None:
    """In a process of its own, in a folder with the files they name."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "holiday.mp4").symlink_to(quick)
    (tmp_path / "videos" / "short.mp4").symlink_to(clips.still(clip_folder).path)
    page = (CHECKOUT / "docs" / "python.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    script = tmp_path / "examples.py"
    script.write_text(
        f"import sys\nsys.path.append({str(CHECKOUT)!r})\n" + "\n".join(examples), encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=commands.PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 scenes" in done.stdout
    assert "\n1 1 0\n" in done.stdout, "completed, skipped, failed"
    assert re.search(r"^2 2 [\d.]+ 0\.0$", done.stdout, re.MULTILINE), "completed, total, jobs/h, ETA"


@pytest.fixture
def store(tmp_path: Path) -> tuple[str, list[str]]:
    """A store in which two of three videos have ended, and their job ids."""
    url, ended = runs.sqlite(tmp_path), []
    with closing(open_store(url)) as backend:
        for content, status in (
            ("a", JobStatus.COMPLETED),
            ("b", JobStatus.FAILED),
            ("c", JobStatus.RUNNING),
        ):
            job = fake_videos.Clip(f"/clips/{content}.mp4", content).job(status=status)
            backend.save_job_metadata(replace(job, status=status))
            ended += [job.job_id] * (status is not JobStatus.RUNNING)
    return url, ended


def test_videos_that_ended_are_told_once_and_only_when_there_are_new_ones(
    store: tuple[str, list[str]],
) -> None:
    url, ended = store
    finishes = FinishedVideos(url, "batch-1")
    assert finishes.new(Snapshot()) == []
    assert sorted(job.job_id for job in finishes.new(Snapshot(videos_done=1, videos_failed=1))) == sorted(
        ended
    )
    assert finishes.new(Snapshot(videos_done=1, videos_failed=1)) == []
    assert FinishedVideos(url, "another batch").new(Snapshot(videos_done=1)) == []


def test_a_store_that_cannot_be_read_does_not_end_the_run_that_tells_of_it(tmp_path: Path) -> None:
    assert FinishedVideos(f"sqlite:///{tmp_path}/nothing.db", "batch-1").new(Snapshot(videos_done=1)) == []
