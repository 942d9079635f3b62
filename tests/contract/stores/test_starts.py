"""When jobs and their pipelines were started: pending before the first chunk, running from it on, and
never ended before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import PipelineStart
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.job_event import Control
from schemas.work.run import RunInfo
from tests.contract.conftest import digest
from tests.support.stores.fake_videos import RUN, Clip, broken, done
from tests.support.suite.clock import Clock, clock

__all__ = ["clock"]
CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
JOB, BESIDE = CLIP.job(SCENES, PERSONS), CLIP.job(SCENES)
AGAIN = RunInfo("again", "far", 1, {}, ())


def begun(store: StorageBackend, *jobs: BatchJob) -> int:
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], jobs or (JOB,))
    return epoch


def start(store: StorageBackend, epoch: int, clock: Clock, *pipelines: str, job: BatchJob = JOB) -> None:
    store.record(
        epoch, (), None, [PipelineStart(job.job_id, CLIP.video_id, name, clock()) for name in pipelines]
    )


def job(store: StorageBackend, wanted: BatchJob = JOB) -> BatchJob:
    return store.load_job_metadata(wanted.job_id)


def result(store: StorageBackend, key: WorkKey, wanted: BatchJob = JOB) -> PipelineResult:
    return job(store, wanted).pipeline_results[key.pipeline]


def test_a_job_is_pending_until_its_first_chunk_is_begun_and_then_running_since(
    store: StorageBackend, clock: Clock
) -> None:
    epoch = begun(store)
    assert (job(store).status, job(store).started_at) == (JobStatus.PENDING, None)
    clock.forward(10)
    first = clock()
    start(store, epoch, clock, SCENE)
    assert (job(store).status, job(store).started_at) == (JobStatus.RUNNING, first)
    assert (result(store, SCENES).status, result(store, SCENES).started_at) == (JobStatus.RUNNING, first)
    assert (result(store, PERSONS).status, result(store, PERSONS).started_at) == (JobStatus.PENDING, None)
    clock.forward(10)
    start(store, epoch, clock, SCENE, PERSON)
    assert (job(store).started_at, result(store, SCENES).started_at, result(store, PERSONS).started_at) == (
        first,
        first,
        clock(),
    )


def test_what_ends_keeps_its_start_and_never_ends_before_it(store: StorageBackend, clock: Clock) -> None:
    epoch = begun(store)
    start(store, epoch, clock, SCENE, PERSON)
    clock.forward(10)
    store.finish(epoch, done(JOB, SCENES))
    assert (job(store).status, job(store).completed_at) == (JobStatus.RUNNING, None)
    clock.forward(10)
    store.finish(epoch, broken(JOB, PERSONS))
    found = job(store)
    times = [(one.started_at, one.completed_at) for one in (found, *found.pipeline_results.values())]
    assert [(end - began).seconds for began, end in times if began and end] == [20, 20, 10]
    assert {began for began, _ in times} == {clock() - timedelta(seconds=20)}


def test_a_machine_whose_clock_is_ahead_starts_nothing_in_the_future(
    store: StorageBackend, clock: Clock
) -> None:
    epoch = begun(store)
    store.record(
        epoch, (), None, [PipelineStart(JOB.job_id, CLIP.video_id, SCENE, clock() + timedelta(hours=1))]
    )
    store.finish(epoch, done(JOB, SCENES))
    assert (job(store).started_at, result(store, SCENES).started_at) == (clock(), clock())


def test_what_ends_before_anybody_told_of_its_start_started_at_its_end_and_the_rest_waits(
    store: StorageBackend, clock: Clock
) -> None:
    epoch = begun(store)
    store.finish(epoch, done(JOB, SCENES))
    assert (result(store, SCENES).started_at, result(store, SCENES).completed_at) == (clock(), clock())
    assert (job(store).status, job(store).started_at, result(store, PERSONS).status) == (
        JobStatus.RUNNING,
        clock(),
        JobStatus.PENDING,
    )


def test_nobody_knows_when_work_that_was_saved_by_hand_was_started(store: StorageBackend) -> None:
    store.save_job_metadata(BESIDE)
    store.save_annotations(BESIDE.job_id, SCENE, [])
    assert (job(store, BESIDE).started_at, result(store, SCENES, BESIDE).started_at) == (None, None)
    assert job(store, BESIDE).completed_at is not None


@pytest.mark.parametrize(
    "why", ["of another run", "given back", "paused", "ended", "not there", "of another job"]
)
def test_a_start_of_what_the_run_has_no_business_with_changes_nothing(
    store: StorageBackend, clock: Clock, why: str
) -> None:
    epoch = begun(store)
    other = store.open_run(AGAIN)
    if why == "given back":
        store.release(epoch, [SCENES])
    if why == "paused":
        store.request([JOB.job_id], Control.PAUSE)
    if why == "ended":
        store.finish(epoch, done(JOB, SCENES))
    wanted = (
        replace(JOB, job_id="nobody") if why == "not there" else BESIDE if why == "of another job" else JOB
    )
    before = job(store)
    clock.forward(10)
    start(store, other if why == "of another run" else epoch, clock, SCENE, job=wanted)
    assert job(store) == before


def test_a_paused_job_is_pending_at_once_and_runs_again_once_it_is_begun_again(
    store: StorageBackend, clock: Clock
) -> None:
    epoch, first = begun(store), clock()
    start(store, epoch, clock, SCENE, PERSON)
    store.finish(epoch, done(JOB, SCENES))
    store.request([JOB.job_id], Control.PAUSE)
    assert (job(store).status, result(store, PERSONS).status) == (JobStatus.PENDING, JobStatus.PENDING)
    store.request([JOB.job_id], None)
    clock.forward(10)
    start(store, epoch, clock, PERSON)
    assert (job(store).status, job(store).started_at, result(store, PERSONS).started_at) == (
        JobStatus.RUNNING,
        first,
        first,
    )


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_run_that_is_resumed_keeps_the_first_start(store: StorageBackend, clock: Clock, end: str) -> None:
    epoch, first = begun(store), clock()
    start(store, epoch, clock, SCENE, PERSON)
    if end == "stopped":
        store.mark(epoch, JOB.job_id, [SCENE, PERSON], JobStatus.PENDING)
    store.close_run(epoch, end)
    clock.forward(1000)
    again = store.open_run(AGAIN)
    store.register(again, [], [JOB])
    assert (job(store).status, result(store, SCENES).status) == (JobStatus.PENDING, JobStatus.PENDING)
    start(store, again, clock, SCENE)
    assert (job(store).status, job(store).started_at, result(store, SCENES).started_at) == (
        JobStatus.RUNNING,
        first,
        first,
    )


@pytest.mark.parametrize("how", ["by a further run", "by request"])
def test_a_pipeline_that_is_tried_again_after_a_failure_starts_anew(
    store: StorageBackend, clock: Clock, how: str
) -> None:
    epoch, first = begun(store), clock()
    start(store, epoch, clock, SCENE, PERSON)
    store.finish(epoch, done(JOB, SCENES))
    store.finish(epoch, broken(JOB, PERSONS))
    clock.forward(1000)
    if how == "by request":
        store.reopen([JOB.job_id])
    again = store.open_run(AGAIN)
    store.register(again, [], [JOB])
    assert (job(store).started_at, result(store, PERSONS).started_at) == (first, None)
    start(store, again, clock, PERSON)
    assert (job(store).started_at, result(store, SCENES).started_at, result(store, PERSONS).started_at) == (
        first,
        first,
        clock(),
    )
    assert job(store).status in (JobStatus.RUNNING, JobStatus.RETRYING)


def test_a_job_of_which_all_is_done_anew_starts_anew(store: StorageBackend, clock: Clock) -> None:
    epoch = begun(store, BESIDE)
    start(store, epoch, clock, SCENE, job=BESIDE)
    store.finish(epoch, broken(BESIDE, SCENES))
    clock.forward(1000)
    store.register(epoch, [], [BESIDE])
    assert job(store, BESIDE).started_at is None
    start(store, epoch, clock, SCENE, job=BESIDE)
    assert (job(store, BESIDE).started_at, result(store, SCENES, BESIDE).started_at) == (clock(), clock())


def test_what_needs_no_work_keeps_its_times(store: StorageBackend, clock: Clock) -> None:
    epoch, first = begun(store, BESIDE), clock()
    start(store, epoch, clock, SCENE, job=BESIDE)
    clock.forward(10)
    store.finish(epoch, done(BESIDE, SCENES))
    before = job(store, BESIDE)
    clock.forward(1000)
    again = store.open_run(AGAIN)
    store.register(again, [CLIP.video], [replace(BESIDE, status=JobStatus.COMPLETED), JOB])
    assert job(store, BESIDE) == replace(before, batch_id=BESIDE.batch_id)
    assert (before.started_at, before.completed_at) == (first, clock() - timedelta(seconds=1000))
    assert (result(store, SCENES).started_at, job(store).started_at) == (first, None), (
        "linked, and persons are still to do"
    )


def test_a_job_whose_every_result_is_another_jobs_has_their_times(
    store: StorageBackend, clock: Clock
) -> None:
    epoch, first = begun(store), clock()
    start(store, epoch, clock, SCENE, PERSON)
    clock.forward(10)
    store.finish(epoch, done(JOB, SCENES))
    clock.forward(1000)
    store.register(epoch, [], [BESIDE])
    found = job(store, BESIDE)
    assert (found.status, found.started_at, found.completed_at) == (
        JobStatus.COMPLETED,
        first,
        first + timedelta(seconds=10),
    )


def test_jobs_that_share_work_end_with_its_start_and_one_that_nobody_began_still_waits(
    store: StorageBackend, clock: Clock
) -> None:
    epoch = begun(store, BESIDE, JOB)
    start(store, epoch, clock, SCENE, job=BESIDE)
    clock.forward(10)
    store.finish(epoch, done(BESIDE, SCENES))
    assert result(store, SCENES).started_at == clock() - timedelta(seconds=10)
    assert (job(store).status, result(store, PERSONS).status) == (JobStatus.PENDING, JobStatus.PENDING)


def test_the_digest_does_not_cover_starts(store: StorageBackend, clock: Clock) -> None:
    epoch = begun(store, BESIDE)
    store.mark(epoch, BESIDE.job_id, [SCENE], JobStatus.RUNNING)
    before = digest(store)
    store.mark(epoch, BESIDE.job_id, [SCENE], JobStatus.PENDING)
    clock.forward(10)
    start(store, epoch, clock, SCENE, job=BESIDE)
    assert digest(store) == before
