"""Several runs on one store: who holds what, who takes over from whom, and whose late writes are refused."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.errors import LeaseLost
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.attempt import KEPT_FAILED, POISONED
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from schemas.work.job_event import Control
from schemas.work.run import RunInfo
from tests.contract.conftest import digest
from tests.support.stores.fake_videos import RUN, Clip, broken, done
from tests.support.suite.clock import Clock, clock

__all__ = ["clock"]
CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
JOB = CLIP.job(SCENES, PERSONS)
KEYS = [SCENES, PERSONS]
FAR, FARTHER = RunInfo("one", "far", 1, {}, ()), RunInfo("two", "farther", 2, {}, ())


def begun(store: StorageBackend, run: RunInfo = FAR) -> int:
    """A run that holds both pipelines of the clip."""
    epoch = store.open_run(run)
    assert store.register(epoch, [CLIP.video], [JOB]) == set()
    return epoch


def status(store: StorageBackend, pipeline: str) -> JobStatus:
    return store.load_job_metadata(JOB.job_id).pipeline_results[pipeline].status


def failed(key: WorkKey, kind: str) -> Outcome:
    return Outcome(
        key, JOB.job_id, JobStatus.FAILED, error_message="three workers died of it", failure_kind=kind
    )


def writes(store: StorageBackend, epoch: int, key: WorkKey = PERSONS) -> list[Callable[[], object]]:
    """Every write for which a run has to hold the key."""
    return [
        lambda: store.commit_chunks(epoch, CLIP.commits(key, job=JOB)),
        lambda: store.finish(epoch, done(JOB, key)),
        lambda: store.finish(epoch, broken(JOB, key)),
        lambda: store.mark(epoch, JOB.job_id, [key.pipeline], JobStatus.RUNNING),
        lambda: store.mark(epoch, JOB.job_id, [key.pipeline], JobStatus.PENDING),
    ]


def refused(store: StorageBackend, epoch: int, key: WorkKey = PERSONS) -> None:
    """Each of them is, and none leaves a trace."""
    before = digest(store), store.manifest([key]), list(store.jobs())
    for write in writes(store, epoch, key):
        with pytest.raises(LeaseLost, match=rf"run {epoch} does not hold {key.pipeline} of {key.video_id}"):
            write()
    assert (digest(store), store.manifest([key]), list(store.jobs())) == before


# Who holds what.


def test_two_live_runs_never_hold_the_same_key(store: StorageBackend) -> None:
    one, two = begun(store), store.open_run(FARTHER)
    assert store.register(two, [CLIP.video], [JOB]) == set(KEYS)
    assert store.lease(two, KEYS) == set()
    assert store.lease(one, KEYS) == set(KEYS)
    refused(store, two)


def test_a_run_takes_only_what_the_other_has_left(store: StorageBackend) -> None:
    one, two = store.open_run(FAR), store.open_run(FARTHER)
    store.register(one, [CLIP.video], [CLIP.job(SCENES)])
    assert store.register(two, [CLIP.video], [JOB]) == {SCENES}
    store.commit_chunks(two, CLIP.commits(PERSONS, job=JOB))
    store.commit_chunks(one, CLIP.commits(SCENES))
    refused(store, two, SCENES)


def test_what_another_run_is_at_work_on_keeps_its_state(store: StorageBackend) -> None:
    one, two = begun(store), store.open_run(FARTHER)
    store.mark(one, JOB.job_id, [SCENE, PERSON], JobStatus.RUNNING)
    before = store.load_job_metadata(JOB.job_id)
    store.register(two, [], [replace(JOB, batch_id="two")])
    assert store.load_job_metadata(JOB.job_id) == before
    other = CLIP.job(SCENES)
    store.register(two, [], [other])
    assert store.load_job_metadata(other.job_id).pipeline_results[SCENE].status is JobStatus.RUNNING


def test_a_lease_that_was_given_back_is_free(store: StorageBackend) -> None:
    one, two = begun(store), store.open_run(FARTHER)
    store.release(two, KEYS)
    assert store.lease(two, KEYS) == set(), "one cannot give back what is another's"
    store.release(one, [PERSONS])
    assert store.lease(two, KEYS) == {PERSONS}
    refused(store, one)
    store.commit_chunks(one, CLIP.commits(SCENES, job=JOB))


def test_a_run_that_has_ended_holds_nothing(store: StorageBackend) -> None:
    one, two = begun(store), store.open_run(FARTHER)
    store.close_run(one, "stopped")
    assert store.lease(two, KEYS) == set(KEYS)


def test_ending_a_run_again_changes_nothing(store: StorageBackend) -> None:
    one = begun(store)
    store.close_run(one, "completed")
    ended = store.batches()
    store.close_run(one, "stopped")
    assert store.batches() == ended


def test_a_process_that_begins_its_batch_again_goes_on_with_what_it_held(store: StorageBackend) -> None:
    one = begun(store)
    again = store.open_run(replace(FAR, config={"attempt": 2}))
    store.commit_chunks(again, CLIP.commits(PERSONS, job=JOB))
    newest, before = store.batches()
    assert (newest.epoch, newest.ended_at, before.epoch, before.outcome) == (again, None, one, "stopped")


@pytest.mark.parametrize("end", [done, broken])
def test_an_end_gives_the_lease_back(store: StorageBackend, end: Callable[..., Outcome]) -> None:
    one, two = begun(store), store.open_run(FARTHER)
    store.finish(one, end(JOB, PERSONS))
    assert store.lease(two, KEYS) == ({PERSONS} if end is broken else set())


def test_what_is_complete_is_not_leased(store: StorageBackend) -> None:
    one = begun(store)
    store.finish(one, done(JOB, SCENES))
    assert store.lease(one, KEYS) == {PERSONS}
    assert store.register(one, [], [JOB]) == set()


@pytest.mark.parametrize("kind", sorted(KEPT_FAILED))
def test_what_was_given_up_or_called_off_stays_so_until_it_is_asked_for_again(
    store: StorageBackend, kind: str
) -> None:
    one = begun(store)
    store.finish(one, failed(SCENES, kind))
    store.finish(one, done(JOB, PERSONS))
    store.close_run(one, "failed")
    two, other = store.open_run(FARTHER), CLIP.job(SCENES)
    assert store.register(two, [], [replace(JOB, status=JobStatus.RUNNING), other]) == set()
    assert store.lease(two, KEYS) == set()
    for job_id in (JOB.job_id, other.job_id):
        job = store.load_job_metadata(job_id)
        assert (job.status, job.failure_kind, job.error_message) == (
            JobStatus.FAILED,
            kind,
            f"{SCENE}: three workers died of it",
        )
        assert job.pipeline_results[SCENE].error_message == "three workers died of it"
    before = list(store.jobs())
    store.mark(two, JOB.job_id, [SCENE, PERSON], JobStatus.RUNNING)
    store.mark(None, JOB.job_id, [SCENE], JobStatus.PENDING)
    assert list(store.jobs()) == before
    with pytest.raises(LeaseLost):
        store.commit_chunks(two, CLIP.commits(SCENES, job=JOB))


def test_the_rest_of_a_job_with_a_pipeline_that_was_given_up_is_done(store: StorageBackend) -> None:
    one = begun(store)
    store.finish(one, failed(SCENES, POISONED))
    assert store.register(one, [], [replace(JOB, status=JobStatus.RUNNING)]) == set()
    assert store.load_job_metadata(JOB.job_id).status is JobStatus.RUNNING
    store.finish(one, done(JOB, PERSONS))
    assert store.load_job_metadata(JOB.job_id).status is JobStatus.FAILED


def test_a_pipeline_that_failed_of_itself_is_tried_again(store: StorageBackend) -> None:
    one = begun(store)
    store.finish(one, broken(JOB, SCENES))
    assert store.register(one, [], [JOB]) == set()
    assert status(store, SCENE) is JobStatus.PENDING
    assert store.lease(one, KEYS) == set(KEYS)


def test_nothing_of_a_paused_job_is_leased_and_it_waits(store: StorageBackend) -> None:
    store.save_job_metadata(replace(JOB, control=Control.PAUSE))
    one = store.open_run(FAR)
    running = {
        name: replace(result, status=JobStatus.RUNNING) for name, result in JOB.pipeline_results.items()
    }
    store.register(one, [CLIP.video], [replace(JOB, status=JobStatus.RUNNING, pipeline_results=running)])
    job = store.load_job_metadata(JOB.job_id)
    assert (job.status, job.control, status(store, SCENE)) == (
        JobStatus.PENDING,
        Control.PAUSE,
        JobStatus.PENDING,
    )
    assert store.lease(one, KEYS) == set()
    refused(store, one)


def test_work_that_another_job_asks_for_too_is_not_held_back_by_a_paused_one(store: StorageBackend) -> None:
    store.save_job_metadata(replace(JOB, control=Control.PAUSE))
    one = store.open_run(FAR)
    store.register(one, [CLIP.video], [CLIP.job(SCENES), JOB])
    assert store.lease(one, KEYS) == {SCENES}
    store.release(one, KEYS)
    assert store.lease(one, KEYS) == {SCENES}


def test_a_file_that_cannot_be_read_is_nobodys_work(store: StorageBackend) -> None:
    one, two = store.open_run(FAR), store.open_run(FARTHER)
    bad = CLIP.job(SCENES, status=JobStatus.FAILED)
    assert store.register(one, [], [bad]) == set()
    assert store.register(two, [], [bad]) == set()


# Who takes over from whom.


def test_a_run_on_another_machine_is_dead_after_a_minute_of_silence_and_not_before(
    store: StorageBackend, clock: Clock
) -> None:
    one = begun(store)
    clock.forward(60)
    two = store.open_run(FARTHER)
    assert store.lease(two, KEYS) == set()
    clock.forward(1)
    assert store.lease(two, KEYS) == set(KEYS)
    refused(store, one)


def test_to_ask_for_leases_is_a_sign_of_life(store: StorageBackend, clock: Clock) -> None:
    one = begun(store)
    clock.forward(50)
    store.lease(one, [])
    clock.forward(50)
    assert store.lease(store.open_run(FARTHER), KEYS) == set()
    assert store.lease(one, KEYS) == set(KEYS)


def test_a_run_that_was_only_silent_keeps_what_nobody_took(store: StorageBackend, clock: Clock) -> None:
    one = begun(store)
    clock.forward(3600)
    assert store.lease(store.open_run(FARTHER), [SCENES]) == {SCENES}
    store.commit_chunks(one, CLIP.commits(PERSONS, job=JOB))
    refused(store, one, SCENES)
    assert store.lease(one, KEYS) == {PERSONS}


def test_a_run_whose_process_is_gone_from_this_machine_is_taken_over_at_once(store: StorageBackend) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = replace(FAR, host=socket.gethostname())
    dead = begun(store, replace(here, pid=gone.pid))
    two = store.open_run(FARTHER)
    assert store.register(two, [], [JOB]) == set()
    refused(store, dead)
    store.commit_chunks(two, CLIP.commits(PERSONS, job=JOB))


def test_a_run_whose_process_lives_on_this_machine_is_not(store: StorageBackend) -> None:
    begun(store, replace(FAR, host=socket.gethostname(), pid=os.getpid()))
    assert store.register(store.open_run(FARTHER), [], [JOB]) == set(KEYS)


def test_a_batch_says_where_it_runs_and_when_it_gave_its_last_sign_of_life(
    store: StorageBackend, clock: Clock
) -> None:
    one = begun(store)
    clock.forward(7)
    store.lease(one, [])
    (batch,) = store.batches()
    assert (batch.host, batch.pid, batch.started_at, batch.heartbeat_at) == (
        "far",
        1,
        "2026-03-04 05:06:07",
        "2026-03-04 05:06:14",
    )
    store.close_run(one, "completed")
    assert store.batches()[0].heartbeat_at == "2026-03-04 05:06:14"


def test_a_batch_tells_whether_it_is_running(store: StorageBackend, clock: Clock) -> None:
    one = begun(store)
    store.open_run(FARTHER)
    clock.forward(40)
    store.lease(one, [])
    assert [batch.alive for batch in store.batches()] == [True, True]
    clock.forward(40)
    assert [batch.alive for batch in store.batches()] == [False, True]
    store.close_run(one, "completed")
    assert [batch.alive for batch in store.batches()] == [False, False]


# Late and mistaken writes.


def test_a_late_end_of_what_is_complete_changes_nothing_and_is_no_error(store: StorageBackend) -> None:
    one, two = begun(store), store.open_run(FARTHER)
    store.commit_chunks(one, CLIP.commits(PERSONS, job=JOB))
    store.finish(one, done(JOB, PERSONS, CLIP.boxes(PERSONS, 0, 2)))
    before = digest(store), list(store.jobs())
    for epoch in (one, two, None):
        store.finish(epoch, broken(JOB, PERSONS))
        store.finish(epoch, done(JOB, PERSONS, CLIP.boxes(PERSONS, 7, 1)))
    assert store.commit_chunks(two, CLIP.commits(PERSONS, job=JOB)) == {PERSONS: 100}
    assert (digest(store), list(store.jobs())) == before


def test_one_commit_that_is_refused_takes_those_beside_it_along(store: StorageBackend) -> None:
    one = begun(store)
    store.release(one, [PERSONS])
    before = digest(store)
    with pytest.raises(LeaseLost):
        store.commit_chunks(one, [*CLIP.commits(SCENES, job=JOB), *CLIP.commits(PERSONS, job=JOB)])
    assert (digest(store), store.manifest(KEYS)) == (before, {SCENES: [], PERSONS: []})


def test_chunks_in_work_when_their_pipeline_failed_are_kept_until_another_run_tries_it(
    store: StorageBackend,
) -> None:
    one, two = begun(store), store.open_run(FARTHER)
    chunks = CLIP.commits(PERSONS, job=JOB)
    store.finish(one, broken(JOB, PERSONS))
    assert store.commit_chunks(one, chunks[:1]) == {PERSONS: 25}
    store.lease(two, [PERSONS])
    with pytest.raises(LeaseLost):
        store.commit_chunks(one, chunks[1:])


def test_by_hand_nothing_is_leased(store: StorageBackend) -> None:
    one = begun(store)
    store.mark(None, JOB.job_id, [SCENE], JobStatus.RUNNING)
    assert status(store, SCENE) is JobStatus.RUNNING
    store.finish(None, done(JOB, SCENES))
    assert status(store, SCENE) is JobStatus.COMPLETED
    store.save_annotations(JOB.job_id, PERSON, [])
    assert store.lease(one, KEYS) == set()


@pytest.mark.parametrize("alive", [True, False])
def test_a_new_configuration_replaces_others_but_what_a_live_run_is_at_work_on(
    store: StorageBackend, clock: Clock, alive: bool
) -> None:
    other = CLIP.key(PERSON, "c2")
    one = store.open_run(FAR)
    store.register(one, [CLIP.video], [CLIP.job(PERSONS)])
    store.commit_chunks(one, CLIP.commits(PERSONS)[:2])
    clock.forward(0 if alive else 100)
    two = store.open_run(FARTHER)
    store.register(two, [], [CLIP.job(other)])
    store.finish(two, done(CLIP.job(other), other))
    assert len(store.manifest([PERSONS])[PERSONS]) == (2 if alive else 0)
    assert (CLIP.job(PERSONS).job_id in {job.job_id for job in store.jobs()}) is alive
    if alive:
        assert store.commit_chunks(one, CLIP.commits(PERSONS)[2:]) == {PERSONS: 100}
        store.finish(one, done(CLIP.job(PERSONS), PERSONS, CLIP.boxes(PERSONS, 0, 1)))
        assert [job.job_id for job in store.jobs()] == [CLIP.job(PERSONS).job_id]
        assert store.completed([PERSONS, other]) == {PERSONS}
    else:
        with pytest.raises(LeaseLost):
            store.commit_chunks(one, CLIP.commits(PERSONS)[2:])


# At once.

CLIPS = [Clip(f"/clips/{number}.mp4", format(number % 16, "x"), frames=25) for number in range(200)]
TAKER = """
import random, sys
from actors.stores import open_store
from tests.contract.stores.test_leases import CLIPS, FAR
from dataclasses import replace
url, seed = sys.argv[1], int(sys.argv[2])
store = open_store(url)
epoch = store.open_run(replace(FAR, batch_id=str(seed), pid=seed))
keys = [clip.key() for clip in CLIPS]
random.Random(seed).shuffle(keys)
print("ready", flush=True)
sys.stdin.readline()
got = []
for at in range(0, 200, 10):
    if len(got) < 100:  # so that none takes all of them before the other comes to its turn
        got += [key.video_id for key in store.lease(epoch, keys[at : at + 10])]
print(*got, flush=True)
sys.stdin.readline()
"""


def test_two_processes_that_ask_for_the_same_keys_at_once_share_them_out(
    store: StorageBackend, url: str
) -> None:
    epoch = store.open_run(RUN)
    store.register(epoch, [], [clip.job() for clip in CLIPS])
    store.close_run(epoch, "stopped")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, url, str(seed)], cwd=Path(__file__).parents[3], text=True, **pipes
        )
        for seed in (1, 2)
    ]
    for taker in takers:
        assert taker.stdout is not None
        assert taker.stdout.readline() == "ready\n"
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write("go\n")
        taker.stdin.flush()
    shares = [taker.stdout.readline().split() for taker in takers if taker.stdout is not None]
    for taker in takers:
        taker.communicate("done\n")
    assert all(shares), "both of them came to something"
    assert sorted(shares[0] + shares[1]) == sorted(clip.video_id for clip in CLIPS)


def test_threads_with_stores_of_their_own_get_disjoint_keys_and_all_of_them(
    store: StorageBackend, url: str
) -> None:
    store.close_run(store.open_run(RUN), "stopped")
    keys, shares = [clip.key() for clip in CLIPS], dict[int, set[WorkKey]]()

    def take(number: int) -> None:
        own = open_store(url)
        epoch = own.open_run(replace(FAR, batch_id=str(number), pid=number))
        mine = keys.copy()
        random.Random(number).shuffle(mine)
        shares[number] = {
            key for at in range(0, len(mine), 20) for key in own.lease(epoch, mine[at : at + 20])
        }
        own.close()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(map(len, shares.values())) == len(keys)
    assert set().union(*shares.values()) == set(keys)


def test_who_holds_a_key_is_told_to_whoever_asks(store: StorageBackend) -> None:
    one = begun(store)
    assert store.holders([*KEYS, CLIP.key(SCENE, "c2")]) == dict.fromkeys(KEYS, one)
    store.release(one, [SCENES])
    assert store.holders(KEYS) == {PERSONS: one}
    assert store.holders([]) == {}
