"""Tries of chunks: recorded late, repeatedly and out of order, and whose late commits are refused."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.stores import open_store
from schemas.errors import LeaseLost, StaleAttempt, StaleEpoch
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import Attempt, AttemptState
from tests.contract.conftest import STORES, digest
from tests.support.stores.fake_videos import RUN, Clip, done
from tests.support.suite.clock import Clock, clock

__all__ = ["clock"]
CLIP, OTHER = Clip(), Clip("/clips/pond.mp4", "b")
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
JOB = CLIP.job(SCENES, PERSONS)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ENDS = [AttemptState.FAILED, AttemptState.LOST, AttemptState.KILLED]


def begun(store: StorageBackend) -> int:
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [JOB])
    return epoch


def chunk_id(number: int, clip: Clip = CLIP) -> str:
    return f"{clip.video_id}[{number},{number + 1})"


def leased(chunk: int = 0, number: int = 1, clip: Clip = CLIP, beat_s: int = 0) -> Attempt:
    beat_at = NOON + timedelta(seconds=beat_s)
    return Attempt(chunk_id(chunk, clip), clip.video_id, number, AttemptState.LEASED, "host:7", NOON, beat_at)


def ended(
    chunk: int = 0, number: int = 1, state: AttemptState = AttemptState.KILLED, clip: Clip = CLIP
) -> Attempt:
    failure = {
        "failure_kind": "worker",
        "error_message": "signal 9",
        "traceback": "Traceback",
        "pipeline": PERSON,
    }
    return replace(leased(chunk, number, clip), state=state, **failure)


def committed(chunk: int, attempt: int) -> list:
    """A chunk of both pipelines that comes from a try."""
    return [
        replace(CLIP.commit(key, 0, job=JOB, attempt=attempt), chunk_id=chunk_id(chunk))
        for key in (SCENES, PERSONS)
    ]


def test_tries_come_back_as_they_were_recorded_by_chunk_and_number(store: StorageBackend) -> None:
    epoch = begun(store)
    assert store.attempts([CLIP.video_id]) == []
    store.record(
        epoch, [leased(1), leased(0, 10), ended(0, 2), ended(0, 1, AttemptState.LOST), leased(0, 1, OTHER)]
    )
    own = [ended(0, 1, AttemptState.LOST), ended(0, 2), leased(0, 10), leased(1)]
    assert store.attempts([CLIP.video_id]) == own
    assert store.attempts([OTHER.video_id, CLIP.video_id, "nobody"]) == [*own, leased(0, 1, OTHER)]


def test_a_try_that_ends_keeps_what_was_known_of_it(store: StorageBackend) -> None:
    epoch = begun(store)
    store.record(epoch, [leased(beat_s=9)])
    store.record(epoch, [Attempt(chunk_id(0), CLIP.video_id, 1, AttemptState.LOST, failure_kind="worker")])
    assert store.attempts([CLIP.video_id]) == [
        replace(leased(beat_s=9), state=AttemptState.LOST, failure_kind="worker")
    ]


def test_a_heart_never_beats_backwards(store: StorageBackend) -> None:
    epoch = begun(store)
    for beat_s in (5, 9, 7):
        store.record(epoch, [leased(beat_s=beat_s)])
    assert store.attempts([CLIP.video_id]) == [leased(beat_s=9)]


@pytest.mark.parametrize("state", ENDS)
@pytest.mark.parametrize("late", [AttemptState.LEASED, *ENDS])
def test_a_try_that_has_ended_is_never_moved_again(
    store: StorageBackend, state: AttemptState, late: AttemptState
) -> None:
    epoch = begun(store)
    store.record(epoch, [ended(state=state)])
    store.record(
        epoch, [replace(leased(beat_s=99), state=late, error_message="something else", worker="elsewhere:8")]
    )
    assert store.attempts([CLIP.video_id]) == [ended(state=state)]


LIVES = st.dictionaries(
    st.tuples(st.integers(0, 1), st.integers(1, 2)), st.sampled_from([None, *ENDS]), min_size=1
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives=LIVES, data=st.data())
@pytest.mark.parametrize("backend", STORES)
def test_events_in_any_order_and_any_number_of_times_come_to_the_same(
    backend: str,
    lives: dict[tuple[int, int], AttemptState | None],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    events = [leased(chunk, number, beat_s=beat_s) for chunk, number in lives for beat_s in (0, 3)]
    ends = {
        key: replace(ended(*key, state), heartbeat_at=NOON + timedelta(seconds=5))
        for key, state in lives.items()
        if state
    }
    told = data.draw(
        st.permutations(
            [*events, *ends.values(), *data.draw(st.lists(st.sampled_from([*events, *ends.values()])))]
        )
    )
    store = open_store(STORES[backend](tmp_path_factory.mktemp("tries")))
    epoch = begun(store)
    while told:
        size = data.draw(st.integers(1, len(told)))
        store.record(epoch, told[:size])
        told = told[size:]
    expected = [ends.get(key, leased(*key, beat_s=3)) for key in sorted(lives)]
    assert store.attempts([CLIP.video_id]) == expected
    store.record(epoch, [*events, *ends.values()])
    assert store.attempts([CLIP.video_id]) == expected
    store.close()


def test_a_record_is_a_sign_of_life_and_keeps_the_progress_that_was_last_told(
    store: StorageBackend, clock: Clock
) -> None:
    epoch = begun(store)
    assert store.progress(epoch) is None
    clock.forward(30)
    store.record(epoch, [], '{"frames": 7}')
    store.record(epoch, [])
    assert store.progress(epoch) == '{"frames": 7}'
    assert store.batches()[0].heartbeat_at == "2026-03-04 05:06:37"
    store.close_run(epoch, "completed")
    assert store.progress(epoch) == '{"frames": 7}'
    assert store.progress(99) is None


def test_only_a_run_that_is_under_way_records(store: StorageBackend) -> None:
    epoch = begun(store)
    store.close_run(epoch, "stopped")
    with pytest.raises(StaleEpoch):
        store.record(epoch, [leased()])
    assert store.attempts([CLIP.video_id]) == []


def test_a_thousand_tries_are_recorded_in_no_time(store: StorageBackend) -> None:
    epoch = begun(store)
    tries = [leased(chunk, clip=clip) for clip in (CLIP, OTHER) for chunk in range(500)]
    took = []
    for beat_s in range(3):
        begun_at = time.perf_counter()
        store.record(epoch, [replace(one, heartbeat_at=NOON + timedelta(seconds=beat_s)) for one in tries])
        took.append(time.perf_counter() - begun_at)
    assert len(store.attempts([CLIP.video_id, OTHER.video_id])) == 1000
    assert min(took) < 0.5  # some 20 ms on a quiet machine


# Commits.


def test_a_commit_ends_the_try_it_comes_from(store: StorageBackend) -> None:
    epoch = begun(store)
    store.record(epoch, [ended(0, 1), leased(0, 2), leased(1, 1)])
    assert store.commit_chunks(epoch, committed(0, 2)) == {SCENES: 25, PERSONS: 25}
    assert store.attempts([CLIP.video_id]) == [ended(0, 1), leased(1, 1)]
    assert store.manifest([SCENES])[SCENES][0].attempt == 2


@pytest.mark.parametrize("state", [AttemptState.LEASED, AttemptState.LOST])
def test_a_late_commit_of_a_try_after_which_the_chunk_was_tried_again_is_refused(
    store: StorageBackend, state: AttemptState
) -> None:
    epoch = begun(store)
    store.record(epoch, [ended(0, 1, AttemptState.LOST), replace(leased(0, 2), state=state)])
    before = digest(store), store.attempts([CLIP.video_id])
    untouched = CLIP.commit(SCENES, 25, job=JOB)
    with pytest.raises(
        StaleAttempt, match=r"try 1 of garden-aaaaaaaa\[0,1\) has been given up, try 2 took its place"
    ):
        store.commit_chunks(epoch, [untouched, *committed(0, 1)])
    assert (digest(store), store.attempts([CLIP.video_id]), store.manifest([SCENES])) == (
        *before,
        {SCENES: []},
    )
    store.commit_chunks(epoch, [untouched, *committed(0, 2)])


def test_a_late_commit_of_a_try_that_was_given_up_counts_where_none_followed(store: StorageBackend) -> None:
    epoch = begun(store)
    store.record(epoch, [ended(0, 1, AttemptState.LOST)])
    assert store.commit_chunks(epoch, committed(0, 1))[SCENES] == 25
    assert store.attempts([CLIP.video_id]) == [ended(0, 1, AttemptState.LOST)]


def test_a_late_commit_of_what_is_complete_is_no_error_whatever_its_try(store: StorageBackend) -> None:
    epoch = begun(store)
    for key in (SCENES, PERSONS):
        store.finish(epoch, done(JOB, key))
    store.record(epoch, [leased(0, 2)])
    store.commit_chunks(epoch, committed(0, 1))
    assert store.manifest([SCENES]) == {SCENES: []}


def test_whoever_lost_the_lease_is_told_so_first(store: StorageBackend) -> None:
    epoch = begun(store)
    store.record(epoch, [leased(0, 2)])
    store.release(epoch, [PERSONS])
    with pytest.raises(LeaseLost):
        store.commit_chunks(epoch, committed(0, 1))


def test_the_digest_covers_neither_tries_nor_leases_nor_signs_of_life(
    store: StorageBackend, clock: Clock
) -> None:
    epoch = begun(store)
    before = digest(store)
    clock.forward(5)
    store.record(epoch, [leased(), ended(1)], "{}")
    store.release(epoch, [SCENES])
    assert digest(store) == before


def test_tries_hold_no_secrets(store: StorageBackend, tmp_path: Path) -> None:
    epoch = begun(store)
    store.record(
        epoch, [replace(ended(), error_message="postgresql://ann:geheim@db", traceback="token=geheim")]
    )
    (one,) = store.attempts([CLIP.video_id])
    assert (one.error_message, one.traceback) == ("postgresql://ann:***@db", "token=***")
    store.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"geheim" in path.read_bytes()]
