"""The stages of a pass, linked by reference: what they decode, see and hear reaches the finalizer, and a
stop leaves the rest.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from actors.coordination.coordinator import Coordinator
from actors.coordination.links import Connect, Delivery, DirectLinks
from actors.probing.probe import probe
from actors.stages.stages import ActorNames, AudioStage, VisionStage, by_name, decode_stage
from schemas.pipelines import AUDIO, PERSON, SCENE
from schemas.settings.settings import Settings
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import BlockEnd, ChunkEnd, DetectionsMessage
from schemas.work.progress import Worker
from tests.support.media import clips
from vaengine.planning.plan import blocks_of, chunks_of, work_keys

SETTINGS = Settings()
WORKER = Worker("node", "host", 7)


class Taken:
    """Stands for a finalizer: keeps what it is handed."""

    def __init__(self) -> None:
        self.values: list[Delivery] = []

    def take(self, values: list[Delivery]) -> None:
        self.values += values


def linked(coordinator: Coordinator) -> tuple[Connect, Taken]:
    taken = Taken()
    return lambda: DirectLinks(coordinator, taken, WORKER), taken


def chunk(folder: Path, *pipelines: str) -> ChunkSpec:
    video = probe(str(clips.with_persons(folder, frames=20).path))
    return chunks_of(video, {key: [] for key in work_keys(video.video_id, pipelines, SETTINGS)}, SETTINGS)[0]


@pytest.mark.parametrize("overlapped", [False, True])
def test_pictures_of_a_chunk_go_to_the_model_and_what_it_saw_to_the_finalizer_with_the_end(
    overlapped: bool, clip_folder: Path
) -> None:
    spec, coordinator = chunk(clip_folder, SCENE, PERSON), Coordinator()
    connect, taken = linked(coordinator)
    rows = list(decode_stage({"chunks": pickle.dumps((spec,))}, connect=connect, to_models=True))
    assert taken.values == [], "nothing is handed over before the models have seen it"
    stage = VisionStage(connect, SETTINGS, overlapped=overlapped)
    receipt = stage({name: [row[name] for row in rows] for name in ("meta", "pixels")})
    stage.close()
    assert receipt["receipt"].tolist() == [len(rows)]
    *boxes, end = taken.values
    assert isinstance(end, ChunkEnd)
    assert end.pieces == len(boxes)
    assert all(isinstance(one, DetectionsMessage) and one.failure is None for one in boxes)
    assert (end.frame_numbers == np.arange(20)).all()
    assert coordinator.in_work() == [spec.chunk_id]
    assert coordinator.status().calls == (), "nobody is in the middle of anything"


def test_a_chunk_without_models_is_handed_to_the_finalizer_by_its_decoder(clip_folder: Path) -> None:
    spec = chunk(clip_folder, SCENE)
    connect, taken = linked(Coordinator())
    (row,) = decode_stage({"chunks": pickle.dumps((spec,))}, connect=connect, to_models=False)
    assert row["meta"] == spec.chunk_id.encode()
    assert [type(value) for value in taken.values] == [ChunkEnd]


def test_after_a_stop_neither_a_chunk_nor_a_block_is_begun(clip_folder: Path) -> None:
    coordinator = Coordinator()
    coordinator.stop()
    connect, taken = linked(coordinator)
    list(
        decode_stage({"chunks": pickle.dumps((chunk(clip_folder, SCENE),))}, connect=connect, to_models=False)
    )
    sound = probe(str(clips.clicking(clip_folder, seconds=4).path))
    blocks = blocks_of(sound, {key: [] for key in work_keys(sound.video_id, (AUDIO,), SETTINGS)})
    assert AudioStage(connect, SETTINGS).analyze(blocks) == len(blocks)
    assert [value.cancelled for value in taken.values if isinstance(value, ChunkEnd | BlockEnd)] == [True] * (
        1 + len(blocks)
    )


def test_sound_of_a_block_is_heard_and_handed_to_the_finalizer(clip_folder: Path) -> None:
    sound = probe(str(clips.clicking(clip_folder, seconds=4).path))
    blocks = blocks_of(sound, {key: [] for key in work_keys(sound.video_id, (AUDIO,), SETTINGS)})
    connect, taken = linked(Coordinator())
    AudioStage(connect, SETTINGS).analyze(blocks)
    (end,) = taken.values
    assert isinstance(end, BlockEnd)
    assert end.heard is not None
    assert end.failure is None


def test_a_way_to_connect_by_name_may_be_sent_to_another_process() -> None:
    connect = pickle.loads(pickle.dumps(by_name(ActorNames("run", 1))))
    assert connect.args == (ActorNames("run", 1),)


def test_finalizers_share_the_stores_and_the_first_is_everybodys() -> None:
    names = ActorNames("run", 5, stores=2)
    assert [names.store_of(number) for number in range(5)] == [
        "run-store",
        "run-store-1",
        "run-store",
        "run-store-1",
        "run-store",
    ]
    assert {ActorNames("run", 5).store_of(number) for number in range(5)} == {names.store}
