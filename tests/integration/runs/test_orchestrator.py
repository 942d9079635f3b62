"""The original plan's Python names drive the same engine as the command."""

from __future__ import annotations

from pathlib import Path

import pytest

import vaengine
from tests.support.media import clips
from tests.support.runs import runs
from vaengine import BatchOrchestrator, BatchStatus, FileStorageBackend, JobStatus, SQLiteStorageBackend
from vaengine.requests.checkpoint import path_in

SCENES_ONLY = {"pipelines": ["scene"]}


@pytest.mark.parametrize("backend", [SQLiteStorageBackend, FileStorageBackend])
def test_jobs_are_added_run_and_read_back_through_the_seeds_names(
    backend: type, clip_folder: Path, tmp_path: Path
) -> None:
    store = backend(tmp_path / "batch_processing.db" if backend is SQLiteStorageBackend else tmp_path)
    batch = BatchOrchestrator(store)
    clip = clips.with_cuts(clip_folder)
    job_id = batch.add_job(str(clip.path), SCENES_ONLY)
    bad = batch.add_job(str(clips.not_a_video(clip_folder)), SCENES_ONLY)
    assert batch.get_status() == BatchStatus(pending=2)
    report = batch.run_batch(max_workers=2)
    assert (report.completed, report.failed, report.success_rate) == (1, 1, 0.5)
    assert batch.get_status() == BatchStatus(completed=1, failed=1)
    assert store.annotation_exists(job_id, "scene_detection")
    assert [row["frame_number"] for row in store.load_annotations(job_id, "scene_detection")] == [
        0,
        *clip.cuts,
    ]
    assert store.load_job_metadata(job_id).status is JobStatus.COMPLETED
    assert store.load_job_metadata(bad).failure_kind == "not_a_video"
    assert batch.run_batch(max_workers=1).skipped == 1


def test_a_batch_goes_on_from_its_checkpoint(clip_folder: Path, tmp_path: Path) -> None:
    clip = clips.with_cuts(clip_folder)
    first = runs.run([clip.path], tmp_path, pipelines=["scene_detection"])
    batch = BatchOrchestrator(SQLiteStorageBackend(tmp_path / "batch_processing.db"))
    report = batch.resume_batch(str(path_in(tmp_path, first.batch_id)))
    assert (report.batch_id, report.skipped, report.frames_decoded) == (first.batch_id, 1, 0)


def test_the_same_content_and_configuration_is_the_same_job_wherever_it_is(
    clip_folder: Path, tmp_path: Path
) -> None:
    clip = clips.with_cuts(clip_folder).path
    copy = tmp_path / clip.name
    copy.write_bytes(clip.read_bytes())
    batch = BatchOrchestrator(FileStorageBackend(tmp_path / "store"))
    assert batch.add_job(str(clip), SCENES_ONLY) == batch.add_job(str(copy), SCENES_ONLY)
    assert batch.add_job(str(clip), SCENES_ONLY) != batch.add_job(
        str(clip), {**SCENES_ONLY, "scene.threshold": 20.0}
    )


@pytest.mark.parametrize("config", [{"scene.treshold": 1}, {"pipelines": ["sceen"]}, {"preset": "fast"}])
def test_a_wrong_configuration_is_refused_when_the_job_is_added(
    config: dict, clip_folder: Path, tmp_path: Path
) -> None:
    batch = BatchOrchestrator(FileStorageBackend(tmp_path))
    with pytest.raises(vaengine.VaengineError):
        batch.add_job(str(clips.with_cuts(clip_folder).path), config)


def test_running_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(vaengine.VaengineError, match="add_job"):
        BatchOrchestrator(FileStorageBackend(tmp_path)).run_batch()


def test_every_public_name_is_there() -> None:
    assert all(getattr(vaengine, name) for name in vaengine.__all__)
