"""One result of each video and pipeline is the current one: the newest that is complete, whoever asks,
and whatever was asked for last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.finalize.stored_persons import current_persons
from actors.stores import open_store
from schemas.pipelines import FACE, PERSON, SCENE
from schemas.storage.backend import Embeddings, Outcome, StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results, current_results
from schemas.work.job import BatchJob, JobStatus
from tests.contract.conftest import LOCAL, STORES
from tests.support.stores.fake_videos import RUN, Clip, broken
from tests.support.stores.retained import faces, persons
from tests.support.suite.clock import Clock, clock
from vaengine.api.annotate import load_annotations
from vaengine.execution.projection import Projector, project_job
from vaengine.reporting.store_overview import overview
from vaengine.requests.current_results import current_keys, ways
from vaengine.results.identities import faces_in
from vaengine.results.lookup import newest_results

__all__ = ["clock"]
CLIP = Clip()
NAMES = (SCENE, PERSON, FACE)


@pytest.fixture(params=LOCAL)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorageBackend]:
    with closing(open_store(STORES[request.param](tmp_path / "store"))) as opened:
        yield opened


def keys_of(config_hash: str, names: Sequence[str] = NAMES) -> list[WorkKey]:
    return [CLIP.key(name, config_hash) for name in names]


def run(
    store: StorageBackend,
    clock: Clock,
    batch_id: str,
    config_hash: str,
    names: Sequence[str] = NAMES,
    *,
    fails: bool = False,
) -> BatchJob:
    """A run with `--keep`: what is complete already is up to date."""
    clock.forward(60)
    keys = keys_of(config_hash, names)
    job = replace(CLIP.job(*keys, batch_id=batch_id), created_at=clock())
    epoch = store.open_run(replace(RUN, batch_id=batch_id))
    store.register(epoch, [CLIP.video], [job])
    for key in keys if not store.completed(keys) else ():
        clock.forward(10)
        store.finish(epoch, broken(job, key, CLIP.scenes(key)) if fails else _outcome(job, key))
    store.close_run(epoch, "completed")
    return store.load_job_metadata(job.job_id)


def _outcome(job: BatchJob, key: WorkKey) -> Outcome:
    made = {SCENE: CLIP.scenes, PERSON: persons, FACE: faces}[key.pipeline](key)
    ids = tuple(row.annotation_id for row in made if row.annotation_type == "face_identity")
    vectors = Embeddings(ids, np.eye(len(ids), 4, dtype=np.float32), "pack@1") if ids else None
    return Outcome(key, job.job_id, JobStatus.COMPLETED, tuple(made), embeddings=vectors, keep_runs=True)


@pytest.fixture
def asked_again(store: StorageBackend, clock: Clock) -> tuple[BatchJob, BatchJob]:
    """A run, another beside it, and the first once more: jobs of the first, and of the second, which is
    current.
    """
    run(store, clock, "batch-1", "c1")
    newer = run(store, clock, "batch-2", "c2")
    older = run(store, clock, "batch-3", "c1")
    assert (older.batch_id, older.status) == ("batch-3", JobStatus.COMPLETED), "up to date"
    return older, newer


def test_to_ask_again_for_an_older_result_does_not_make_it_current_for_anybody(
    store: StorageBackend, asked_again: tuple[BatchJob, BatchJob]
) -> None:
    older, newer = asked_again
    jobs = store.jobs_of([CLIP.video_id])
    assert {job.job_id for job, _ in complete_results(jobs).values()} == {newer.job_id}
    assert {job.job_id for job, _ in newest_results(jobs).values()} == {newer.job_id}
    assert {key.config_hash for key in current_keys(store, [CLIP.video_id])} == {"c2"}
    assert {way.job.job_id for own in ways(store, [CLIP.video_id]).values() for way in own} == {newer.job_id}
    assert {row.config_hash for row in load_annotations(CLIP.video_id, db=store.url).annotations} == {"c2"}
    assert {face.row.config_hash for face in faces_in(store)} == {"c2"}
    persons_of = current_persons(jobs)
    assert persons_of is not None
    assert persons_of.job_id == newer.job_id
    seen = overview(store, every=True)
    assert {video.job_id: video.superseded for video in seen.videos} == {
        older.job_id: True,
        newer.job_id: False,
    }


def test_files_beside_a_database_stay_those_of_the_current_result(
    store: StorageBackend, asked_again: tuple[BatchJob, BatchJob], tmp_path: Path
) -> None:
    if store.url.startswith("files:"):
        folder = tmp_path / "store" / CLIP.video_id  # has its results in these files
    else:
        folder = tmp_path / "out" / CLIP.video_id
        for job in reversed(asked_again):  # the older one last
            projector = Projector(store.url, [folder.parent])
            projector.refresh([job.job_id])
            projector.close()
    shown = {name: json.loads((folder / f"{name}.json").read_text())["info"]["config_hash"] for name in NAMES}
    assert shown == dict.fromkeys(NAMES, "c2")
    told = [
        json.loads((folder / name).read_text())["job_id"]
        for name in ("job_metadata.json", "batch_summary.json")
    ]
    assert told == [asked_again[1].job_id] * 2


def test_a_file_that_is_missing_is_mended_with_the_current_result_whichever_job_is_asked_for(
    store: StorageBackend, asked_again: tuple[BatchJob, BatchJob], tmp_path: Path
) -> None:
    assert project_job(store, asked_again[0], tmp_path / "out") == len(NAMES)
    assert project_job(store, asked_again[1], tmp_path / "out") == 0


def test_what_a_later_run_failed_with_takes_no_file_from_a_complete_result(
    store: StorageBackend, clock: Clock, tmp_path: Path
) -> None:
    done = run(store, clock, "batch-1", "c1", [SCENE])
    failed = run(store, clock, "batch-2", "c2", [SCENE], fails=True)
    assert current_results([done, failed])[CLIP.video_id, SCENE][0].job_id == done.job_id
    for job in (done, failed):
        project_job(store, job, tmp_path / "out")
    document = json.loads((tmp_path / "out" / CLIP.video_id / f"{SCENE}.json").read_text())
    assert document["info"]["config_hash"] == "c1"


def test_the_newest_of_what_failed_counts_where_nothing_is_complete(
    store: StorageBackend, clock: Clock
) -> None:
    run(store, clock, "batch-1", "c1", [SCENE], fails=True)
    newer = run(store, clock, "batch-2", "c2", [SCENE], fails=True)
    jobs = store.jobs_of([CLIP.video_id])
    assert current_results(jobs)[CLIP.video_id, SCENE][0].job_id == newer.job_id
    assert complete_results(jobs) == {}


@pytest.mark.parametrize("lost", [["c1"], ["c2"], ["c1", "c2"]])
def test_results_whose_jobs_are_lost_still_have_a_current_one(
    lost: list[str], clock: Clock, tmp_path: Path
) -> None:
    """A store of files: somebody removed files of jobs, and left the results."""
    with closing(open_store(f"files:{tmp_path}")) as store:
        jobs = {
            config_hash: run(store, clock, config_hash, config_hash, [SCENE]) for config_hash in ("c1", "c2")
        }
        for config_hash in lost:
            (tmp_path / CLIP.video_id / "jobs" / f"{jobs[config_hash].job_id}.json").unlink()
        (found,) = current_keys(store, [CLIP.video_id])
    assert found == CLIP.key(SCENE, "c1" if lost == ["c2"] else "c2")
