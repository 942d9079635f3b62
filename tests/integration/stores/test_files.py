"""What is particular to the store of files: the tree people open, damaged files, and a kill between any
two writes.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from actors import atomic_files
from actors.stores.files.backend import FileStorageBackend
from actors.stores.files.documents import work_item
from actors.stores.files.jobs import FileJobs
from schemas.annotations import coco
from schemas.annotations.annotation import canonical_digest
from schemas.errors import StaleEpoch, StoreUnreachable
from schemas.pipelines import PERSON, SCENE, VERSIONS
from schemas.storage.backend import StorageBackend
from schemas.work.job import JobStatus
from tests.support.stores.fake_videos import RUN, Clip, broken, done

CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
JOB = CLIP.job(SCENES, PERSONS)


class Killed(BaseException):
    """Stands for the end of the process."""


def reconciled(store: StorageBackend) -> str:
    """What a run does: register, commit what the manifest lacks, finish what is not complete; the digest
    of the end.
    """
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [JOB])
    for key, rows in (
        (SCENES, CLIP.scenes(SCENES, [33])),
        (PERSONS, CLIP.boxes(PERSONS, 0, 100, "person_0001")),
    ):
        if key in store.completed([key]):
            continue
        there = {line.first_frame for line in store.manifest([key])[key]}
        store.commit_chunks(
            epoch, [commit for commit in CLIP.commits(key, job=JOB) if commit.line.first_frame not in there]
        )
        assert len(store.numbers(key).frame_numbers) == CLIP.frames
        store.finish(epoch, done(JOB, key, rows))
    return canonical_digest(store.canonical_rows())


def finished(folder: Path) -> FileStorageBackend:
    store = FileStorageBackend(folder)
    reconciled(store)
    return store


def test_the_tree_is_the_seeds(tmp_path):
    finished(tmp_path)
    folder = tmp_path / CLIP.video_id
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".") and path.is_file()}
    assert names == {
        "job_metadata.json",
        "scene_detection.json",
        "person_tracking.json",
        "batch_summary.json",
    }
    metadata = json.loads((folder / "job_metadata.json").read_text())
    assert (metadata["job_id"], metadata["status"]) == (JOB.job_id, "completed")
    summary = json.loads((folder / "batch_summary.json").read_text())
    assert summary["pipelines"][PERSON]["annotation_count"] == 200
    assert not list(folder.rglob("*.chunk"))


def test_a_result_file_is_a_coco_document_with_its_provenance(tmp_path):
    finished(tmp_path)
    document = json.loads((tmp_path / CLIP.video_id / "person_tracking.json").read_text())
    assert document["info"]["configuration"] == JOB.config
    assert document["info"]["pipeline_version"] == VERSIONS[PERSON]
    assert len(document["images"]) == 100
    assert len(document["annotations"]) == 200
    assert coco.annotations_of(document) == FileStorageBackend(tmp_path, read_only=True).annotations(PERSONS)


@pytest.mark.parametrize("damage", ["truncated", "emptied", "removed", "another"])
def test_a_damaged_result_file_does_not_count_and_is_done_again(tmp_path, damage):
    store = finished(tmp_path)
    before = canonical_digest(store.canonical_rows())
    path = tmp_path / CLIP.video_id / "scene_detection.json"
    whole = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(
            {
                "truncated": whole[:-40],
                "emptied": b"",
                "another": whole.replace(b'"generation": "', b'"generation": "0'),
            }[damage]
        )
    again = FileStorageBackend(tmp_path)
    assert not again.annotation_exists(JOB.job_id, SCENE)
    assert again.annotation_exists(JOB.job_id, PERSON)
    assert again.completed([SCENES, PERSONS]) == {PERSONS}
    assert again.manifest([SCENES]) == {SCENES: []}
    assert reconciled(again) == before


def test_a_kill_between_any_two_writes_loses_nothing(tmp_path, monkeypatch):
    expected = reconciled(FileStorageBackend(tmp_path / "undisturbed"))
    write = atomic_files.write_atomic
    countdown = 0

    def dying(path: Path, data: bytes, **options: Any) -> None:
        nonlocal countdown
        countdown -= 1
        if countdown == 0:
            (options["scratch"] / ".half.tmp").write_bytes(data[: len(data) // 2])
            raise Killed
        write(path, data, **options)

    killed = 0
    for moment in range(1, 60):
        monkeypatch.setattr(work_item, "write_atomic", dying)
        monkeypatch.setattr("actors.stores.files.registry.write_atomic", dying)
        countdown = moment
        try:
            reconciled(FileStorageBackend(tmp_path / str(moment)))
        except Killed:
            killed += 1
        monkeypatch.undo()
        for leftover in (tmp_path / str(moment) / ".store" / "scratch").iterdir():
            os.utime(leftover, (0, 0))  # a young one may be another run's
        assert reconciled(FileStorageBackend(tmp_path / str(moment))) == expected
        assert not list((tmp_path / str(moment) / ".store" / "scratch").iterdir())
        if killed < moment:
            break
    assert 20 < killed < 59


def test_a_kill_before_the_replaced_chunk_is_removed_leaves_the_newer_one(tmp_path, monkeypatch):
    store = FileStorageBackend(tmp_path)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [JOB])
    store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            store.commit_chunks(
                epoch, [CLIP.commit(PERSONS, 25, 50, rows=CLIP.boxes(PERSONS, 30, 1), job=JOB)]
            )
    assert len(list(tmp_path.rglob("*.chunk"))) == 5
    assert [line.frame_count for line in store.manifest([PERSONS])[PERSONS]] == [25, 50, 25]
    assert len(store.annotations(PERSONS)) == 102


def test_a_kill_just_after_a_result_took_anothers_name_is_healed_by_the_next_run(tmp_path, monkeypatch):
    store = finished(tmp_path)
    key = CLIP.key(SCENE, "c2")
    job = CLIP.job(key, PERSONS)
    epoch = store.open_run(RUN)
    store.register(epoch, [], [job])
    with monkeypatch.context() as patch:
        patch.setattr(FileJobs, "put", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            store.finish(epoch, done(job, key, CLIP.scenes(key)))
    assert store.completed([SCENES, key]) == {key}
    store.register(store.open_run(RUN), [], [job])
    assert store.load_job_metadata(job.job_id).status is JobStatus.COMPLETED
    assert list(store.load_job_metadata(JOB.job_id).pipeline_results) == [PERSON]
    assert {path.name for path in (tmp_path / CLIP.video_id / ".state").glob("*@*")} == {
        "scene_detection@c2",
        "person_tracking@c1",
    }


def test_what_a_failed_pipeline_had_lies_in_a_file_whose_name_says_so(tmp_path):
    store = FileStorageBackend(tmp_path)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [JOB])
    store.finish(epoch, broken(JOB, PERSONS, CLIP.boxes(PERSONS, 0, 5)))
    partial = tmp_path / CLIP.video_id / "person_tracking.c1.partial.json"
    assert json.loads(partial.read_text())["info"]["error_message"] == "7 of 100 frames are missing"
    store.lease(epoch, [PERSONS])
    store.finish(epoch, done(JOB, PERSONS, CLIP.boxes(PERSONS, 0, 5)))
    assert not partial.exists()


def test_a_result_that_is_kept_lies_under_its_configuration(tmp_path):
    store = finished(tmp_path)
    key = CLIP.key(SCENE, "c2")
    epoch = store.open_run(RUN)
    store.register(epoch, [], [CLIP.job(key)])
    store.finish(epoch, done(CLIP.job(key), key, CLIP.scenes(key), keep_runs=True))
    older = json.loads((tmp_path / CLIP.video_id / "runs" / "c1" / "scene_detection.json").read_text())
    assert len(older["annotations"]) == 2


def test_a_folder_that_cannot_be_written_is_refused_with_cause_and_cure(tmp_path, monkeypatch):
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(
        Path, "mkdir", refused
    )  # permission bits do not bind root, under which containers run tests
    with pytest.raises(StoreUnreachable, match="Permission denied; check the permissions"):
        FileStorageBackend(tmp_path / "closed")


@pytest.mark.parametrize("name", ["..", "a/b", ".", "../../etc"])
def test_an_id_made_by_hand_cannot_leave_the_store(tmp_path, name):
    store = FileStorageBackend(tmp_path / "store")
    job = CLIP.job()
    odd = type(job)(
        **{field: getattr(job, field) for field in job.__dataclass_fields__}
        | {"job_id": name, "video_id": name}
    )
    store.save_job_metadata(odd)
    store.save_annotations(name, SCENE, [{"timestamp_seconds": 1.0}])
    assert (
        FileStorageBackend(tmp_path / "store", read_only=True).load_annotations(name, SCENE)[0]["video_id"]
        == name
    )
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_store_of_a_version_without_leases_is_taken_up(tmp_path):
    store = FileStorageBackend(tmp_path)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [JOB])
    store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[:2])
    before = canonical_digest(store.canonical_rows())
    rmtree(tmp_path / ".store" / "live")
    for path, unknown in (
        (tmp_path / ".store" / "runs" / "00000001.json", ("heartbeat_at", "progress")),
        (tmp_path / CLIP.video_id / "jobs" / f"{JOB.job_id}.json", ("control",)),
    ):
        known = {name: value for name, value in json.loads(path.read_text()).items() if name not in unknown}
        path.write_text(json.dumps(known))
    again = FileStorageBackend(tmp_path)
    assert canonical_digest(again.canonical_rows()) == before
    assert (
        again.batches()[0].heartbeat_at,
        again.progress(1),
        again.controls(),
        again.attempts([CLIP.video_id]),
    ) == (None, None, {}, [])
    with pytest.raises(StaleEpoch):
        again.commit_chunks(1, CLIP.commits(PERSONS, job=JOB))
    epoch = again.open_run(replace(RUN, batch_id="next"))
    assert again.register(epoch, [CLIP.video], [JOB]) == set()
    assert again.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[2:]) == {PERSONS: 100}


def test_a_run_that_begins_leaves_alone_what_another_is_about_to_put_in_its_place(tmp_path):
    store = FileStorageBackend(tmp_path)
    scratch = tmp_path / ".store" / "scratch"
    for name, age_s in (("young", 3000), ("old", 4000)):
        (scratch / name).write_bytes(b"half")
        os.utime(scratch / name, (time.time() - age_s,) * 2)
    store.open_run(RUN)
    assert [path.name for path in scratch.iterdir()] == ["young"]


def test_a_line_of_a_log_that_was_cut_off_does_not_count_and_spoils_no_other(tmp_path):
    store = FileStorageBackend(tmp_path)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [JOB])
    (path,) = tmp_path.glob("*/.state/logs/*.jsonl")
    path.write_bytes(path.read_bytes() + b'\n{"job_id": "' + JOB.job_id[:7].encode())
    store.finish(epoch, done(JOB, SCENES))
    assert [event.name for event in store.events(JOB.job_id)] == ["registered", "completed"]


def test_a_run_killed_while_it_ended_holds_nothing(tmp_path, monkeypatch):
    store = FileStorageBackend(tmp_path)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [JOB])
    with monkeypatch.context() as patch:
        patch.setattr("actors.stores.files.leases.shutil.rmtree", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            store.close_run(epoch, "completed")
    assert store.batches()[0].outcome == "completed"
    with pytest.raises(StaleEpoch):
        store.lease(epoch, [SCENES])
    assert store.lease(store.open_run(replace(RUN, batch_id="next")), [SCENES, PERSONS]) == {SCENES, PERSONS}
