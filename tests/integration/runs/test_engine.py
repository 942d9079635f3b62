"""The engine: what it finds is known by construction, and nothing about how it is run changes a row."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actors.probing.probe import probe
from actors.stores import open_store
from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK
from schemas.errors import UsageError
from schemas.pipelines import PERSON, SCENE
from schemas.work.job import BatchReport
from tests.support.media import clips
from tests.support.runs import runs
from vaengine.planning import probing


@pytest.fixture(scope="module")
def folder(clip_folder: Path) -> list[Path]:
    """Three good clips: cuts, persons over a cut, and many keyframes."""
    return [
        clips.with_cuts(clip_folder).path,
        clips.with_persons(clip_folder, cuts=(24,), persons=2).path,
        clips.counting(clip_folder, frames=120, fps=24, coding=clips.h264("bframes=2", gop=12)).path,
    ]


@dataclass(frozen=True)
class Ran:
    """A run that several tests begin with: what it said, and where it left its results."""

    out: Path
    report: BatchReport

    def copied(self, folder: Path) -> Path:
        """The results in another folder, for what would change them."""
        return Path(shutil.copytree(self.out, folder, dirs_exist_ok=True))


@pytest.fixture(scope="module")
def plain(folder: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Nothing disturbed it."""
    out = tmp_path_factory.mktemp("plain")
    return Ran(out, runs.run(folder, out))


@pytest.fixture(scope="module")
def undisturbed(plain: Ran) -> str:
    """The digest of a plain run."""
    return runs.digest(runs.sqlite(plain.out))


@pytest.fixture(scope="module")
def scenes(folder: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Of the first clip alone."""
    out = tmp_path_factory.mktemp("scenes")
    return Ran(out, runs.run(folder[:1], out, pipelines=[SCENE]))


@pytest.fixture(scope="module")
def cut_off(clip_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Of a clip whose end is missing."""
    out = tmp_path_factory.mktemp("cut_off")
    return Ran(out, runs.run([clips.truncated(clip_folder).path], out))


def test_every_video_is_completed(folder: list[Path], plain: Ran) -> None:
    assert (plain.report.completed, plain.report.failed) == (len(folder), 0)
    frames = sum(len(probe(str(path)).index) for path in folder)
    assert plain.report.frames_decoded == frames, "once, for both pipelines"


def test_every_job_and_pipeline_says_when_it_was_started_and_none_ended_before(plain: Ran) -> None:
    with closing(open_store(runs.sqlite(plain.out), read_only=True)) as store:
        jobs = list(store.jobs())
    times = [
        (job.created_at, one.started_at, one.completed_at)
        for job in jobs
        for one in (job, *job.pipeline_results.values())
    ]
    assert len(times) == len(jobs) * 3
    assert [one for one in times if not (one[1] and one[2] and one[0] <= one[1] <= one[2])] == []


def test_the_scenes_of_a_clip_are_its_known_cuts_and_leave_no_gap(clip_folder: Path, plain: Ran) -> None:
    clip = clips.with_cuts(clip_folder)
    scenes = runs.rows(runs.sqlite(plain.out), SCENE)[clip.path.name]
    assert [scene.frame_number for scene in scenes] == [0, *clip.cuts]
    assert [scene.attributes["frame_end"] for scene in scenes] == [*clip.cuts, clip.frame_count]
    assert [scene.end_seconds for scene in scenes[:-1]] == [scene.timestamp_seconds for scene in scenes[1:]]


def test_persons_are_boxes_of_tracks_and_no_track_crosses_a_cut(folder: list[Path], plain: Ran) -> None:
    rows = runs.rows(runs.sqlite(plain.out), PERSON)[folder[1].name]
    tracks = [row for row in rows if row.annotation_type == PERSON_TRACK]
    boxes = [row for row in rows if row.annotation_type == PERSON_DETECTION]
    assert tracks, "the detector is weak, but not blind"
    for track in tracks:
        frames = [row.frame_number for row in boxes if row.person_id == track.person_id]
        assert track.frame_number == min(frames)
        assert max(frames) < 24 or min(frames) >= 24


def test_neither_workers_nor_chunks_change_a_row(
    folder: list[Path], undisturbed: str, tmp_path: Path
) -> None:
    """On Ray they do not either, nor do pages: `test_engine_on_ray`."""
    runs.run(folder, tmp_path, engine__workers=4, engine__chunk_seconds=0.5)
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed


@pytest.mark.long
def test_files_hold_what_sqlite_holds(folder: list[Path], undisturbed: str, tmp_path: Path) -> None:
    url = f"files:{tmp_path}"
    assert runs.run(folder, tmp_path, url=url).completed == len(folder)
    assert runs.digest(url) == undisturbed


def test_the_same_folder_again_decodes_nothing(
    folder: list[Path], plain: Ran, undisturbed: str, tmp_path: Path
) -> None:
    again = runs.run(folder, plain.copied(tmp_path))
    assert (again.skipped, again.completed, again.frames_decoded, again.passes) == (len(folder), 0, 0, 0)
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed


@pytest.mark.parametrize(("began", "outcome"), [("before", "completed"), ("after", "skipped")])
def test_what_a_lost_process_of_the_same_command_has_done_is_not_told_as_skipped(
    began: str, outcome: str, folder: list[Path], scenes: Ran, tmp_path: Path
) -> None:
    scenes.copied(tmp_path)
    since = datetime.now(UTC) - timedelta(days=1 if began == "before" else 0)
    report = runs.run(folder[:1], tmp_path, pipelines=[SCENE], batch_id=scenes.report.batch_id, since=since)
    assert ([line.outcome for line in report.outcomes], report.frames_decoded) == ([outcome], 0)


def test_a_missing_or_stale_file_is_made_again_without_decoding(
    folder: list[Path], scenes: Ran, tmp_path: Path
) -> None:
    projection = next(scenes.copied(tmp_path).glob("*/scene_detection.json"))
    whole = projection.read_bytes()
    for damage in (
        b"",
        whole[: len(whole) // 2],
        whole.replace(b'"generation":', b'"generation": "0", "x":'),
    ):
        projection.write_bytes(damage)
        assert runs.run(folder[:1], tmp_path, pipelines=[SCENE]).frames_decoded == 0
        assert json.loads(projection.read_bytes()) == json.loads(whole)


def test_bad_files_among_good_ones_fail_with_their_reason_and_cost_nothing_else(
    folder: list[Path], clip_folder: Path, tmp_path: Path
) -> None:
    bad = [
        clips.empty(clip_folder),
        clips.not_a_video(clip_folder),
        clips.audio_only(clip_folder),
        clip_folder / "vanished.mp4",
    ]
    report = runs.run([bad[0], folder[0], *bad[1:], *folder[1:]], tmp_path, pipelines=[SCENE])
    kinds = {Path(line.path): line.failure_kind for line in report.outcomes if line.outcome == "failed"}
    assert kinds == dict(
        zip(bad, ("empty_file", "not_a_video", "no_video_stream", "unreadable"), strict=True)
    )
    assert all(
        str(line.path) in (line.error_message or "") for line in report.outcomes if line.outcome == "failed"
    )
    assert report.completed == len(folder)
    with closing(sqlite3.connect(tmp_path / "batch_processing.db")) as db:
        assert db.execute(
            "SELECT count(*) FROM jobs WHERE status = 'failed' AND error_message IS NOT NULL"
        ).fetchone() == (len(bad),)


@pytest.mark.parametrize("kind", ["files", "sqlite", "postgresql"])
def test_a_file_whose_name_is_no_text_fails_alone_in_every_store(
    kind: str, folder: list[Path], tmp_path: Path, postgres_url: str
) -> None:
    named = {"files": f"files:{tmp_path}", "sqlite": runs.sqlite(tmp_path), "postgresql": postgres_url}
    odd = tmp_path / "films" / os.fsdecode(b"caf\xe9.mp4")
    odd.parent.mkdir()
    shutil.copy(folder[0], odd)
    report = runs.run([odd, folder[0]], tmp_path, pipelines=[SCENE], url=named[kind])
    bad, good = report.outcomes
    assert (bad.outcome, bad.failure_kind, bad.path) == (
        "failed",
        "file_name",
        str(odd.with_name("caf\ufffd.mp4")),
    )
    assert f"{bad.path}: its path is not UTF-8, which no store can hold; rename the file" in (
        bad.error_message or ""
    )
    assert (good.outcome, report.halted) == ("completed", None)


def test_results_below_a_path_that_is_no_text_are_refused_before_anything_is_made(
    folder: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(
        UsageError,
        match="caf\ufffd: its name is not UTF-8, which no store can hold; choose another folder with --out",
    ):
        runs.run(folder, tmp_path / os.fsdecode(b"caf\xe9"), url=f"files:{tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_video_fails_and_keeps_what_could_be_read(
    clip_folder: Path, cut_off: Ran, tmp_path: Path
) -> None:
    clip = clips.truncated(clip_folder)
    assert [line.failure_kind for line in cut_off.report.outcomes] == ["truncated"]
    assert runs.rows(runs.sqlite(cut_off.out), SCENE)[clip.path.name]
    again = runs.run([clip.path], cut_off.copied(tmp_path))
    assert (again.failed, again.frames_decoded) == (1, 0), "what is permanent is not decoded again"


def test_the_allowed_loss_makes_a_truncated_video_complete_without_decoding_it_again(
    clip_folder: Path, cut_off: Ran, tmp_path: Path
) -> None:
    report = runs.run([clips.truncated(clip_folder).path], cut_off.copied(tmp_path), decode__max_lost=1.0)
    assert (report.completed, report.frames_decoded) == (1, 0)
    assert "lost" in (report.outcomes[0].warning or "")


def test_a_result_another_job_holds_is_linked_not_made_again(
    folder: list[Path], scenes: Ran, tmp_path: Path
) -> None:
    both = runs.run(folder[:1], scenes.copied(tmp_path))
    assert scenes.report.outcomes[0].video_id == both.outcomes[0].video_id
    with closing(sqlite3.connect(tmp_path / "batch_processing.db")) as db:
        counted = db.execute(
            "SELECT count(*), count(DISTINCT annotation_id) FROM annotations WHERE annotation_type = 'scene'"
        ).fetchone()
        assert counted == (3, 3)
        assert db.execute("SELECT count(*) FROM jobs WHERE status = 'completed'").fetchone() == (2,)


def test_a_changed_configuration_replaces_the_rows_and_keep_runs_keeps_them(
    folder: list[Path], scenes: Ran, tmp_path: Path
) -> None:
    runs.run(folder[:1], scenes.copied(tmp_path), pipelines=[SCENE], replace=True, scene__threshold=250.0)
    with closing(sqlite3.connect(tmp_path / "batch_processing.db")) as db:
        assert db.execute("SELECT count(*) FROM annotations").fetchone() == (1,), (
            "one scene at a threshold nothing reaches"
        )
    runs.run(folder[:1], tmp_path, pipelines=[SCENE], keep_runs=True)
    with closing(sqlite3.connect(tmp_path / "batch_processing.db")) as db:
        assert db.execute("SELECT count(*) FROM annotations").fetchone() == (4,)


def test_videos_of_one_name_and_different_content_stay_apart_and_copies_are_one(
    clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "FIRST_PAGE_TIMEOUT_S", 60.0)  # all of one page, however slow the machine
    places = [tmp_path / name / "cam.MP4" for name in ("s1", "s2", "s3")]
    sources = (
        clips.with_cuts(clip_folder).path,
        clips.still(clip_folder).path,
        clips.with_cuts(clip_folder).path,
    )
    for place, source in zip(places, sources, strict=True):
        place.parent.mkdir()
        place.write_bytes(source.read_bytes())
    report = runs.run(places, tmp_path / "out", pipelines=[SCENE])
    assert report.completed == 2
    assert len({line.video_id for line in report.outcomes}) == 2
    assert (report.outcomes[0].path, report.outcomes[0].duplicates) == (str(places[0]), (str(places[2]),))


def test_a_limit_takes_the_first_videos_only(folder: list[Path], tmp_path: Path) -> None:
    report = runs.run(folder, tmp_path, pipelines=[SCENE], limit=1)
    assert [line.path for line in report.outcomes] == [str(folder[0])]


def test_a_video_without_persons_has_an_empty_result_that_is_a_result(
    clip_folder: Path, tmp_path: Path
) -> None:
    still = clips.still(clip_folder).path
    assert runs.run([still], tmp_path, pipelines=[PERSON]).completed == 1
    assert runs.run([still], tmp_path, pipelines=[PERSON]).skipped == 1
    assert next(tmp_path.glob("*/person_tracking.json")).exists()
