"""What every store does, whatever it is made of."""

from __future__ import annotations

import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.stores import open_store
from schemas.annotations.annotation import canonical_digest
from schemas.errors import DiskFull, NotFound, StaleEpoch, StoreUnreachable, Unstorable
from schemas.media.video import video_id_for
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.job import JobStatus
from schemas.work.manifest import FrameNumbers
from tests.contract.conftest import LOCAL, STORES, digest
from tests.support.servers import postgres
from tests.support.stores.fake_videos import RUN, Clip, broken, done

CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)


def state(store: StorageBackend, job_id: str) -> tuple[JobStatus, dict[str, JobStatus]]:
    job = store.load_job_metadata(job_id)
    return job.status, {name: result.status for name, result in job.pipeline_results.items()}


def started(store: StorageBackend, *jobs, clip: Clip = CLIP) -> int:
    epoch = store.open_run(RUN)
    store.register(epoch, [clip.video], jobs)
    return epoch


# The seed's five methods.


def test_annotations_saved_by_hand_are_read_back(store):
    job = CLIP.job(SCENES)
    store.save_job_metadata(job)
    where = store.save_annotations(
        job.job_id, SCENE, [{"annotation_type": "scene", "timestamp_seconds": 2.0, "mood": "calm"}]
    )
    (row,) = store.load_annotations(job.job_id, SCENE)
    assert row["mood"] == "calm"
    assert row["timestamp_seconds"] == 2.0
    assert row["video_id"] == CLIP.video_id
    assert row["config_hash"] == "c1"
    assert where
    assert state(store, job.job_id) == (JobStatus.COMPLETED, {SCENE: JobStatus.COMPLETED})


def test_rows_read_back_can_be_saved_again_unchanged(store):
    job = CLIP.job(PERSONS)
    store.save_job_metadata(job)
    store.save_annotations(job.job_id, PERSON, [row.to_data() for row in CLIP.boxes(PERSONS, 0, 3)])
    before = store.load_annotations(job.job_id, PERSON)
    store.save_annotations(job.job_id, PERSON, before)
    assert store.load_annotations(job.job_id, PERSON) == before


def test_a_pipeline_nobody_asked_for_may_be_saved_by_hand(store):
    job = CLIP.job(SCENES)
    store.save_job_metadata(job)
    store.save_annotations(job.job_id, "face_analysis", [{"timestamp_seconds": 1.0}])
    assert store.annotation_exists(job.job_id, "face_analysis")
    assert len(store.load_annotations(job.job_id, "face_analysis")) == 1


def test_an_empty_result_is_a_result(store):
    job = CLIP.job(SCENES)
    store.save_job_metadata(job)
    assert not store.annotation_exists(job.job_id, SCENE)
    store.save_annotations(job.job_id, SCENE, [])
    assert store.annotation_exists(job.job_id, SCENE)
    assert store.load_annotations(job.job_id, SCENE) == []
    assert store.completed([SCENES]) == {SCENES}


def test_a_job_comes_back_as_it_was_saved(store):
    job = replace(
        CLIP.job(SCENES, PERSONS), error_message="späte Ursache", failure_kind="model", retry_count=2
    )
    store.save_job_metadata(job)
    assert store.load_job_metadata(job.job_id) == job
    assert list(store.jobs()) == [job]


def test_what_is_not_there_is_not_found(store):
    assert not store.annotation_exists("nobody", SCENE)
    with pytest.raises(NotFound, match="nobody"):
        store.load_job_metadata("nobody")
    with pytest.raises(NotFound):
        store.load_annotations("nobody", SCENE)
    with pytest.raises(NotFound):
        store.save_annotations("nobody", SCENE, [])


# Runs and epochs.


@pytest.mark.parametrize("end", ["closed", "begun again", "never begun"])
def test_a_run_that_has_ended_or_is_unknown_writes_nothing(store, end):
    old = started(store, CLIP.job(SCENES))
    if end == "closed":
        store.close_run(old, "stopped")
    new = store.open_run(RUN if end == "begun again" else replace(RUN, batch_id="batch-2"))
    assert new == old + 1
    if end == "never begun":
        old = 99
    job = CLIP.job(SCENES)
    before = digest(store)
    for write in (
        lambda: store.lease(old, [SCENES]),
        lambda: store.release(old, [SCENES]),
        lambda: store.commit_chunks(old, CLIP.commits(SCENES)),
        lambda: store.finish(old, done(job, SCENES, CLIP.scenes(SCENES))),
        lambda: store.mark(old, job.job_id, [SCENE], JobStatus.RUNNING),
        lambda: store.register(old, [], [job]),
        lambda: store.set_meta(old, "preset", "embedded"),
    ):
        with pytest.raises(
            StaleEpoch, match=f"run epoch {old} has ended or is unknown here, the store is at {new}"
        ):
            write()
    assert digest(store) == before
    assert store.manifest([SCENES]) == {SCENES: []}


def test_runs_are_listed_newest_first_with_how_they_ended(store):
    first = store.open_run(RUN)
    store.close_run(first, "completed")
    store.open_run(replace(RUN, batch_id="batch-2"))
    newest, oldest = store.batches()
    assert (newest.batch_id, newest.outcome, newest.ended_at) == ("batch-2", None, None)
    assert (oldest.batch_id, oldest.outcome, oldest.epoch) == ("batch-1", "completed", first)
    assert oldest.inputs == RUN.inputs
    assert oldest.config == RUN.config


def test_a_setting_is_remembered(store):
    epoch = store.open_run(RUN)
    assert store.meta("preset") is None
    store.set_meta(epoch, "preset", "fast")
    store.set_meta(epoch, "preset", "embedded")
    assert store.meta("preset") == "embedded"


# Videos and jobs.


def test_a_video_is_known_under_every_path_it_was_found(store):
    copy = replace(CLIP.video, path="/elsewhere/garden.mp4", mtime_ns=987654321)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video, copy], [CLIP.job()])
    assert store.known_videos([CLIP.name, copy.path, "/not/there.mp4"]) == {
        CLIP.name: CLIP.video,
        copy.path: copy,
    }
    assert store.fingerprints([CLIP.video_id, "free"]) == {CLIP.video_id: CLIP.fingerprint}
    assert set(store.videos([CLIP.video_id, "free"])) == {CLIP.video_id}


def test_a_further_path_of_a_video_is_known_and_the_one_that_is_shown_stays(store):
    copy = replace(CLIP.video, path="/elsewhere/renamed.mp4", mtime_ns=987654321)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [CLIP.job()])
    store.add_paths(epoch, [copy])
    assert store.known_paths() == {CLIP.name: CLIP.video_id, copy.path: CLIP.video_id}
    assert store.known_videos([copy.path]) == {copy.path: copy}
    assert store.videos([CLIP.video_id])[CLIP.video_id].path == CLIP.name
    assert store.paths_of(CLIP.video_id) == tuple(sorted([CLIP.name, copy.path]))
    store.close_run(epoch, "completed")
    with pytest.raises(StaleEpoch):
        store.add_paths(epoch, [copy])


def test_videos_are_found_by_their_content_whatever_they_are_called(store):
    other = Clip("/clips/pond.mp4", "b")
    twin = replace(
        CLIP.video,
        video_id=video_id_for("/clips/twin.mp4", CLIP.fingerprint, digits=16),
        path="/clips/twin.mp4",
    )
    alike = replace(
        other.video, video_id="alike-aaaaaaaa", path="/clips/alike.mp4", fingerprint="a" * 8 + "c" * 56
    )
    epoch = store.open_run(RUN)
    assert store.ids_by_content([CLIP.fingerprint]) == {}
    store.register(epoch, [CLIP.video, other.video, twin, alike], [CLIP.job()])
    contents = [CLIP.fingerprint, other.fingerprint, "d" * 64]
    assert store.ids_by_content([]) == {}
    assert store.ids_by_content(contents) == {
        CLIP.fingerprint: tuple(sorted([CLIP.video_id, twin.video_id])),
        other.fingerprint: (other.video_id,),
    }


def test_many_contents_are_asked_for_at_once(store):
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [CLIP.job()])
    many = [f"{number:064x}" for number in range(1200)]
    assert store.ids_by_content([*many, CLIP.fingerprint]) == {CLIP.fingerprint: (CLIP.video_id,)}


def test_a_video_that_cannot_be_read_leaves_a_failed_job(store):
    epoch = store.open_run(RUN)
    job = replace(
        CLIP.job(status=JobStatus.FAILED),
        error_message="/clips/garden.mp4: the file is empty",
        failure_kind="empty_file",
    )
    store.register(epoch, [], [job])
    assert [found.job_id for found in store.jobs(status=JobStatus.FAILED)] == [job.job_id]
    assert store.load_job_metadata(job.job_id).failure_kind == "empty_file"
    assert store.videos([CLIP.video_id]) == {}


def test_two_videos_of_one_name_do_not_collide(store):
    one, two = Clip("/s1/cam.mp4", "a"), Clip("/s2/cam.mp4", "b")
    epoch = store.open_run(RUN)
    store.register(epoch, [one.video, two.video], [one.job(), two.job()])
    store.finish(epoch, done(one.job(), one.key(), one.scenes(one.key(), [40])))
    store.finish(epoch, done(two.job(), two.key(), two.scenes(two.key())))
    assert len(store.annotations(one.key())) == 2
    assert len(store.annotations(two.key())) == 1


def test_jobs_are_found_by_batch_and_by_state(store):
    other = Clip("/clips/pond.mp4", "b")
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video, other.video], [CLIP.job(), other.job(batch_id="batch-2")])
    store.finish(epoch, done(CLIP.job(), CLIP.key()))
    assert [job.video_id for job in store.jobs(batch_id="batch-2")] == [other.video_id]
    assert [job.video_id for job in store.jobs(status=JobStatus.COMPLETED)] == [CLIP.video_id]
    assert len(list(store.jobs())) == 2


def test_registering_again_keeps_what_is_complete_and_the_age_of_the_job(store):
    job = CLIP.job(SCENES, PERSONS)
    epoch = started(store, replace(job, created_at=job.created_at.replace(year=2020)))
    store.finish(epoch, done(job, SCENES, CLIP.scenes(SCENES)))
    store.register(epoch, [CLIP.video], [job])
    found = store.load_job_metadata(job.job_id)
    assert found.created_at.year == 2020
    assert found.pipeline_results[SCENE].status is JobStatus.COMPLETED
    assert found.pipeline_results[SCENE].annotation_count == 1
    assert found.pipeline_results[PERSON].status is JobStatus.PENDING


def test_a_result_that_another_job_holds_is_linked(store):
    first, second = CLIP.job(SCENES), CLIP.job(SCENES, PERSONS)
    epoch = started(store, first)
    store.finish(epoch, done(first, SCENES, CLIP.scenes(SCENES, [50])))
    store.register(epoch, [], [second])
    assert state(store, second.job_id)[1] == {SCENE: JobStatus.COMPLETED, PERSON: JobStatus.PENDING}
    assert store.annotation_exists(second.job_id, SCENE)
    assert store.load_annotations(second.job_id, SCENE) == store.load_annotations(first.job_id, SCENE)


def test_jobs_that_share_work_end_together(store):
    first, second = CLIP.job(SCENES), CLIP.job(SCENES, PERSONS)
    epoch = started(store, first, second)
    store.finish(epoch, done(second, SCENES, CLIP.scenes(SCENES)))
    assert state(store, first.job_id) == (JobStatus.COMPLETED, {SCENE: JobStatus.COMPLETED})
    assert state(store, second.job_id)[1][SCENE] is JobStatus.COMPLETED


# Chunks.


def test_committed_chunks_are_in_the_manifest_with_their_rows_and_numbers(store):
    epoch = started(store, CLIP.job(PERSONS))
    commits = CLIP.commits(PERSONS)
    assert store.commit_chunks(epoch, commits[:1]) == {PERSONS: 25}
    assert store.commit_chunks(epoch, commits[1:]) == {PERSONS: 100}
    assert store.manifest([PERSONS, SCENES]) == {PERSONS: [commit.line for commit in commits], SCENES: []}
    assert store.annotations(PERSONS) == sorted(
        CLIP.boxes(PERSONS, 0, 100), key=lambda row: (row.frame_number, row.annotation_id)
    )
    assert store.completed([PERSONS]) == set()


def test_committing_a_chunk_again_changes_nothing(store):
    epoch = started(store, CLIP.job(PERSONS))
    store.commit_chunks(epoch, CLIP.commits(PERSONS))
    before, manifest = digest(store), store.manifest([PERSONS])
    assert store.commit_chunks(epoch, CLIP.commits(PERSONS)[1:3]) == {PERSONS: 100}
    assert (digest(store), store.manifest([PERSONS])) == (before, manifest)


def test_a_chunk_replaces_those_it_overlaps(store):
    epoch = started(store, CLIP.job(PERSONS))
    store.commit_chunks(epoch, CLIP.commits(PERSONS))
    wide = CLIP.commit(PERSONS, 25, 50, rows=CLIP.boxes(PERSONS, 30, 1), attempt=2)
    assert store.commit_chunks(epoch, [wide]) == {PERSONS: 100}
    assert [(line.first_frame, line.frame_count) for line in store.manifest([PERSONS])[PERSONS]] == [
        (0, 25),
        (25, 50),
        (75, 25),
    ]
    frames = [row.frame_number for row in store.annotations(PERSONS)]
    assert [frame for frame in frames if 25 <= frame < 75] == [30, 30]
    assert len(frames) == 102


def test_a_chunk_without_a_frame_can_be_committed_again(store):
    epoch = started(store, CLIP.job(SCENES))
    for _ in range(2):
        store.commit_chunks(epoch, [CLIP.commit(SCENES, 0, 0)])
    assert len(store.manifest([SCENES])[SCENES]) == 1


def test_lost_frames_are_counted_and_remembered(store):
    epoch = started(store, CLIP.job(SCENES))
    assert store.commit_chunks(epoch, [CLIP.commit(SCENES, 0, lost=(3, 4))]) == {SCENES: 25}
    assert store.manifest([SCENES])[SCENES][0].lost == (3, 4)


def test_rows_outside_the_frames_of_their_chunk_are_refused(store):
    epoch = started(store, CLIP.job(PERSONS))
    with pytest.raises(ValueError, match="frame 80"):
        store.commit_chunks(epoch, [CLIP.commit(PERSONS, 0, rows=CLIP.boxes(PERSONS, 80, 1))])
    assert store.annotations(PERSONS) == []


def test_numbers_are_joined_in_presentation_order(store):
    epoch = started(store, CLIP.job(SCENES))
    store.commit_chunks(epoch, CLIP.commits(SCENES)[::-1])
    numbers = store.numbers(SCENES)
    assert np.array_equal(numbers.frame_numbers, np.arange(100))
    assert np.array_equal(numbers.scene_scores, np.arange(100) / 7.0)
    assert store.numbers(PERSONS).checksum() == FrameNumbers.none().checksum()


# Ends.


def test_finishing_replaces_provisional_rows_and_drops_the_numbers(store):
    job = CLIP.job(PERSONS)
    epoch = started(store, job)
    commits = CLIP.commits(PERSONS)
    store.commit_chunks(epoch, commits)
    rows = [*CLIP.boxes(PERSONS, 0, 10, "person_0001", per_frame=1), CLIP.track(PERSONS, "person_0001")]
    store.finish(epoch, done(job, PERSONS, rows))
    assert store.load_annotations(job.job_id, PERSON) == [row.to_data() for row in rows]
    assert len(store.numbers(PERSONS).frame_numbers) == 0
    assert store.manifest([PERSONS])[PERSONS] == [commit.line for commit in commits]
    result = store.load_job_metadata(job.job_id).pipeline_results[PERSON]
    assert (result.annotation_count, result.processing_time_seconds) == (11, 1.0)
    assert result.digest == canonical_digest(row.to_data() for row in rows)
    assert result.completed_at is not None


def test_a_late_repetition_of_a_chunk_does_not_undo_a_finished_result(store):
    job = CLIP.job(PERSONS)
    epoch = started(store, job)
    store.commit_chunks(epoch, CLIP.commits(PERSONS))
    store.finish(epoch, done(job, PERSONS, CLIP.boxes(PERSONS, 0, 10, "person_0001")))
    before = digest(store)
    assert store.commit_chunks(epoch, CLIP.commits(PERSONS)[:2]) == {PERSONS: 100}
    assert digest(store) == before


def test_a_changed_configuration_replaces_the_old_rows_on_completion(store):
    old_key, new_key = CLIP.key(SCENE, "c1"), CLIP.key(SCENE, "c2")
    old, new = CLIP.job(old_key, PERSONS), CLIP.job(new_key, PERSONS)
    epoch = started(store, old)
    store.finish(epoch, done(old, old_key, CLIP.scenes(old_key, [50])))
    store.finish(epoch, done(old, PERSONS, CLIP.boxes(PERSONS, 0, 2)))
    store.register(epoch, [CLIP.video], [new])
    store.commit_chunks(epoch, CLIP.commits(new_key, job=new))
    assert len(store.annotations(old_key)) == 2
    store.finish(epoch, done(new, new_key, CLIP.scenes(new_key)))
    assert store.annotations(old_key) == []
    assert store.completed([old_key, new_key, PERSONS]) == {new_key, PERSONS}
    assert state(store, new.job_id) == (
        JobStatus.COMPLETED,
        {SCENE: JobStatus.COMPLETED, PERSON: JobStatus.COMPLETED},
    )
    assert state(store, old.job_id) == (JobStatus.COMPLETED, {PERSON: JobStatus.COMPLETED})


def test_a_job_of_which_nothing_is_left_goes_and_leaves_no_orphans(store):
    old_key, new_key = CLIP.key(SCENE, "c1"), CLIP.key(SCENE, "c2")
    old, new = CLIP.job(old_key), CLIP.job(new_key)
    epoch = started(store, old, new)
    store.finish(epoch, done(old, old_key, CLIP.scenes(old_key, [50])))
    store.register(epoch, [], [new])
    store.finish(epoch, done(new, new_key, CLIP.scenes(new_key)))
    assert [job.job_id for job in store.jobs()] == [new.job_id]
    rows = list(store.canonical_rows())
    assert {row["annotation"]["config_hash"] for row in rows if "annotation" in row} == {"c2"}


def test_runs_are_kept_when_asked_for(store):
    keys = [CLIP.key(SCENE, name) for name in ("c1", "c2", "c3")]
    epoch = started(store, *(CLIP.job(key) for key in keys))
    for number, key in enumerate(keys, start=1):
        store.finish(
            epoch, done(CLIP.job(key), key, CLIP.scenes(key, range(10, 10 * number, 10)), keep_runs=True)
        )
    assert store.completed(keys) == set(keys)
    assert [len(store.load_annotations(CLIP.job(key).job_id, SCENE)) for key in keys] == [1, 1 + 1, 1 + 2]
    assert len(list(store.jobs(status=JobStatus.COMPLETED))) == 3


def test_complete_results_that_nobody_gave_up_stay_and_unfinished_ones_go(store):
    keys = [CLIP.key(SCENE, name) for name in ("c1", "c2", "c3")]
    complete, unfinished, new = keys
    epoch = started(store, *(CLIP.job(key) for key in keys))
    store.finish(epoch, done(CLIP.job(complete), complete, CLIP.scenes(complete, [40])))
    store.register(epoch, [], [CLIP.job(unfinished), CLIP.job(new)])
    store.commit_chunks(epoch, CLIP.commits(unfinished, job=CLIP.job(unfinished))[:2])
    store.finish(epoch, replace(done(CLIP.job(new), new, CLIP.scenes(new)), keep_complete=True))
    assert store.completed_of([CLIP.video_id, "unknown"]) == {complete, new}
    assert [len(store.load_annotations(CLIP.job(key).job_id, SCENE)) for key in (complete, new)] == [2, 1]
    assert {job.job_id for job in store.jobs_of([CLIP.video_id, "unknown"])} == {
        CLIP.job(complete).job_id,
        CLIP.job(new).job_id,
    }
    assert store.manifest([unfinished]) == {unfinished: []}


def test_a_failed_pipeline_keeps_its_rows_and_what_worked_is_kept(store):
    job = CLIP.job(SCENES, PERSONS)
    epoch = started(store, job)
    store.commit_chunks(epoch, CLIP.commits(PERSONS, job=job)[:2])
    store.finish(epoch, done(job, SCENES, CLIP.scenes(SCENES)))
    store.finish(epoch, broken(job, PERSONS))
    found = store.load_job_metadata(job.job_id)
    assert found.status is JobStatus.FAILED
    assert found.error_message == f"{PERSON}: 7 of 100 frames are missing"
    assert found.failure_kind == "truncated"
    assert found.pipeline_results[PERSON].annotation_count == 100
    assert len(store.load_annotations(job.job_id, PERSON)) == 100
    assert not store.annotation_exists(job.job_id, PERSON)
    assert store.annotation_exists(job.job_id, SCENE)


def test_a_failed_pipeline_keeps_its_numbers_so_that_a_retry_does_only_what_is_missing(store):
    job = CLIP.job(PERSONS)
    epoch = started(store, job)
    commits = CLIP.commits(PERSONS)
    store.commit_chunks(epoch, commits[:3])
    store.finish(epoch, broken(job, PERSONS, CLIP.boxes(PERSONS, 0, 75, "person_0001")))
    assert {row.person_id for row in store.annotations(PERSONS)} == {"person_0001"}
    assert len(store.manifest([PERSONS])[PERSONS]) == 3
    assert store.commit_chunks(epoch, commits[3:]) == {PERSONS: 100}
    assert len(store.annotations(PERSONS)) == 200
    assert store.lease(epoch, [PERSONS]) == {PERSONS}
    assert len(store.numbers(PERSONS).frame_numbers) == 100
    store.finish(epoch, done(job, PERSONS, CLIP.boxes(PERSONS, 0, 100, "person_0002")))
    assert {row.person_id for row in store.annotations(PERSONS)} == {"person_0002"}
    assert state(store, job.job_id)[0] is JobStatus.COMPLETED


def test_a_failed_job_that_is_tried_again_is_retrying_and_counted(store):
    job = CLIP.job(SCENES)
    epoch = started(store, job)
    store.mark(epoch, job.job_id, [SCENE], JobStatus.RUNNING)
    assert state(store, job.job_id) == (JobStatus.RUNNING, {SCENE: JobStatus.RUNNING})
    assert store.load_job_metadata(job.job_id).retry_count == 0
    store.finish(epoch, broken(job, SCENES))
    store.register(store.open_run(RUN), [CLIP.video], [job])
    store.mark(epoch + 1, job.job_id, [SCENE], JobStatus.RUNNING)
    assert state(store, job.job_id) == (JobStatus.RETRYING, {SCENE: JobStatus.RUNNING})
    assert store.load_job_metadata(job.job_id).retry_count == 1
    store.finish(epoch + 1, done(job, SCENES, CLIP.scenes(SCENES)))
    found = store.load_job_metadata(job.job_id)
    assert (found.status, found.error_message, found.failure_kind, found.retry_count) == (
        JobStatus.COMPLETED,
        None,
        None,
        1,
    )


def test_one_pipeline_that_fails_while_another_is_in_work_is_no_retry(store):
    job = CLIP.job(SCENES, PERSONS)
    epoch = started(store, job)
    store.mark(epoch, job.job_id, [SCENE, PERSON], JobStatus.RUNNING)
    store.finish(epoch, broken(job, SCENES))
    store.mark(epoch, job.job_id, [PERSON], JobStatus.RUNNING)
    found = store.load_job_metadata(job.job_id)
    assert (found.status, found.retry_count) == (JobStatus.RUNNING, 0)
    store.finish(epoch, done(job, PERSONS))
    assert store.load_job_metadata(job.job_id).status is JobStatus.FAILED


def test_complete_pipelines_are_not_marked(store):
    job = CLIP.job(SCENES, PERSONS)
    epoch = started(store, job)
    store.finish(epoch, done(job, SCENES))
    store.mark(epoch, job.job_id, [SCENE, PERSON], JobStatus.RUNNING)
    assert state(store, job.job_id) == (
        JobStatus.RUNNING,
        {SCENE: JobStatus.COMPLETED, PERSON: JobStatus.RUNNING},
    )
    store.mark(epoch, job.job_id, [SCENE, PERSON], JobStatus.PENDING)
    assert state(store, job.job_id) == (
        JobStatus.PENDING,
        {SCENE: JobStatus.COMPLETED, PERSON: JobStatus.PENDING},
    )


# Amounts, order, equality.


def test_thousands_of_records_of_six_jobs_through_one_writer_lose_nothing(store):
    clips = [Clip(f"/clips/{name}.mp4", name, frames=2000) for name in "abcdef"]
    epoch = store.open_run(RUN)
    store.register(epoch, [clip.video for clip in clips], [clip.job(clip.key(PERSON)) for clip in clips])
    commits = [commit for clip in clips for commit in clip.commits(clip.key(PERSON), 400)]
    random.Random(7).shuffle(commits)
    for commit in commits:
        store.commit_chunks(epoch, [commit])
    assert [len(store.load_annotations(clip.job(clip.key(PERSON)).job_id, PERSON)) for clip in clips] == [
        4000
    ] * 6


def test_thousands_of_keys_are_asked_for_at_once(store):
    clips = [Clip(f"/clips/{number}.mp4", format(number % 16, "x"), frames=25) for number in range(1200)]
    epoch = store.open_run(RUN)
    store.register(epoch, [], [clip.job() for clip in clips])
    store.commit_chunks(epoch, [clip.commit(clip.key(), 0) for clip in clips[:3]])
    for clip in clips[:5]:
        store.finish(epoch, done(clip.job(), clip.key()))
    keys = [clip.key() for clip in clips]
    begun = time.perf_counter()
    assert store.completed(keys) == set(keys[:5])
    assert sum(len(lines) for lines in store.manifest(keys).values()) == 3
    assert time.perf_counter() - begun < 5


def filled(folder: Path, backend: str, size: int, order: random.Random) -> str:
    """The digest of a store after the same results, cut and ordered in some way."""
    store = open_store(STORES[backend](folder / backend))
    job = CLIP.job(SCENES, PERSONS)
    epoch = started(store, job)
    commits = [*CLIP.commits(SCENES, size, job), *CLIP.commits(PERSONS, size, job)]
    order.shuffle(commits)
    for at in range(0, len(commits), 3):
        store.commit_chunks(epoch, commits[at : at + 3])
    ends = [done(job, SCENES, CLIP.scenes(SCENES, [33])), done(job, PERSONS, None)]
    order.shuffle(ends)
    for end in ends:
        store.finish(epoch, end)
    answer = digest(store)
    store.close()
    return answer


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.sampled_from([100, 40, 17]), seed=st.integers(0, 1000))
def test_the_same_results_give_the_same_digest_in_every_store_in_any_order(tmp_path_factory, size, seed):
    digests = {
        filled(tmp_path_factory.mktemp("order"), backend, size, random.Random(seed)) for backend in STORES
    }
    digests.add(filled(tmp_path_factory.mktemp("plain"), "sqlite", 25, random.Random(0)))
    assert len(digests) == 1


def test_what_a_store_returns_can_travel(store):
    job = CLIP.job(SCENES)
    epoch = started(store, job)
    store.commit_chunks(epoch, CLIP.commits(SCENES))
    store.finish(epoch, broken(job, SCENES))
    values = (
        list(store.jobs()),
        store.manifest([SCENES]),
        store.batches(),
        store.known_videos([CLIP.name]),
        store.numbers(SCENES),
    )
    again = pickle.loads(pickle.dumps(values))
    assert again[:4] == values[:4]
    assert again[4].checksum() == values[4].checksum()


# Readers, crashes, full disks, addresses.


def test_a_reader_sees_what_is_committed_while_the_writer_goes_on(store, url):
    epoch = started(store, CLIP.job(PERSONS))
    reader = open_store(url, read_only=True)
    for at, commit in enumerate(CLIP.commits(PERSONS), start=1):
        store.commit_chunks(epoch, [commit])
        assert len(reader.manifest([PERSONS])[PERSONS]) == at
    with pytest.raises(StoreUnreachable):
        reader.open_run(RUN)
    reader.close()


def test_reading_a_store_that_is_not_there_creates_nothing(url, tmp_path):
    if url.startswith("postgresql:"):
        url = postgres.fresh_database()  # the fixture's has its tables already
    with pytest.raises(NotFound, match="store not found"):
        open_store(url, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_store_can_be_closed_and_opened_again(url):
    store = open_store(url)
    job = CLIP.job(PERSONS)
    epoch = started(store, job)
    store.commit_chunks(epoch, CLIP.commits(PERSONS))
    before = digest(store)
    store.close()
    again = open_store(url)
    assert digest(again) == before
    assert again.open_run(RUN) == epoch + 1
    again.close()


WRITER = """
import sys
from actors.stores import open_store
from schemas.pipelines import PERSON
from tests.support.stores.fake_videos import Clip, RUN
clip = Clip(frames=100_000)
key = clip.key(PERSON)
store = open_store(sys.argv[1])
epoch = store.open_run(RUN)
store.register(epoch, [clip.video], [clip.job(key)])
for first in range(0, clip.frames, 50):
    store.commit_chunks(epoch, [clip.commit(key, first, 50)])
"""


@pytest.mark.parametrize(
    "lines", [pytest.param(1, marks=pytest.mark.long), 4, pytest.param(9, marks=pytest.mark.long)]
)
def test_a_writer_killed_in_the_middle_leaves_whole_chunks_only(url, lines):
    clip = Clip(frames=100_000)
    key = clip.key(PERSON)
    open_store(url).close()
    reader = open_store(url, read_only=True)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], cwd=Path(__file__).parents[3])
    deadline = time.monotonic() + 60
    while len(reader.manifest([key])[key]) < lines and time.monotonic() < deadline:
        time.sleep(0.003)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    store = open_store(url)
    manifest = store.manifest([key])[key]
    assert len(manifest) >= lines
    frames = [
        frame
        for line in manifest
        for frame in range(line.first_frame, line.first_frame + line.frame_count)
        for _ in range(2)
    ]
    assert [row.frame_number for row in store.annotations(key)] == frames
    assert len(store.numbers(key).frame_numbers) == len(frames) // 2
    epoch, committed = store.open_run(RUN), len(frames) // 2
    assert store.commit_chunks(epoch, [clip.commit(key, committed, 50)]) == {key: committed + 50}
    store.close()
    reader.close()


@pytest.mark.parametrize("backend", LOCAL)
def test_a_full_disk_refuses_the_chunk_and_keeps_what_was_committed(tmp_path, backend):
    store = open_store(STORES[backend](tmp_path / "store"))
    job = CLIP.job(PERSONS)
    epoch = started(store, job)
    small, large = (
        CLIP.commit(PERSONS, 0),
        CLIP.commit(PERSONS, 25, rows=CLIP.boxes(PERSONS, 25, 25, per_frame=40)),
    )
    store.commit_chunks(epoch, [small])
    before = digest(store)
    largest = max(path.stat().st_size for path in (tmp_path / "store").rglob("*"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (largest + 50_000, limits[1])
    )  # the kernel refuses larger files, as a full disk would
    try:
        with pytest.raises(DiskFull, match="free some space, then run the same command again"):
            store.commit_chunks(epoch, [large])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert digest(store) == before
    assert store.commit_chunks(epoch, [large]) == {PERSONS: 50}


@pytest.mark.parametrize("address", ["nonsense", "mysql://host/db", "sqlite://", "files:", "sqlite:file.db"])
def test_an_address_of_another_form_is_refused_with_the_forms_there_are(address):
    with pytest.raises(
        StoreUnreachable, match="a store is files:DIR, sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    ):
        open_store(address)


@pytest.mark.parametrize("backend", LOCAL)
def test_a_place_that_is_no_folder_is_refused_with_cause_and_cure(tmp_path, backend):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(StoreUnreachable) as refusal:
        open_store(STORES[backend](tmp_path / "taken"))
    assert str(tmp_path / "taken") in str(refusal.value)


# Text.

HOSTILE = "it said \0 and \udce9 and \ud800, token=geheim"
KEPT = "it said \ufffd and \ufffd and \ufffd, token=***"


def test_what_failed_keeps_its_words_without_secrets_and_without_what_no_store_can_hold(store):
    """So that the message of an error, or the last words of a process, never refuse to be stored."""
    unread, job = (
        replace(CLIP.job(SCENES, status=JobStatus.FAILED), error_message=HOSTILE),
        CLIP.job(SCENES, PERSONS),
    )
    epoch = started(store, job)
    store.register(epoch, [], [replace(unread, job_id=str(uuid.UUID(int=1)))])
    assert store.load_job_metadata(str(uuid.UUID(int=1))).error_message == KEPT
    store.record(
        epoch, [Attempt("c", CLIP.video_id, 1, AttemptState.FAILED, error_message=HOSTILE, traceback=HOSTILE)]
    )
    store.finish(epoch, replace(broken(job, SCENES), error_message=HOSTILE, traceback=HOSTILE))
    store.finish(epoch, replace(done(job, PERSONS), warning=HOSTILE))
    found = store.load_job_metadata(job.job_id)
    assert (found.pipeline_results[SCENE].error_message, found.pipeline_results[PERSON].warning) == (
        KEPT,
        KEPT,
    )
    assert KEPT in (found.error_message or "")
    (one,) = store.attempts([CLIP.video_id])
    assert (one.error_message, one.traceback) == (KEPT, KEPT)
    assert KEPT in {event.detail for event in store.events(job.job_id)}


def test_a_path_that_no_store_can_hold_is_not_known_and_does_not_keep_a_run_from_beginning(store):
    path = os.fsdecode(b"/clips/caf\xe9.mp4")
    store.open_run(replace(RUN, inputs=(path,)))
    assert store.batches()[0].inputs == ("/clips/caf\ufffd.mp4",)
    assert store.known_videos([path]) == {}


def test_a_video_under_a_path_that_is_no_text_is_refused_in_one_line_and_leaves_nothing(url, store):
    epoch, job = store.open_run(RUN), replace(CLIP.job(SCENES), video_path=Path("/clips/\ud800.mp4"))
    with pytest.raises(Unstorable, match="cannot hold this: text with a lone surrogate"):
        store.register(epoch, [], [job])
    assert list(store.jobs()) == []
