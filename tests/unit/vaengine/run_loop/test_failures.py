"""What becomes of attempts is carried out in one order: attempts first, then the pipelines that are given
up.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.errors import LeaseLost
from schemas.storage.backend import Outcome
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.job import JobStatus
from schemas.work.progress import Finished
from tests.unit.vaengine.planning.test_plan import PERSON_KEY, SCENE_KEY, video
from vaengine.planning.backlog import RemainingWork
from vaengine.planning.plan import chunk_spec
from vaengine.run_loop.failures import FailureHandler, suspects_among
from vaengine.run_loop.isolation_queue import PipelineFailure, PoolUpdate

EPOCH = 7
CHUNK: ChunkSpec = chunk_spec(video(100, 25), 0, 25, (PERSON_KEY, SCENE_KEY))
ATTEMPT = Attempt(CHUNK.chunk_id, CHUNK.token.video_id, 1, AttemptState.KILLED)
FAILURE = PipelineFailure((PERSON_KEY, SCENE_KEY), "poisoned", "given up after 3 tries", "its last words")


class Store:
    """Notes what is done to it; the keys in `lost` are held by another run."""

    def __init__(self, attempts: Sequence[Attempt] = (), lost: Sequence[WorkKey] = ()) -> None:
        self.known, self.lost = list(attempts), lost
        self.done: list[Any] = []

    def attempts(self, video_ids: Sequence[str]) -> list[Attempt]:
        return self.known

    def record(self, epoch: int, attempts: Sequence[Attempt]) -> None:
        self.done.append((epoch, tuple(attempts)))

    def finish(self, epoch: int, outcome: Outcome) -> None:
        if outcome.key in self.lost:
            raise LeaseLost("somebody else's")
        self.done.append(outcome)


def handler(store: Store) -> tuple[FailureHandler, list[Finished]]:
    """A handler that writes to the store, and what it tells the coordinator."""
    told: list[Finished] = []
    actor_group: Any = SimpleNamespace(store=store, coordinator=SimpleNamespace(finished=told.append))
    backlog: Any = SimpleNamespace(entries={CHUNK.token.video_id: SimpleNamespace(job_id="the job")})
    return FailureHandler(actor_group, backlog, EPOCH), told


def test_an_attempt_is_written_down_before_the_pipelines_it_ends_fail_with_their_reason() -> None:
    store = Store()
    carried_out, told = handler(store)
    carried_out.apply(PoolUpdate((ATTEMPT,), (FAILURE,)))
    written, *outcomes = store.done
    assert written == (EPOCH, (ATTEMPT,))
    assert [outcome.key for outcome in outcomes] == [PERSON_KEY, SCENE_KEY]
    assert {
        (one.job_id, one.status, one.error_message, one.failure_kind, one.traceback) for one in outcomes
    } == {("the job", JobStatus.FAILED, FAILURE.reason, "poisoned", "its last words")}
    assert told == [Finished(PERSON_KEY, FAILURE.reason), Finished(SCENE_KEY, FAILURE.reason)]


def test_an_update_without_news_touches_no_store() -> None:
    store = Store()
    handler(store)[0].apply(PoolUpdate())
    assert store.done == []


def test_a_pipeline_that_another_run_holds_by_now_is_left_to_it_and_the_others_still_fail() -> None:
    store = Store(lost=[PERSON_KEY])
    carried_out, told = handler(store)
    carried_out.apply(PoolUpdate(failures=(FAILURE,)))
    assert [outcome.key for outcome in store.done] == [SCENE_KEY]
    assert told == [Finished(SCENE_KEY, FAILURE.reason)]


@pytest.mark.parametrize("trouble", [None, "Ray's node is gone"])
def test_what_no_round_could_do_fails_as_lost_with_its_workers_and_the_last_trouble(
    trouble: str | None,
) -> None:
    store = Store()
    handler(store)[0].give_up_all(RemainingWork({CHUNK.token.video_id: [CHUNK]}, ()), trouble)
    assert [(outcome.key, outcome.failure_kind) for outcome in store.done] == [
        (key, "worker_lost") for key in sorted((PERSON_KEY, SCENE_KEY))
    ]
    assert all(CHUNK.chunk_id in outcome.error_message for outcome in store.done)
    assert all(("Ray's node is gone" in outcome.error_message) is bool(trouble) for outcome in store.done)


def test_attempts_still_written_down_as_leased_are_lost_and_their_chunk_is_a_suspect() -> None:
    leased = Attempt(CHUNK.chunk_id, CHUNK.token.video_id, 1, AttemptState.LEASED)
    store: Any = Store([leased])
    (suspect,) = suspects_among(RemainingWork({CHUNK.token.video_id: [CHUNK]}, ()), store, EPOCH)
    assert [one.state for one in suspect.tries] == [AttemptState.LOST]
    assert store.done == [(EPOCH, suspect.tries)]
