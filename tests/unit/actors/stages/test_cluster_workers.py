"""Decoders and models of a cluster, linked by reference, with answers that come, fail or do not come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import ray

from actors.coordination.coordinator import Coordinator
from actors.coordination.links import DirectLinks
from actors.probing.probe import probe
from actors.stages.cluster_workers import AHEAD, DecodeWorker, VisionWorker
from schemas.pipelines import PERSON, SCENE
from schemas.settings.settings import Settings
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import ChunkEnd, DetectionsMessage, FramesMessage
from schemas.work.progress import Worker
from schemas.work.retry import WORKER_LOST
from tests.support.media import clips
from vaengine.planning.plan import chunks_of, work_keys

SETTINGS = Settings.model_validate({"engine": {"chunk_seconds": 1.0}, "person": {"sample_fps": 25}})


class Finalizer:
    def __init__(self) -> None:
        self.values: list[Any] = []

    def take(self, values: list[Any]) -> None:
        self.values += values


@dataclass
class Model:
    """A handle of an actor: `answer` is what each message comes to, None for never."""

    answer: Callable[[FramesMessage], Any]
    begun: list[FramesMessage] = field(default_factory=list)

    @property
    def look(self) -> Model:
        return self

    def remote(self, message: FramesMessage) -> tuple[Model, FramesMessage]:
        self.begun.append(message)
        return self, message


@dataclass
class Waiting:
    """Stands for Ray: what is waited for is answered one by one, and how much waited at most is kept."""

    most: int = 0

    def wait(self, references: list[Any], timeout: float | None = None) -> tuple[list[Any], list[Any]]:
        self.most = max(self.most, len(references))
        done = [one for one in references if one[0].answer is not never][:1]
        return done, [one for one in references if one not in done]

    def get(self, reference: tuple[Model, FramesMessage]) -> Any:
        model, message = reference
        return model.answer(message)


def never(message: FramesMessage) -> Any:
    raise AssertionError("nobody waits for it")


def dies(message: FramesMessage) -> Any:
    raise ray.exceptions.ActorDiedError


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    stand_in = Waiting()
    monkeypatch.setattr(ray, "wait", stand_in.wait)
    monkeypatch.setattr(ray, "get", stand_in.get)
    return stand_in


@pytest.fixture
def chunks(clip_folder: Path) -> list[ChunkSpec]:
    video = probe(str(clips.with_persons(clip_folder, frames=60).path))
    keys: dict[Any, Any] = {key: [] for key in work_keys(video.video_id, (SCENE, PERSON), SETTINGS)}
    return chunks_of(video, keys, SETTINGS)


def linked() -> tuple[Callable[[], DirectLinks], Finalizer]:
    finalizer, coordinator = Finalizer(), Coordinator()
    return lambda: DirectLinks(coordinator, finalizer, Worker("node", "host", 7)), finalizer


def test_models_look_in_turns_and_the_end_comes_when_they_have_seen_everything(
    waiting: Waiting, chunks: list[ChunkSpec]
) -> None:
    connect, finalizer = linked()
    vision = VisionWorker(connect, SETTINGS, messages=1)
    models = [Model(vision.look), Model(vision.look)]
    DecodeWorker(connect, silent_s=1.0).decode(chunks, models)
    ends = [value for value in finalizer.values if isinstance(value, ChunkEnd)]
    seen = [value for value in finalizer.values if isinstance(value, DetectionsMessage)]
    assert [end.spec.chunk_id for end in ends] == [chunk.chunk_id for chunk in chunks]
    assert sum(end.pieces for end in ends) == len(seen) == sum(len(model.begun) for model in models)
    assert all(end.failure is None for end in ends)
    assert abs(len(models[0].begun) - len(models[1].begun)) <= len(chunks)
    assert waiting.most <= AHEAD


@pytest.mark.parametrize("answer", [dies, never], ids=["it dies", "it never answers"])
def test_a_model_that_is_lost_fails_the_chunk_for_another_try(
    answer: Callable[[FramesMessage], Any], waiting: Waiting, chunks: list[ChunkSpec]
) -> None:
    connect, finalizer = linked()
    DecodeWorker(connect, silent_s=0.01).decode(chunks[:1], [Model(answer)])
    (end,) = finalizer.values
    assert end.pieces == 0
    assert end.failure.kind == WORKER_LOST
    assert end.failure.transient
