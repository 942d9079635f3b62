"""What people ask of jobs from beside their runs, and what a job's log tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.errors import LeaseLost, NotFound, StaleEpoch
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.attempt import CANCELLED, POISONED, QUARANTINED, Attempt, AttemptState
from schemas.work.job import BatchJob, JobStatus
from schemas.work.job_event import Control
from tests.contract.conftest import STORES, digest
from tests.support.stores.fake_videos import RUN, Clip, broken, done
from tests.support.suite.clock import Clock, clock

__all__ = ["clock"]
CLIP, OTHER = Clip(), Clip("/clips/pond.mp4", "b")
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
KEYS = [SCENES, PERSONS]
JOB, BESIDE = CLIP.job(SCENES, PERSONS), CLIP.job(SCENES)
LEASED = Attempt("garden[0,1)", CLIP.video_id, 2, AttemptState.LEASED, "host:7")
LOST = replace(LEASED, number=1, state=AttemptState.LOST)
POISON = Outcome(
    PERSONS, JOB.job_id, JobStatus.FAILED, error_message="three workers died of it", failure_kind=POISONED
)


def begun(store: StorageBackend, *jobs: BatchJob) -> int:
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], jobs or (JOB,))
    return epoch


def states(store: StorageBackend, job: BatchJob = JOB) -> tuple[JobStatus, JobStatus, JobStatus]:
    """The job, its scenes, its persons."""
    found = store.load_job_metadata(job.job_id)
    return found.status, found.pipeline_results[SCENE].status, found.pipeline_results[PERSON].status


def told(store: StorageBackend, job: BatchJob = JOB) -> list[tuple[str, str | None, str | None]]:
    return [(event.name, event.pipeline, event.message) for event in store.events(job.job_id)]


# Pause and cancel are asked for.


def test_what_is_asked_of_jobs_is_seen_by_whoever_looks(store: StorageBackend, url: str) -> None:
    other = OTHER.job()
    begun(store, JOB, other)
    assert store.controls() == {}
    store.request([JOB.job_id], Control.PAUSE)
    store.request([other.job_id], Control.CANCEL)
    reader = open_store(url, read_only=True)
    assert reader.controls() == {JOB.job_id: Control.PAUSE, other.job_id: Control.CANCEL}
    assert reader.load_job_metadata(JOB.job_id).control is Control.PAUSE
    reader.close()
    store.request([JOB.job_id, other.job_id], None)
    assert store.controls() == {}
    assert store.load_job_metadata(JOB.job_id).control is None


def test_nothing_is_asked_of_a_job_that_is_not_there(store: StorageBackend) -> None:
    begun(store)
    for ask in (
        lambda: store.request([JOB.job_id, "nobody"], Control.PAUSE),
        lambda: store.cancel(None, "nobody"),
        lambda: store.reopen([JOB.job_id, "nobody"]),
        lambda: store.events("nobody"),
    ):
        with pytest.raises(NotFound, match="nobody"):
            ask()
    assert store.controls() == {}


def test_what_is_asked_outlives_what_the_run_says_of_the_job(store: StorageBackend) -> None:
    epoch = begun(store)
    store.request([JOB.job_id], Control.PAUSE)
    store.mark(epoch, JOB.job_id, [SCENE, PERSON], JobStatus.RUNNING)
    store.finish(epoch, done(JOB, SCENES))
    store.register(epoch, [], [JOB])
    assert store.controls() == {JOB.job_id: Control.PAUSE}
    assert states(store) == (JobStatus.PENDING, JobStatus.COMPLETED, JobStatus.PENDING)


def test_a_job_that_goes_takes_what_was_asked_of_it_along(store: StorageBackend) -> None:
    old, key = CLIP.job(SCENES), CLIP.key(SCENE, "c2")
    epoch = begun(store, old)
    store.request([old.job_id], Control.PAUSE)
    store.register(epoch, [], [CLIP.job(key)])
    store.finish(epoch, done(CLIP.job(key), key))
    assert store.controls() == {}
    with pytest.raises(NotFound):
        store.events(old.job_id)


def test_the_digest_does_not_cover_what_is_asked(store: StorageBackend) -> None:
    begun(store)
    before = digest(store)
    store.request([JOB.job_id], Control.PAUSE)
    assert digest(store) == before


# A job is called off.


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_job_that_is_called_off_keeps_what_it_has_and_takes_no_more(
    store: StorageBackend, by_hand: bool
) -> None:
    epoch = begun(store)
    store.finish(epoch, done(JOB, SCENES, CLIP.scenes(SCENES)))
    store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[:2])
    store.record(epoch, [LOST, LEASED])
    store.request([JOB.job_id], Control.CANCEL)
    store.cancel(None if by_hand else epoch, JOB.job_id)
    job = store.load_job_metadata(JOB.job_id)
    assert (job.failure_kind, job.error_message, job.control) == (
        CANCELLED,
        f"{PERSON}: cancelled by request",
        None,
    )
    assert states(store) == (JobStatus.FAILED, JobStatus.COMPLETED, JobStatus.FAILED)
    assert job.pipeline_results[PERSON].error_message == "cancelled by request"
    assert job.completed_at is not None
    assert len(store.manifest([PERSONS])[PERSONS]) == 2
    assert len(store.annotations(PERSONS)) == 100
    assert store.attempts([CLIP.video_id]) == [LOST]
    before = digest(store)
    for write in (
        lambda: store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)),
        lambda: store.finish(epoch, done(JOB, PERSONS)),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert digest(store) == before
    assert store.lease(epoch, KEYS) == set()


def test_calling_off_again_or_too_late_changes_nothing(store: StorageBackend) -> None:
    epoch = begun(store)
    store.finish(epoch, done(JOB, SCENES))
    store.finish(epoch, broken(JOB, PERSONS))
    store.request([JOB.job_id], Control.CANCEL)
    before = digest(store)
    store.cancel(epoch, JOB.job_id)
    assert digest(store) == before
    assert store.controls() == {}
    assert "cancelled" not in [name for name, *_ in told(store)]


def test_jobs_that_share_work_are_called_off_together_and_keep_the_rest(store: StorageBackend) -> None:
    begun(store, JOB, BESIDE)
    store.cancel(None, BESIDE.job_id)
    assert states(store) == (JobStatus.PENDING, JobStatus.FAILED, JobStatus.PENDING)
    assert store.load_job_metadata(BESIDE.job_id).status is JobStatus.FAILED
    assert ("cancelled", None, "cancelled by request") in told(store)


def test_a_run_that_has_ended_calls_nothing_off(store: StorageBackend) -> None:
    epoch = begun(store)
    store.close_run(epoch, "stopped")
    with pytest.raises(StaleEpoch):
        store.cancel(epoch, JOB.job_id)
    assert states(store)[0] is JobStatus.PENDING


# A job is asked for again.


def test_what_failed_in_whatever_way_is_pending_once_it_is_asked_for_again(store: StorageBackend) -> None:
    epoch = begun(store)
    store.record(epoch, [LOST, LEASED])
    store.finish(epoch, broken(JOB, SCENES))
    store.finish(epoch, POISON)
    store.request([JOB.job_id], Control.PAUSE)
    assert store.reopen([JOB.job_id]) == 2
    job = store.load_job_metadata(JOB.job_id)
    assert states(store) == (JobStatus.PENDING,) * 3
    assert (job.retry_count, job.control, job.error_message, job.failure_kind, job.completed_at) == (
        1,
        None,
        None,
        None,
        None,
    )
    assert {result.error_message for result in job.pipeline_results.values()} == {None}
    assert store.attempts([CLIP.video_id]) == []
    assert store.lease(epoch, KEYS) == set(KEYS)
    assert store.reopen([JOB.job_id]) == 0
    assert store.load_job_metadata(JOB.job_id).retry_count == 1


def test_a_cancelled_job_goes_on_from_what_it_has_once_it_is_asked_for_again(store: StorageBackend) -> None:
    epoch = begun(store)
    store.finish(epoch, done(JOB, SCENES))
    store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[:2])
    store.cancel(None, JOB.job_id)
    assert store.reopen([JOB.job_id]) == 1
    assert states(store) == (JobStatus.PENDING, JobStatus.COMPLETED, JobStatus.PENDING)
    store.register(epoch, [], [JOB])
    assert store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[2:]) == {PERSONS: 100}
    store.finish(epoch, done(JOB, PERSONS))
    assert states(store)[0] is JobStatus.COMPLETED


def test_only_the_pipelines_that_are_named_are_asked_for_again(store: StorageBackend) -> None:
    epoch = begun(store)
    store.finish(epoch, broken(JOB, SCENES))
    store.finish(epoch, POISON)
    assert store.reopen([JOB.job_id], [PERSON]) == 1
    assert states(store) == (JobStatus.PENDING, JobStatus.FAILED, JobStatus.PENDING)
    assert store.load_job_metadata(JOB.job_id).error_message == f"{SCENE}: 7 of 100 frames are missing"


def test_asking_a_job_again_that_has_nothing_failed_only_takes_back_what_was_asked_of_it(
    store: StorageBackend,
) -> None:
    epoch = begun(store)
    store.record(epoch, [LEASED])
    store.request([JOB.job_id], Control.PAUSE)
    before = digest(store)
    assert store.reopen([JOB.job_id]) == 0
    assert (digest(store), store.controls(), store.load_job_metadata(JOB.job_id).retry_count) == (
        before,
        {},
        0,
    )
    assert store.attempts([CLIP.video_id]) == [LEASED], "a run is at work on it"


def test_jobs_that_share_work_are_tried_again_together(store: StorageBackend) -> None:
    epoch = begun(store, JOB, BESIDE)
    store.finish(epoch, replace(POISON, key=SCENES))
    assert store.reopen([BESIDE.job_id]) == 1
    assert states(store) == (JobStatus.PENDING,) * 3
    assert store.load_job_metadata(JOB.job_id).retry_count == 0
    assert store.lease(epoch, KEYS) == set(KEYS)


# What failed is put into quarantine.


def test_what_is_put_into_quarantine_keeps_its_message_and_is_not_tried_until_it_is_released(
    store: StorageBackend,
) -> None:
    epoch = begun(store)
    store.finish(epoch, broken(JOB, SCENES))
    store.finish(epoch, POISON)
    assert store.quarantine([JOB.job_id]) == 1, "what is poisoned is there already"
    job = store.load_job_metadata(JOB.job_id)
    assert [job.pipeline_results[name].failure_kind for name in (SCENE, PERSON)] == [QUARANTINED, POISONED]
    assert job.pipeline_results[SCENE].error_message == "7 of 100 frames are missing"
    assert told(store)[-1] == ("quarantine", SCENE, "it had failed as truncated")
    store.close_run(epoch, "failed")
    later = begun(store)
    assert states(store) == (JobStatus.FAILED,) * 3
    assert store.lease(later, KEYS) == set()
    assert store.quarantine([JOB.job_id]) == 0
    assert store.reopen([JOB.job_id], [SCENE]) == 1
    assert store.lease(later, KEYS) == {SCENES}


def test_only_what_failed_and_is_named_is_put_into_quarantine_with_the_jobs_that_share_it(
    store: StorageBackend,
) -> None:
    epoch = begun(store, JOB, BESIDE)
    assert store.quarantine([JOB.job_id]) == 0
    store.finish(epoch, broken(JOB, SCENES))
    before = digest(store)
    assert store.quarantine([JOB.job_id], [PERSON]) == 0
    assert digest(store) == before
    assert store.quarantine([BESIDE.job_id], [SCENE]) == 1
    assert states(store)[1:] == (JobStatus.FAILED, JobStatus.PENDING)
    for job_id in (JOB.job_id, BESIDE.job_id):
        assert store.load_job_metadata(job_id).pipeline_results[SCENE].failure_kind == QUARANTINED
    with pytest.raises(NotFound, match="nobody"):
        store.quarantine(["nobody"])


def test_both_kinds_of_store_answer_alike(tmp_path: Path) -> None:
    digests = set()
    for name, address in STORES.items():
        store = open_store(address(tmp_path / name))
        epoch = begun(store, JOB, BESIDE, OTHER.job())
        store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[:2])
        store.finish(epoch, POISON)
        store.cancel(None, OTHER.job().job_id)
        store.quarantine([OTHER.job().job_id])
        store.reopen([JOB.job_id])
        store.cancel(epoch, BESIDE.job_id)
        digests.add(digest(store))
        store.close()
    assert len(digests) == 1


# Logs.


def test_a_log_tells_everything_that_happened_to_a_job_in_order(store: StorageBackend, clock: Clock) -> None:
    epoch = begun(store)
    clock.forward(10)
    store.record(epoch, [replace(LOST, heartbeat_at=clock()), LEASED])
    clock.forward(10)
    store.finish(epoch, done(JOB, SCENES, CLIP.scenes(SCENES, [50])))
    store.finish(epoch, replace(broken(JOB, PERSONS), traceback="Traceback\n  in held"))
    store.record(
        epoch,
        [
            replace(
                LEASED,
                state=AttemptState.KILLED,
                heartbeat_at=clock(),
                error_message="signal 9",
                traceback="tail",
            )
        ],
    )
    clock.forward(10)
    store.request([JOB.job_id], Control.PAUSE)
    store.request([JOB.job_id], Control.PAUSE)
    store.request([JOB.job_id], None)
    store.reopen([JOB.job_id])
    store.request([JOB.job_id], Control.CANCEL)
    store.cancel(epoch, JOB.job_id)
    assert told(store) == [
        ("registered", None, "run 1"),
        ("completed", SCENE, "2 annotations"),
        ("failed", PERSON, "7 of 100 frames are missing"),
        ("pause", None, "asked for"),
        ("resume", None, "pause no longer asked for"),
        ("retry", None, PERSON),
        ("cancel", None, "asked for"),
        ("cancelled", None, "cancelled by request"),
    ], "tries are forgotten with the retry"
    assert [event.at.second for event in store.events(JOB.job_id)] == [7, 27, 27, *[37] * 5]
    assert store.events(JOB.job_id)[2].detail == "Traceback\n  in held"


def test_a_log_tells_how_tries_of_the_videos_chunks_ended(store: StorageBackend, clock: Clock) -> None:
    epoch = begun(store)
    clock.forward(10)
    killed = replace(
        LOST,
        number=2,
        state=AttemptState.KILLED,
        heartbeat_at=clock(),
        error_message="signal 9",
        traceback="tail",
    )
    foreign = replace(killed, number=4, pipeline="face_analysis")
    store.record(epoch, [replace(LOST, started_at=clock()), killed, replace(LEASED, number=3), foreign])
    clock.forward(10)
    store.finish(epoch, done(JOB, SCENES))
    assert told(store) == [
        ("registered", None, "run 1"),
        ("attempt", None, "try 1 of garden[0,1) lost"),
        ("attempt", None, "try 2 of garden[0,1) killed: signal 9"),
        ("completed", SCENE, "0 annotations"),
    ]
    assert store.events(JOB.job_id)[2].detail == "tail"


def test_a_job_is_noted_once_by_each_run_that_takes_it_up(store: StorageBackend) -> None:
    epoch = begun(store)
    store.register(epoch, [], [JOB])
    begun(store)
    assert told(store) == [("registered", None, "run 1"), ("registered", None, "run 2")]
    for key in KEYS:
        store.finish(2, done(JOB, key))
    before = told(store)
    begun(store)
    assert told(store) == before, "there was nothing to take up"


def test_jobs_that_share_work_both_tell_of_its_end(store: StorageBackend) -> None:
    epoch = begun(store, JOB, BESIDE)
    store.finish(epoch, done(JOB, SCENES))
    assert told(store)[-1] == told(store, BESIDE)[-1] == ("completed", SCENE, "0 annotations")


def test_logs_hold_no_secrets(store: StorageBackend, tmp_path: Path) -> None:
    epoch = begun(store)
    failure = replace(
        broken(JOB, SCENES), error_message="cannot read s3://ann:geheim@bucket", traceback="token=geheim"
    )
    store.finish(epoch, failure)
    event = store.events(JOB.job_id)[-1]
    assert (event.message, event.detail) == ("cannot read s3://ann:***@bucket", "token=***")


def test_the_digest_does_not_cover_logs(store: StorageBackend) -> None:
    epoch = begun(store)
    before = digest(store)
    store.close_run(epoch, "stopped")
    begun(store)
    assert len(told(store)) == 2
    assert digest(store) == before


# Jobs by id.


def test_jobs_are_found_by_their_ids_however_many(store: StorageBackend) -> None:
    clips = [Clip(f"/clips/{number}.mp4", format(number % 16, "x"), frames=25) for number in range(1200)]
    epoch = store.open_run(RUN)
    made = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)  # all at once, so that their order is that of their ids
    store.register(epoch, [], [replace(clip.job(), created_at=made) for clip in clips])
    store.finish(epoch, done(clips[7].job(), clips[7].key()))
    ids = [clip.job().job_id for clip in clips]
    assert [job.job_id for job in store.jobs(job_ids=[*ids[:1100], ids[0], "nobody"])] == sorted(ids[:1100])
    assert [job.job_id for job in store.jobs(job_ids=ids, status=JobStatus.COMPLETED)] == [ids[7]]
    assert list(store.jobs(job_ids=ids[:5], batch_id="another")) == []
    assert list(store.jobs(job_ids=[])) == []


def test_times_are_in_utc(store: StorageBackend) -> None:
    begun(store)
    assert abs((store.events(JOB.job_id)[0].at - datetime.now(UTC)).total_seconds()) < 60
