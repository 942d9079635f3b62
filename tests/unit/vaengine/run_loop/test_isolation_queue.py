"""When a suspect is tried again, and when its pipelines are given up: without Ray, by a clock of the
test's own.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors.isolation.sandbox import TrialResult
from schemas.work.attempt import AttemptState
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import ChunkFailure
from schemas.work.retry import Backoff, RetryPolicy, RetryStrategy
from tests.support.runs.planned import PERSON_KEY, SCENE_KEY, video
from vaengine.planning.plan import chunk_spec
from vaengine.planning.suspects import Suspect
from vaengine.run_loop.isolation_queue import (
    MAX_LOST_ATTEMPTS,
    IsolationQueue,
    PipelineFailure,
    PoolUpdate,
    leased,
)

CHUNK: ChunkSpec = chunk_spec(video(100, 25), 0, 25, (PERSON_KEY, SCENE_KEY))
NEXT: ChunkSpec = chunk_spec(video(100, 25), 25, 50, (PERSON_KEY, SCENE_KEY))
DELAY_S = 10.0
CRASH = ChunkFailure("crash", "signal SIGSEGV", transient=True)
LOST = ChunkFailure("worker_lost", "gone", transient=True)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def queue(clock: Clock, *, attempts: int = 2, job_attempts: int = 99, spent: int = 0) -> IsolationQueue:
    backoff = Backoff(RetryStrategy.FIXED, DELAY_S, DELAY_S, 0.0, attempts)
    sections = ("worker_lost", "out_of_memory", "timeout", "store")
    policy = RetryPolicy(dict.fromkeys(sections, backoff), job_attempts)
    return IsolationQueue(policy, {CHUNK.token.video_id: spent}, clock=clock, random01=lambda: 0.5)


def failed(queue: IsolationQueue, failure: ChunkFailure, *, to_blame: bool = True) -> PoolUpdate:
    """What comes of the one suspect that is due, once its attempt has failed."""
    (suspect,) = queue.take_due(1)
    return queue.fail(
        suspect, TrialResult(suspect.work.chunk_id, failure=failure, to_blame=to_blame), failure
    )


def test_what_was_never_tried_is_due_at_once_and_no_more_are_taken_than_asked_for(clock: Clock) -> None:
    waiting = queue(clock)
    assert waiting.add([Suspect(CHUNK, ()), Suspect(NEXT, ())]) == PoolUpdate()
    assert [one.work for one in waiting.take_due(1)] == [CHUNK]
    assert [one.work for one in waiting.take_due(5)] == [NEXT]
    assert (len(waiting), waiting.seconds_to_next()) == (0, float("inf"))


def test_what_failed_waits_for_the_delay_of_the_policy_and_comes_back_as_its_next_attempt(
    clock: Clock,
) -> None:
    waiting = queue(clock)
    waiting.add([Suspect(CHUNK, ())])
    (attempt,) = failed(waiting, CRASH).attempts
    assert (attempt.state, attempt.number, attempt.failure_kind) == (AttemptState.KILLED, 1, "crash")
    assert waiting.take_due(1) == []
    assert waiting.seconds_to_next() == DELAY_S
    clock.now_s += DELAY_S
    (again,) = waiting.take_due(1)
    assert leased(again).number == 2


def test_a_chunk_that_ends_its_process_as_often_as_it_may_fails_its_pipelines_as_poisoned(
    clock: Clock,
) -> None:
    waiting = queue(clock, attempts=2)
    waiting.add([Suspect(CHUNK, ())])
    assert failed(waiting, CRASH).failures == ()
    clock.now_s += DELAY_S
    (failure,) = failed(waiting, replace(CRASH, traceback="its last words")).failures
    assert (set(failure.keys), failure.kind) == ({PERSON_KEY, SCENE_KEY}, "poisoned")
    assert failure.traceback == "its last words"
    assert len(waiting) == 0


def test_only_the_pipeline_whose_model_was_at_work_is_given_up(clock: Clock) -> None:
    waiting = queue(clock, attempts=1)
    waiting.add([Suspect(CHUNK, ())])
    (failure,) = failed(waiting, replace(CRASH, pipeline=PERSON_KEY.pipeline)).failures
    assert failure.keys == (PERSON_KEY,)


def test_a_pipeline_that_is_given_up_is_given_up_once_with_its_first_reason(clock: Clock) -> None:
    waiting = queue(clock, attempts=1)
    waiting.add([Suspect(CHUNK, ()), Suspect(NEXT, ())])
    first, second = waiting.take_due(2)
    at_person = replace(CRASH, pipeline=PERSON_KEY.pipeline)
    waiting.fail(first, TrialResult(CHUNK.chunk_id, failure=at_person, to_blame=True), at_person)
    update = waiting.fail(second, TrialResult(NEXT.chunk_id, failure=CRASH, to_blame=True), CRASH)
    assert [failure.keys for failure in update.failures] == [(SCENE_KEY,)]


def test_a_chunk_of_which_every_pipeline_is_given_up_is_dropped_untried(clock: Clock) -> None:
    waiting = queue(clock, attempts=1)
    waiting.add([Suspect(CHUNK, ()), Suspect(NEXT, ())])
    failed(waiting, CRASH)
    assert waiting.take_due(1) == []
    assert len(waiting) == 0


def test_an_attempt_lost_through_no_fault_of_its_own_is_repeated_at_once_but_not_for_ever(
    clock: Clock,
) -> None:
    waiting = queue(clock, attempts=1)
    waiting.add([Suspect(CHUNK, ())])
    updates = [failed(waiting, LOST, to_blame=False) for _ in range(MAX_LOST_ATTEMPTS)]
    assert {attempt.state for update in updates for attempt in update.attempts} == {AttemptState.LOST}
    assert [bool(update.failures) for update in updates] == [False] * (MAX_LOST_ATTEMPTS - 1) + [True]


def test_failed_attempts_of_the_whole_video_count_and_lost_ones_do_not(clock: Clock) -> None:
    waiting = queue(clock, attempts=9, job_attempts=3, spent=1)
    waiting.add([Suspect(CHUNK, ())])
    assert failed(waiting, LOST, to_blame=False).failures == ()
    assert failed(waiting, CRASH).failures == ()
    clock.now_s += DELAY_S
    (failure,) = failed(waiting, CRASH).failures
    assert "recovery.job_attempts=3" in failure.reason


def test_a_suspect_beyond_its_budget_is_given_up_without_another_attempt(clock: Clock) -> None:
    waiting = queue(clock, attempts=1)
    killed = replace(leased(Suspect(CHUNK, ())), state=AttemptState.KILLED, failure_kind="crash")
    (failure,) = waiting.add([Suspect(CHUNK, (killed,))]).failures
    assert isinstance(failure, PipelineFailure)
    assert len(waiting) == 0


def test_a_closed_queue_forgets_who_waits_lets_nobody_in_and_still_gives_up(clock: Clock) -> None:
    waiting = queue(clock, attempts=2)
    waiting.add([Suspect(CHUNK, ()), Suspect(NEXT, ())])
    (suspect,) = waiting.take_due(1)
    waiting.close()
    trial = TrialResult(CHUNK.chunk_id, failure=CRASH, to_blame=True)
    assert waiting.fail(suspect, trial, CRASH).failures == ()
    assert len(waiting) == 0
    killed = replace(leased(suspect), state=AttemptState.KILLED, failure_kind="crash")
    assert waiting.fail(Suspect(CHUNK, (killed,)), trial, CRASH).failures != ()


@pytest.mark.parametrize(("is_here", "kind"), [(True, "node_cannot_see"), (False, "unreadable")])
def test_a_path_that_a_node_does_not_see_is_tried_again_only_if_the_run_sees_it(
    clock: Clock, is_here: bool, kind: str
) -> None:
    waiting = queue(clock, attempts=2)
    waiting._is_here = lambda path: is_here
    unseen = ChunkFailure("node_cannot_see", "node-7 cannot see it", transient=True)
    waiting.add([Suspect(CHUNK, ())])
    update = failed(waiting, unseen, to_blame=False)
    if is_here:
        assert update.failures == ()
        clock.now_s += DELAY_S
        update = failed(waiting, unseen, to_blame=False)
    (failure,) = update.failures
    assert failure.kind == kind
    assert ("node-7 cannot see it" in failure.reason) == is_here
