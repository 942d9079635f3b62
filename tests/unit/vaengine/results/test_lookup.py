"""A video as people name it: id, beginning of it, file name, path, or a copy of the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actors.sources.content import fingerprint_of
from actors.stores import open_store
from schemas.errors import NotFound, Unreadable, UsageError
from schemas.media.video import Video
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.job import JobStatus, PipelineResult
from tests.support.stores.fake_videos import RUN, Clip, broken, done
from vaengine.api.annotate import load_annotations
from vaengine.results.lookup import check_unchanged, jobs_of, one_beginning_with, results_of

GARDEN, GATE, OTHER_GATE = Clip(), Clip("/clips/gate.mp4", "b"), Clip("/clips/old/gate.mp4", "c")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StorageBackend]:
    """Three videos with scenes, two of them with one file name."""
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    epoch = opened.open_run(RUN)
    for clip in (GARDEN, GATE, OTHER_GATE):
        key = clip.key(SCENE)
        opened.register(epoch, [clip.video], [clip.job(key)])
        opened.commit_chunks(epoch, clip.commits(key))
        opened.finish(epoch, done(clip.job(key), key, clip.scenes(key, (40,))))
    yield opened
    opened.close()


@pytest.mark.parametrize("named", [GARDEN.video_id, GARDEN.video_id[:9], "garden.mp4", "garden", GARDEN.name])
def test_a_video_is_found_by_whatever_names_it(named: str, store: StorageBackend) -> None:
    assert {job.video_id for job in jobs_of(store, named)} == {GARDEN.video_id}
    assert load_annotations(named, db=store.url).video.video_id == GARDEN.video_id


def test_a_path_tells_files_of_one_name_apart_and_the_name_alone_is_refused(store: StorageBackend) -> None:
    assert jobs_of(store, OTHER_GATE.name)[0].video_id == OTHER_GATE.video_id
    with pytest.raises(UsageError, match=f"{GATE.video_id}, {OTHER_GATE.video_id}"):
        jobs_of(store, "gate.mp4")


@pytest.mark.parametrize(
    ("named", "offered"),
    [("gardn.mp4", "garden.mp4"), ("garden-aaaabbbb", GARDEN.video_id), ("zzz", "vaengine status")],
)
def test_an_unknown_video_is_refused_with_the_nearest_name(
    named: str, offered: str, store: StorageBackend
) -> None:
    with pytest.raises(NotFound, match=offered):
        jobs_of(store, named)


def test_a_copy_under_another_name_is_known_by_its_content(store: StorageBackend, tmp_path: Path) -> None:
    copy = tmp_path / "moved.mp4"
    copy.write_bytes(b"pictures")
    clip = Clip("/gone/original.mp4", "d")
    video = replace(clip.video, fingerprint=fingerprint_of(str(copy)))
    key = clip.key(SCENE)
    epoch = store.open_run(RUN)
    store.register(epoch, [video], [clip.job(key)])
    store.finish(epoch, done(clip.job(key), key, clip.scenes(key)))
    results = results_of(store, str(copy))
    assert (results.video.video_id, results.video.path) == (clip.video_id, str(copy))


def test_results_are_all_rows_with_what_made_them(store: StorageBackend) -> None:
    results = results_of(store, "garden")
    assert [row.frame_number for row in results.annotations] == [0, 40]
    assert results.pipelines[SCENE].status is JobStatus.COMPLETED
    assert results.sample_fps is None
    assert results.provenance.startswith("scene: ")


def test_the_sampling_rate_is_never_more_than_the_video_has(store: StorageBackend) -> None:
    job, key = GATE.job(GATE.key(PERSON)), GATE.key(PERSON)
    config = {
        "pipelines": {PERSON: {"person": {"sample_fps": 60.0, "detector": "hog"}}},
        "presets": {PERSON: "embedded"},
    }
    asked = replace(job, config=config)
    epoch = store.open_run(RUN)
    store.register(epoch, [GATE.video], [asked])
    store.finish(epoch, done(asked, key, GATE.boxes(key, 0, 10)))
    results = results_of(store, GATE.video_id)
    assert results.sample_fps == 25
    assert "embedded, hog at 25 fps" in results.provenance


def test_rows_that_a_failed_pipeline_kept_are_shown_and_said_to_be_incomplete(store: StorageBackend) -> None:
    job, key = GATE.job(GATE.key(PERSON)), GATE.key(PERSON)
    epoch = store.open_run(RUN)
    store.register(epoch, [GATE.video], [job])
    store.finish(epoch, broken(job, key, GATE.boxes(key, 0, 5)))
    results = results_of(store, GATE.video_id)
    assert len(results.annotations) == 2 + 10
    assert "failed!" in results.provenance


def test_a_video_whose_work_has_not_begun_has_no_results_yet(store: StorageBackend) -> None:
    clip = Clip("/clips/new.mp4", "e")
    store.register(store.open_run(RUN), [clip.video], [clip.job(clip.key(SCENE))])
    with pytest.raises(UsageError, match=r"no results yet \(scene_detection is pending\)"):
        results_of(store, "new.mp4")


def test_a_video_that_could_not_be_read_says_why(store: StorageBackend) -> None:
    clip = Clip("/clips/letter.mp4", "f")
    result = PipelineResult(SCENE, "c1", JobStatus.FAILED)
    store.save_job_metadata(
        replace(
            clip.job(), status=JobStatus.FAILED, pipeline_results={SCENE: result}, error_message="not a video"
        )
    )
    with pytest.raises(UsageError, match="not a video"):
        results_of(store, "letter.mp4")


def on_disk(path: Path) -> Video:
    """A video whose facts are those of a file."""
    status = path.stat()
    return replace(
        GARDEN.video,
        path=str(path),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        fingerprint=fingerprint_of(str(path)),
    )


def test_a_file_is_unchanged_as_long_as_its_content_is(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"pictures")
    video = on_disk(path)
    check_unchanged(video)
    os.utime(path, ns=(1, 1))
    check_unchanged(video)


@pytest.mark.parametrize("content", [b"PICTURES", b"longer than it was"])
def test_a_file_with_another_content_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"pictures")
    video = on_disk(path)
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    with pytest.raises(UsageError, match="has changed since it was annotated"):
        check_unchanged(video)


def test_a_file_that_is_gone_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"pictures")
    video = on_disk(path)
    path.unlink()
    with pytest.raises(Unreadable, match="name its new path"):
        check_unchanged(video)


def test_a_beginning_means_one_name_or_is_refused() -> None:
    assert one_beginning_with("ab", ["abc", "xyz"], "batch") == "abc"
    assert one_beginning_with("abc", ["abc", "abcd"], "batch") == "abc"
    assert one_beginning_with("q", ["abc"], "batch") is None
    with pytest.raises(UsageError, match="batch ab could be abc, abd"):
        one_beginning_with("ab", ["abd", "abc"], "batch")
