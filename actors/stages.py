"""The two stages of the Ray Data graph: decode (tasks) and see (actors). Neither ever raises: an error becomes a row."""

from __future__ import annotations

import os
import pickle
import time
import traceback
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from actors.pieces import BoxesPiece, ChunkEnd, Failure, FramesPiece, Row, from_row, to_row
from schemas.chunk import ChunkSpec
from schemas.errors import VaengineError
from schemas.pipeline import PERSON
from schemas.settings import Settings

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

    def deliver(self, values: Sequence[BoxesPiece | ChunkEnd]) -> None:
        import ray

        by_finalizer: dict[int, list[BoxesPiece | ChunkEnd]] = {}
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

    A model that cannot be loaded is the reason that every piece fails with: raised in here, Ray would start the process for ever anew.
    """

    def __init__(self, names: CrewNames, settings: Settings) -> None:
        from actors.threads import settle
        from actors.vision import VisionActor, detector_named

        threads = settle(1).model
        self._deliveries = Deliveries(names)
        self._unfit: Exception | None = None
        try:
            self._vision = VisionActor(detector_named(settings, threads=threads))
        except Exception as error:  # noqa: BLE001 told with every piece
            traceback.print_exc()
            self._unfit = error

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        values = [from_row({"meta": meta, "pixels": pixels}) for meta, pixels in zip(batch["meta"], batch["pixels"], strict=True)]
        pictures = [value for value in values if isinstance(value, FramesPiece)]
        ends = [value for value in values if isinstance(value, ChunkEnd)]
        self._deliveries.deliver([*self._seen(pictures), *ends])
        return {"receipt": np.array([len(values)])}

    def _seen(self, pieces: list[FramesPiece]) -> list[BoxesPiece]:
        """Boxes of each piece; when a batch fails, each piece is tried alone, so that only the culprit is blamed."""
        if self._unfit is not None:
            return [_blame(piece, self._unfit) for piece in pieces]
        if not pieces:
            return []
        began = time.thread_time()
        try:
            detections = self._vision.detect([piece.frames for piece in pieces])
        except Exception as error:  # noqa: BLE001 whatever a model raises is stored as the reason; a raise would lose the whole block
            _leave_broken_gpu(error)
            return [_blame(pieces[0], error)] if len(pieces) == 1 else [one for piece in pieces for one in self._seen([piece])]
        seconds = (time.thread_time() - began) / len(pieces)
        return [
            BoxesPiece(piece.chunk_id, piece.video_id, piece.number, piece.frames.frame_numbers, tuple(seen), seconds)
            for piece, seen in zip(pieces, detections, strict=True)
        ]


def _blame(piece: FramesPiece, error: Exception) -> BoxesPiece:
    if isinstance(error, VaengineError):
        failure = Failure("model", str(error), error.transient, PERSON)
    else:
        transient = isinstance(error, MemoryError) or "out of memory" in str(error)
        failure = Failure("out_of_memory" if transient else "model", f"the model failed on {piece.chunk_id}: {error!r}", transient, PERSON)
    return BoxesPiece(piece.chunk_id, piece.video_id, piece.number, piece.frames.frame_numbers[:0], (), failure=failure)


def _leave_broken_gpu(error: Exception) -> None:
    """A CUDA context that has seen an illegal access fails every later call; only a new process helps, and Ray starts one."""
    if "CUDA error" in str(error) and "out of memory" not in str(error):
        os._exit(1)
