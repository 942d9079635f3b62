"""The coordinator counts what happens and answers with snapshots; ETA comes from work actually started."""

from __future__ import annotations

from actors.coordinator import Coordinator, Finished, PlannedVideo
from schemas.chunk import ChunkSpec, WorkKey
from schemas.settings import Settings
from tests.unit.test_plan import PERSON_KEY, SCENE_KEY, video
from vaengine.plan import chunks_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def coordinator() -> tuple[Coordinator, Clock, list[ChunkSpec]]:
    clock = Clock()
    one = Coordinator(clock)
    settings = Settings().model_copy(update={"engine": Settings().engine.model_copy(update={"chunk_seconds": 1.0})})
    chunks = chunks_of(video(100, 25), {SCENE_KEY: [], PERSON_KEY: []}, settings)
    one.planned([PlannedVideo("v", {SCENE_KEY: 100, PERSON_KEY: 100}, 100, 4.0)])
    return one, clock, chunks


def test_there_is_no_eta_before_work_has_started_and_been_committed() -> None:
    one, clock, chunks = coordinator()
    one.probing_done()
    clock.now = 50.0
    assert one.snapshot().eta_s is None
    one.started(chunks[0].chunk_id)
    assert one.snapshot().eta_s is None


def test_eta_is_weighted_by_duration_and_leaves_out_the_wait_before_the_first_chunk() -> None:
    one, clock, chunks = coordinator()
    one.probing_done()
    clock.now = 50.0
    one.started(chunks[0].chunk_id)
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
    assert [finished.key for finished in one.take_finished()] == [SCENE_KEY, PERSON_KEY]
    assert one.take_finished() == []


def test_after_a_stop_no_chunk_begins() -> None:
    one, _, chunks = coordinator()
    assert one.started(chunks[0].chunk_id)
    one.stop()
    assert not one.started(chunks[1].chunk_id)
    assert one.snapshot().in_work == 1
    one.left(chunks[0].chunk_id)
    assert one.snapshot().in_work == 0


def test_a_halt_stops_and_keeps_its_first_reason() -> None:
    one, _, _ = coordinator()
    one.halt("no room")
    one.halt("something later")
    assert (one.halted(), one.stopping()) == ("no room", True)


def test_memory_does_not_grow_with_events() -> None:
    one, _, chunks = coordinator()
    for _ in range(1000):
        one.started(chunks[0].chunk_id)
        one.committed(chunks[0])
        one.finished(Finished(WorkKey("other", "scene_detection", "a"), "bad"))
    one.take_finished()
    assert len(one.snapshot().failures) <= 5
    assert one.snapshot().failure_count == 1000
