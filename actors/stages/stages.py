"""The three stages of a pass: decoding (tasks), vision (actors), and audio (a pool of actors beside them).

None of them ever raises: an error becomes a value.
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

from actors.coordination.links import Connect, Delivery, StageLinks
from actors.stages.inference import AudioModels, VisionModels
from schemas.settings.settings import Settings
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import BlockEnd, ChunkEnd, FramesMessage, Row, from_row, to_row
from schemas.work.progress import Worker

BEAT_SECONDS = 1.0  # how often a decoder gives a sign of life and asks whether to stop


@dataclass(frozen=True, slots=True)
class ActorNames:
    """Names under which a run's actors are found; handles in arguments of Ray Data functions print errors.

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
        """Every piece of a video goes to the same finalizer."""
        return zlib.crc32(video_id.encode()) % self.finalizers


class NamedLinks:
    """Links of a Ray worker: the run's actors are found by name."""

    def __init__(self, names: ActorNames) -> None:
        import ray

        self._names = names
        self._finalizers = [ray.get_actor(names.finalizer(number)) for number in range(names.finalizers)]
        self._coordinator = ray.get_actor(names.coordinator)
        self._worker = Worker(ray.get_runtime_context().get_node_id(), socket.gethostname(), os.getpid())

    def deliver(self, values: Sequence[Delivery]) -> None:
        import ray

        by_finalizer: dict[int, list[Delivery]] = {}
        for value in values:
            by_finalizer.setdefault(self._names.finalizer_number(value.video_id), []).append(value)
        ray.get([self._finalizers[number].take.remote(group) for number, group in by_finalizer.items()])

    def started(self, work: ChunkSpec | AudioBlock) -> bool:
        import ray

        return bool(ray.get(self._coordinator.started.remote(work.token, self._worker, work.keys)))

    def busy(self, chunk_ids: Sequence[str], length_s: float = 0.0) -> None:
        self._coordinator.busy.remote(self._worker, tuple(chunk_ids), length_s)

    def idle(self) -> None:
        self._coordinator.idle.remote(self._worker)

    def heartbeat(self, video_id: str, *, to_its_end: bool) -> bool:
        import ray

        return bool(
            ray.get(self._coordinator.heartbeat.remote(self._worker, video_id, to_its_end=to_its_end))
        )


def by_name(names: ActorNames) -> Connect:
    """How a Ray worker connects; it may be pickled."""
    return functools.partial(NamedLinks, names)


class Watch:
    """A worker's questions to the run: may this work begin, and is what is in work to be left.

    A worker is busy from the start of a call that may hang to its end, idle while it only waits to hand
    something over.
    """

    def __init__(self, links: StageLinks, *, to_its_end: bool = False) -> None:
        """`to_its_end`: what is in work when a person stops the run is not left but finished."""
        self._links, self._to_its_end = links, to_its_end
        self._asked_s = time.monotonic()
        self._leave = False

    def started(self, work: ChunkSpec | AudioBlock) -> bool:
        """Whether an attempt may begin."""
        self._leave = False
        return self._links.started(work)

    def leave(self, video_id: str) -> bool:
        """Whether what is in work of the video is to be left; a sign of life, cheap enough for each frame."""
        if time.monotonic() - self._asked_s >= BEAT_SECONDS:
            self._asked_s = time.monotonic()
            self._leave = self._links.heartbeat(video_id, to_its_end=self._to_its_end)
        return self._leave


@dataclass(slots=True)
class ChunkWatch:
    """What a reader asks of the run, about the one chunk it reads."""

    watch: Watch
    spec: ChunkSpec

    def started(self) -> bool:
        return self.watch.started(self.spec)

    def stopping(self) -> bool:
        return self.watch.leave(self.spec.video_id)


def decode_stage(row: Mapping[str, Any], *, connect: Connect, to_models: bool) -> Iterator[Row]:
    """All chunks of one work item as rows for the models; with no models, ends go to the finalizers at
    once and a receipt is returned.
    """
    from actors.stages.chunk_reader import read_chunk
    from actors.stages.threads import limit_threads

    threads, links = limit_threads(1).decoder, connect()
    watch = Watch(links)
    chunks: tuple[ChunkSpec, ...] = pickle.loads(row["chunks"])
    for spec in chunks:
        for value in read_chunk(spec, ChunkWatch(watch, spec), threads=threads):
            links.idle()  # the generator is held here for as long as the models are behind
            if to_models:
                yield to_row(value)
            elif isinstance(value, ChunkEnd):
                links.deliver([value])
                yield {"meta": spec.chunk_id.encode(), "pixels": b""}
            if isinstance(value, FramesMessage):
                links.busy([spec.chunk_id])


class VisionStage:
    """Runs the models over rows of pictures and hands what they saw to the finalizers; the answer is a
    receipt for each row.
    """

    def __init__(self, connect: Connect, settings: Settings) -> None:
        from actors.stages.threads import limit_threads

        self._sight = VisionModels(settings, threads=limit_threads(1).model)
        self._links = connect()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        values = [
            from_row({"meta": meta, "pixels": pixels})
            for meta, pixels in zip(batch["meta"], batch["pixels"], strict=True)
        ]
        pictures = [value for value in values if isinstance(value, FramesMessage)]
        self._links.busy([piece.chunk_id for piece in pictures])
        seen = self._sight.analyze(pictures)
        self._links.idle()
        self._links.deliver([*seen, *(value for value in values if isinstance(value, ChunkEnd))])
        return {"receipt": np.array([len(values)])}


class AudioStage:
    """Listens to blocks of sound and hands what was heard to the finalizers; an actor of its own pool,
    beside the Ray Data graph.
    """

    def __init__(self, connect: Connect, settings: Settings) -> None:
        from actors.stages.threads import limit_threads

        self._links = connect()
        self._ears = AudioModels(settings, threads=limit_threads(1).model)

    def analyze(self, blocks: Sequence[AudioBlock]) -> int:
        """Listen to blocks of any sounds at once; the number of blocks, as a receipt."""
        wanted = [block for block in blocks if self._links.started(block)]
        self._links.busy([block.chunk_id for block in wanted], sum(block.duration_s for block in wanted))
        left = [BlockEnd(block, cancelled=True) for block in blocks if block not in wanted]
        heard = self._ears.analyze(wanted)
        self._links.idle()
        self._links.deliver([*left, *heard])
        return len(blocks)
