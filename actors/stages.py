"""What works in a pass: decoding (tasks) and seeing (actors) in the Ray Data graph, and beside it hearing (actors).

None of them ever raises: an error becomes a value.
"""

from __future__ import annotations

import os
import pickle
import time
import traceback
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from actors.pieces import BlockEnd, BoxesPiece, ChunkEnd, Failure, FramesPiece, Row, from_row, to_row
from schemas.chunk import ChunkSpec
from schemas.errors import VaengineError, VideoError
from schemas.pipeline import AUDIO
from schemas.settings import Settings
from schemas.sound import Heard, SoundBlock

if TYPE_CHECKING:
    from actors.hearing import Hearing
    from actors.vision import VisionActor

STOP_CHECK_SECONDS = 1.0  # how often a decoder asks whether the run is stopping


@dataclass(frozen=True, slots=True)
class CrewNames:
    """Names under which a run's actors are found; handles in arguments of Ray Data functions print errors."""

    run: str
    finalizers: int

    @property
    def coordinator(self) -> str:
        return f"{self.run}-coordinator"

    @property
    def store(self) -> str:
        return f"{self.run}-store"

    def finalizer(self, number: int) -> str:
        return f"{self.run}-finalizer-{number}"

    def finalizer_number(self, video_id: str) -> int:
        """Every piece of a video goes to the same finalizer."""
        return zlib.crc32(video_id.encode()) % self.finalizers


class Deliveries:
    """Hands pieces and ends to the finalizers of their videos and waits until they are taken."""

    def __init__(self, names: CrewNames) -> None:
        import ray

        self._names = names
        self._finalizers = [ray.get_actor(names.finalizer(number)) for number in range(names.finalizers)]

    def deliver(self, values: Sequence[BoxesPiece | ChunkEnd | BlockEnd]) -> None:
        import ray

        by_finalizer: dict[int, list[BoxesPiece | ChunkEnd | BlockEnd]] = {}
        for value in values:
            by_finalizer.setdefault(self._names.finalizer_number(value.video_id), []).append(value)
        ray.get([self._finalizers[number].take.remote(group) for number, group in by_finalizer.items()])


class Watch:
    """A decoder's line to the coordinator: may this chunk begin, and is the run stopping."""

    def __init__(self, names: CrewNames) -> None:
        import ray

        self._coordinator = ray.get_actor(names.coordinator)
        self._asked = time.monotonic()
        self._stopping = False

    def started(self, chunk_id: str) -> bool:
        import ray

        return bool(ray.get(self._coordinator.started.remote(chunk_id)))

    def stopping(self) -> bool:
        import ray

        if time.monotonic() - self._asked >= STOP_CHECK_SECONDS:
            self._asked = time.monotonic()
            self._stopping = bool(ray.get(self._coordinator.stopping.remote()))
        return self._stopping


def decode_stage(row: Mapping[str, Any], *, names: CrewNames, to_models: bool) -> Iterator[Row]:
    """All chunks of one work item as rows for the models; with no models, ends go to the finalizers at once and a receipt is returned."""
    from actors.reader import read_chunk
    from actors.threads import settle

    threads, watch = settle(1).decoder, Watch(names)
    chunks: tuple[ChunkSpec, ...] = pickle.loads(row["chunks"])
    for spec in chunks:
        for value in read_chunk(spec, watch, threads=threads):
            if to_models:
                yield to_row(value)
            elif isinstance(value, ChunkEnd):
                Deliveries(names).deliver([value])
                yield {"meta": spec.chunk_id.encode(), "pixels": b""}


class VisionStage:
    """Runs the models over rows of pictures and hands what they saw to the finalizers; the answer is a receipt for each row.

    All models that look at pictures are in one process, each loaded when the first of its pictures comes. One that cannot be loaded is the
    reason that every piece for it fails with: raised in here, Ray would start the process for ever anew.
    """

    def __init__(self, names: CrewNames, settings: Settings) -> None:
        from actors.threads import settle

        self._threads = settle(1).model
        self._deliveries = Deliveries(names)
        self._settings = settings
        self._models: dict[str, VisionActor | Exception] = {}

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        values = [from_row({"meta": meta, "pixels": pixels}) for meta, pixels in zip(batch["meta"], batch["pixels"], strict=True)]
        pictures = sorted((value for value in values if isinstance(value, FramesPiece)), key=lambda piece: piece.pipeline)
        seen = [one for pipeline, own in groupby(pictures, lambda piece: piece.pipeline) for one in self._seen(pipeline, list(own))]
        self._deliveries.deliver([*seen, *(value for value in values if isinstance(value, ChunkEnd))])
        return {"receipt": np.array([len(values)])}

    def _seen(self, pipeline: str, pieces: list[FramesPiece]) -> list[BoxesPiece]:
        """Boxes of each piece; when a batch fails, each piece is tried alone, so that only the culprit is blamed."""
        model = self._model(pipeline)
        if isinstance(model, Exception):
            return [_blame(piece, model) for piece in pieces]
        began = time.thread_time()
        try:
            detections = model.detect([piece.frames for piece in pieces])
        except Exception as error:  # noqa: BLE001 whatever a model raises is stored as the reason; a raise would lose the whole block
            _leave_broken_gpu(error)
            return [_blame(pieces[0], error)] if len(pieces) == 1 else [one for piece in pieces for one in self._seen(pipeline, [piece])]
        seconds = (time.thread_time() - began) / len(pieces)
        return [
            BoxesPiece(piece.chunk_id, piece.video_id, pipeline, piece.number, piece.frames.frame_numbers, tuple(seen), seconds)
            for piece, seen in zip(pieces, detections, strict=True)
        ]

    def _model(self, pipeline: str) -> VisionActor | Exception:
        if pipeline not in self._models:
            self._models[pipeline] = _loaded(self._settings, pipeline, self._threads)
        return self._models[pipeline]


def _loaded(settings: Settings, pipeline: str, threads: int) -> VisionActor | Exception:
    from actors.vision import VisionActor, detector_named

    try:
        return VisionActor(detector_named(settings, pipeline, threads=threads))
    except Exception as error:  # noqa: BLE001 told with every piece
        traceback.print_exc()
        return error


class HearingStage:
    """Listens to blocks of sound and hands what was heard to the finalizers; an actor of its own pool, beside the Ray Data graph.

    A model that cannot be loaded is the reason that every block fails with.
    """

    def __init__(self, names: CrewNames, settings: Settings) -> None:
        from actors.threads import settle

        threads = settle(1).model
        self._deliveries, self._watch = Deliveries(names), Watch(names)
        self._hearing: Hearing | Exception
        try:
            from actors.hearing import hearing

            self._hearing = hearing(settings, threads=threads)
        except Exception as error:  # noqa: BLE001 told with every block
            traceback.print_exc()
            self._hearing = error

    def hear(self, blocks: Sequence[SoundBlock]) -> int:
        """Listen to blocks of any sounds at once; the number of blocks, as a receipt."""
        wanted = [block for block in blocks if self._watch.started(block.chunk_id)]
        left = [BlockEnd(block, cancelled=True) for block in blocks if block not in wanted]
        self._deliveries.deliver([*left, *self._heard(wanted)])
        return len(blocks)

    def _heard(self, blocks: list[SoundBlock]) -> list[BlockEnd]:
        if isinstance(self._hearing, Exception):
            return [BlockEnd(block, failure=failure_of(self._hearing, block.path, AUDIO)) for block in blocks]
        began = time.thread_time()
        answers = self._hearing.listen(blocks) if blocks else []
        seconds = (time.thread_time() - began) / max(1, len(blocks))
        return [_block_end(block, answer, seconds) for block, answer in zip(blocks, answers, strict=True)]


def _block_end(block: SoundBlock, answer: Heard | Exception, seconds: float) -> BlockEnd:
    if isinstance(answer, Exception):
        _leave_broken_gpu(answer)
        return BlockEnd(block, seconds=seconds, failure=failure_of(answer, block.chunk_id, AUDIO))
    return BlockEnd(block, answer, seconds)


def _blame(piece: FramesPiece, error: Exception) -> BoxesPiece:
    failure = failure_of(error, piece.chunk_id, piece.pipeline)
    return BoxesPiece(piece.chunk_id, piece.video_id, piece.pipeline, piece.number, piece.frames.frame_numbers[:0], (), failure=failure)


def failure_of(error: Exception, what: str, pipeline: str) -> Failure:
    """Why a model gave no answer about `what`."""
    if isinstance(error, VideoError):
        return Failure(error.kind, str(error), error.transient, pipeline)
    if isinstance(error, VaengineError):
        return Failure("model", str(error), error.transient, pipeline)
    transient = isinstance(error, MemoryError) or "out of memory" in str(error)
    return Failure("out_of_memory" if transient else "model", f"the model failed on {what}: {error!r}", transient, pipeline)


def _leave_broken_gpu(error: Exception) -> None:
    """A CUDA context that has seen an illegal access fails every later call; only a new process helps, and Ray starts one."""
    if "CUDA error" in str(error) and "out of memory" not in str(error):
        os._exit(1)
