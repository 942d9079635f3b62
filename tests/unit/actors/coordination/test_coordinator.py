"""The coordinator counts what happens and answers with snapshots; ETA comes from work actually started."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from actors.coordination.coordinator import Coordinator
from schemas.settings.settings import Settings
from schemas.work.attempt import AttemptState
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.progress import Finished, PlannedVideo, Snapshot, Worker
from tests.support.runs.planned import PERSON_KEY, SCENE_KEY, video
from vaengine.planning.plan import chunks_of

ANN = Worker("node", "here", 1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def coordinator() -> tuple[Coordinator, Clock, list[ChunkSpec]]:
    clock = Clock()
    one = Coordinator(clock=clock)
    settings = Settings().model_copy(
        update={"engine": Settings().engine.model_copy(update={"chunk_seconds": 1.0})}
    )
    chunks = chunks_of(video(100, 25), {SCENE_KEY: [], PERSON_KEY: []}, settings)
    one.planned([PlannedVideo("v", {SCENE_KEY: 100, PERSON_KEY: 100}, 100, 4.0)])
    return one, clock, chunks


def test_there_is_no_eta_before_work_has_started_and_been_committed() -> None:
    one, clock, chunks = coordinator()
    one.probing_done()
    clock.now = 50.0
    assert one.snapshot().eta_s is None
    one.started(chunks[0].token, ANN)
    assert one.snapshot().eta_s is None


def test_eta_is_weighted_by_duration_and_leaves_out_the_wait_before_the_first_chunk() -> None:
    one, clock, chunks = coordinator()
    one.probing_done()
    clock.now = 50.0
    one.started(chunks[0].token, ANN)
    clock.now = 52.0
    one.committed(chunks[0])
    snapshot = one.snapshot()
    assert (snapshot.frames_done, snapshot.video_s_done, snapshot.in_work) == (25, 1.0, 0)
    assert snapshot.eta_s == 3.0 / (1.0 / 2.0)


def test_a_video_is_done_when_each_of_its_pipelines_ended_and_failed_when_one_failed() -> None:
    one, _, _ = coordinator()
    one.finished(Finished(SCENE_KEY, None))
    assert one.snapshot().videos_done == 0
    one.finished(Finished(PERSON_KEY, "the model failed"))
    snapshot = one.snapshot()
    assert (snapshot.videos_done, snapshot.videos_failed, snapshot.failure_count) == (0, 1, 1)
    assert snapshot.failures == ("v person_tracking: the model failed",)
    assert [finished.key for finished in one.status().finished] == [SCENE_KEY, PERSON_KEY]
    assert one.status().finished == ()


def test_after_a_stop_no_chunk_begins() -> None:
    one, _, chunks = coordinator()
    assert one.started(chunks[0].token, ANN)
    one.stop()
    assert not one.started(chunks[1].token, ANN)
    assert one.snapshot().in_work == 1
    one.left(chunks[0].chunk_id)
    assert one.snapshot().in_work == 0


def test_a_halt_stops_and_keeps_its_first_reason() -> None:
    one, _, _ = coordinator()
    one.halt("no room")
    one.halt("something later")
    assert (one.status().halted, one.stopping()) == ("no room", True)


def test_memory_does_not_grow_with_events() -> None:
    one, _, chunks = coordinator()
    for number in range(1000):
        key = WorkKey(f"other{number}", "scene_detection", "a")
        one.planned([PlannedVideo(key.video_id, {key: 1}, 1, 1.0)])
        one.started(chunks[0].token, ANN)
        one.committed(chunks[0])
        one.finished(Finished(key, "bad"))
    assert len(one.status().finished) == 1000
    assert one.status().finished == ()
    assert one.batch()[0] == []
    assert (len(one.snapshot().failures), one.snapshot().failure_count) == (5, 1000)


def test_an_end_that_is_told_twice_is_counted_once() -> None:
    one, _, _ = coordinator()
    for _ in range(2):
        one.finished(Finished(SCENE_KEY, "bad"))
    assert (one.snapshot().failure_count, len(one.status().finished)) == (1, 1)


def test_of_a_held_video_nothing_begins_and_what_is_in_work_is_to_be_left() -> None:
    one, _, chunks = coordinator()
    assert one.started(chunks[0].token, ANN)
    one.hold(["v"])
    assert one.heartbeat(ANN, "v")
    assert not one.started(chunks[1].token, ANN)
    one.hold([])
    assert not one.heartbeat(ANN, "v")
    assert one.started(chunks[1].token, ANN)


def test_who_finishes_what_it_has_leaves_it_only_where_that_is_of_no_use_any_more() -> None:
    one = Coordinator()
    one.stop()
    assert (one.heartbeat(ANN, "v"), one.heartbeat(ANN, "v", to_its_end=True)) == (True, False)
    one.hold(["v"])
    assert one.heartbeat(ANN, "v", to_its_end=True)
    one.hold([])
    one.halt("no room")
    assert one.heartbeat(ANN, "v", to_its_end=True)


def test_started_again_it_goes_on_from_what_was_recorded_once_it_is_told_what_is_open() -> None:
    one, clock, chunks = coordinator()
    one.started(chunks[0].token, ANN)
    clock.now = 2.0
    one.committed(chunks[0])
    one.finished(Finished(SCENE_KEY, None))
    one.stop()
    _, recorded = one.batch()
    again = Coordinator(known=Snapshot.from_json(recorded.to_json()), clock=clock)
    assert again.snapshot() == recorded
    assert again.status().plan_lost
    again.planned_before([PERSON_KEY])
    again.finished(Finished(PERSON_KEY, None))
    assert not again.status().plan_lost
    assert again.snapshot().videos_done == 1


def test_the_first_chunk_of_each_key_is_told_once_with_its_time() -> None:
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    (_, _, chunks), one = coordinator(), Coordinator(now=lambda: noon)
    assert one.starts() == {}
    one.started(chunks[0].token, ANN, chunks[0].keys)
    one.started(chunks[1].token, ANN, chunks[1].keys)
    assert one.starts() == {SCENE_KEY: noon, PERSON_KEY: noon}
    one.started(chunks[2].token, ANN, chunks[2].keys)
    assert one.starts() == {}


def test_what_may_not_begin_is_not_told_as_begun_and_what_was_paused_is_told_anew() -> None:
    one, _, chunks = coordinator()
    one.started(chunks[0].token, ANN, (SCENE_KEY,))
    assert set(one.starts()) == {SCENE_KEY}
    one.hold(["v"])
    assert not one.started(chunks[1].token, ANN, (SCENE_KEY,))
    assert one.starts() == {}
    one.hold([])
    one.started(chunks[1].token, ANN, (SCENE_KEY,))
    assert set(one.starts()) == {SCENE_KEY}


def silenced() -> tuple[Coordinator, Clock, ChunkSpec]:
    """A coordinator, and a chunk whose worker gives no sign of life any more."""
    clock = Clock()
    one, (_, _, chunks) = Coordinator(worker_silent_s=30.0, clock=clock), coordinator()
    assert one.started(chunks[0].token, ANN)
    clock.now = 31.0
    return one, clock, chunks[0]


def test_what_a_silent_worker_holds_is_taken_from_it_as_lost_and_without_blame() -> None:
    one, _, chunk = silenced()
    (silent,) = one.status().silent
    assert (silent.worker, silent.chunk_ids, silent.silent_s) == (ANN, (chunk.chunk_id,), 31.0)
    assert one.take_from(ANN, "no sign of life") == (chunk.token,)
    status, (attempts, _) = one.status(), one.batch()
    assert (status.silent, status.calls, status.snapshot.in_work) == ((), (), 0)
    assert [(one.state, one.failure_kind, one.error_message) for one in attempts] == [
        (AttemptState.LOST, "worker_lost", "here:1: no sign of life")
    ]


def test_a_worker_whose_work_was_taken_begins_nothing_more_and_is_told_to_leave_what_it_has() -> None:
    one, _, chunk = silenced()
    assert not one.beat(ANN)
    one.take_from(ANN, "no sign of life")
    assert not one.started(chunk.token, ANN)
    assert one.heartbeat(ANN, chunk.video_id, to_its_end=True)
    assert one.beat(ANN)
    one.busy(ANN, (chunk.chunk_id,), 0.0)
    assert one.status().calls == ()


def test_the_next_attempt_of_a_chunk_that_was_taken_is_counted_like_any_other() -> None:
    one, _, chunk = silenced()
    one.take_from(ANN, "no sign of life")
    again = replace(chunk, attempt=2)
    assert one.started(again.token, Worker("node", "here", 2))
    one.committed(again)
    assert (one.snapshot().in_work, one.in_work()) == (0, [])
