"""The three stages of a pass: decoding (tasks), vision (actors), and audio (a pool of actors beside them).

A stage never raises: an error becomes a value.
"""

from __future__ import annotations

import functools
import os
import pickle
import socket
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from actors.coordination.answer import ask
from actors.coordination.beats import Beats
from actors.coordination.holders import beat_seconds
from actors.coordination.links import Connect, Delivery, StageLinks
from actors.stages.inference import AudioModels
from actors.stages.vision_steps import VisionSteps
from schemas.settings.settings import EngineSettings, Settings
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import BlockEnd, ChunkEnd, FramesMessage, Row, from_row, to_row
from schemas.work.progress import Worker

HEARTBEAT_SECONDS = 1.0  # between two heartbeats of a decoder, whose answer says whether to stop
ANSWER_SECONDS = 5.0  # how long it waits for the answer; it asks again soon


@dataclass(frozen=True, slots=True)
class ActorNames:
    """The names under which Ray finds the actors of a run.

    Handles are not passed: as arguments of Ray Data functions they print errors.
    Of several `stores` each finalizer writes through one.
    """

    run: str
    finalizers: int
    stores: int = 1

    @property
    def coordinator(self) -> str:
        return f"{self.run}-coordinator"

    @property
    def store(self) -> str:
        return f"{self.run}-store"

    def store_of(self, finalizer: int) -> str:
        """The store of a finalizer; the first is also that of the driver and the coordinator."""
        number = finalizer % self.stores
        return f"{self.store}-{number}" if number else self.store

    def finalizer(self, number: int) -> str:
        return f"{self.run}-finalizer-{number}"

    def finalizer_number(self, video_id: str) -> int:
        """The finalizer of a video: all messages of a video go to the same one."""
        return zlib.crc32(video_id.encode()) % self.finalizers


class NamedLinks:
    """Links of a Ray worker, which finds the run's actors by name.

    Questions are asked again where no answer comes. A thread of its own shows that the process lives.
    """

    def __init__(self, names: ActorNames, *, silent_s: float) -> None:
        """`silent_s` as in `actors.coordination.holders.Holders`."""
        import ray

        self._names = names
        self._finalizers = [ray.get_actor(names.finalizer(number)) for number in range(names.finalizers)]
        self._coordinator = ray.get_actor(names.coordinator)
        self._worker = Worker(ray.get_runtime_context().get_node_id(), socket.gethostname(), os.getpid())
        self._beats = Beats(self._beat, beat_seconds(silent_s))

    def deliver(self, values: Sequence[Delivery]) -> None:
        by_finalizer: dict[int, list[Delivery]] = {}
        for value in values:
            by_finalizer.setdefault(self._names.finalizer_number(value.video_id), []).append(value)
        ask(lambda: [self._finalizers[number].take.remote(group) for number, group in by_finalizer.items()])

    def started(self, work: ChunkSpec | AudioBlock) -> bool:
        return bool(ask(lambda: self._coordinator.started.remote(work.token, self._worker, work.keys)))

    def busy(self, chunk_ids: Sequence[str], length_s: float = 0.0) -> None:
        self._coordinator.busy.remote(self._worker, tuple(chunk_ids), length_s)

    def idle(self) -> None:
        self._coordinator.idle.remote(self._worker)

    def heartbeat(self, video_id: str, *, to_its_end: bool) -> bool:
        question = self._coordinator.heartbeat.remote(self._worker, video_id, to_its_end=to_its_end)
        return _told_to_leave(question)

    def handed_over(self, chunk_ids: Sequence[str]) -> None:
        self._coordinator.handed_over.remote(self._worker, tuple(chunk_ids))

    def close(self) -> None:
        self._beats.close()

    def _beat(self) -> bool:
        """Whether the coordinator has taken from this worker what it held; one that is gone has not."""
        import ray

        try:
            return _told_to_leave(self._coordinator.beat.remote(self._worker))
        except ray.exceptions.RayError:
            return False


def _told_to_leave(question: Any) -> bool:
    """The answer to a question that is asked again soon: where none comes in time, nothing has changed."""
    import ray

    try:
        return bool(ray.get(question, timeout=ANSWER_SECONDS))
    except ray.exceptions.GetTimeoutError:
        return False


def by_name(names: ActorNames, silent_s: float = EngineSettings().worker_silent_seconds) -> Connect:
    """A picklable function that makes the links of a Ray worker. `silent_s` as in `NamedLinks`."""
    return functools.partial(NamedLinks, names, silent_s=silent_s)


class Watch:
    """Asks the run for a worker: may this work begin, and is the work that has begun to be left?"""

    def __init__(self, links: StageLinks, *, to_its_end: bool = False) -> None:
        """`to_its_end`: work that has begun is finished, not left, when a person stops the run."""
        self._links, self._to_its_end = links, to_its_end
        self._last_heartbeat_s = time.monotonic()
        self._leave = False

    def started(self, work: ChunkSpec | AudioBlock) -> bool:
        """Whether an attempt may begin."""
        self._leave = False
        return self._links.started(work)

    def leave(self, video_id: str) -> bool:
        """Whether to leave the work on the video; also a heartbeat, cheap enough to be called per frame."""
        if time.monotonic() - self._last_heartbeat_s >= HEARTBEAT_SECONDS:
            self._last_heartbeat_s = time.monotonic()
            self._leave = self._links.heartbeat(video_id, to_its_end=self._to_its_end)
        return self._leave


@dataclass(slots=True)
class ChunkWatch:
    """The watch of the reader of one chunk."""

    watch: Watch
    spec: ChunkSpec

    def started(self) -> bool:
        return self.watch.started(self.spec)

    def stopping(self) -> bool:
        return self.watch.leave(self.spec.video_id)


def decode_stage(row: Mapping[str, Any], *, connect: Connect, to_models: bool) -> Iterator[Row]:
    """Decodes all chunks of a work item and yields rows for the models.

    Without models, the ends go to the finalizers at once, and a row is a receipt.
    """
    from actors.stages.chunk_reader import read_chunk
    from actors.stages.threads import limit_threads

    threads, links = limit_threads(1).decoder, connect()
    watch = Watch(links)
    chunks: tuple[ChunkSpec, ...] = pickle.loads(row["chunks"])
    try:
        for spec in chunks:
            for value in read_chunk(spec, ChunkWatch(watch, spec), threads=threads):
                # The generator waits here while the models are behind. That is not a call that may hang.
                links.idle()
                if to_models:
                    yield to_row(value)
                elif isinstance(value, ChunkEnd):
                    links.deliver([value])
                    yield {"meta": spec.chunk_id.encode(), "pixels": b""}
                if isinstance(value, FramesMessage):
                    links.busy([spec.chunk_id])
            links.handed_over([spec.chunk_id])
    finally:
        links.close()


class VisionStage:
    """Runs the models over rows of frames and delivers the detections to the finalizers.

    It returns the number of rows as a receipt. `overlapped` as in `VisionSteps`: then several calls are to
    be made at once.
    """

    def __init__(self, connect: Connect, settings: Settings, *, overlapped: bool = False) -> None:
        self._steps = VisionSteps(connect, settings, most=1, overlapped=overlapped)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        values = [
            from_row({"meta": meta, "pixels": pixels})
            for meta, pixels in zip(batch["meta"], batch["pixels"], strict=True)
        ]
        self._steps.look(values)
        return {"receipt": np.array([len(values)])}

    def close(self) -> None:
        """Take nothing more, and return once what was taken is done."""
        self._steps.close()


class AudioStage:
    """Analyses blocks of audio and delivers the results to the finalizers; an actor of the audio pool."""

    def __init__(self, connect: Connect, settings: Settings) -> None:
        from actors.stages.threads import limit_threads

        self._links = connect()
        self._models = AudioModels(settings, threads=limit_threads(1).model)

    def analyze(self, blocks: Sequence[AudioBlock]) -> int:
        """Analyse blocks of any videos together; returns the number of blocks as a receipt."""
        started = [block for block in blocks if self._links.started(block)]
        self._links.busy([block.chunk_id for block in started], sum(block.duration_s for block in started))
        cancelled = [BlockEnd(block, cancelled=True) for block in blocks if block not in started]
        analyses = self._models.analyze(started)
        self._links.idle()
        self._links.deliver([*cancelled, *analyses])
        self._links.handed_over([block.chunk_id for block in started])
        return len(blocks)
