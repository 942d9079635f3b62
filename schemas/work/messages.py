"""Messages from decoders to models to the finalizer."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from schemas.inference.detections import Detections
from schemas.inference.transcript import AudioAnalysis
from schemas.media.frames import Floats, FrameBatch, Ints
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec


@dataclass(frozen=True, slots=True)
class ChunkFailure:
    """Why a chunk, or one pipeline of it, gave no result.

    `kind` is as in the store, `message` one line, `transient` says whether another attempt may succeed.
    """

    kind: str
    message: str
    transient: bool
    pipeline: str | None = None  # None: all of them
    traceback: str | None = None  # for the log


@dataclass(frozen=True, slots=True)
class FramesMessage:
    """Some sampled frames of a chunk for the model of one pipeline.

    All messages of a chunk are numbered from 0.
    """

    chunk_id: str
    video_id: str
    pipeline: str
    number: int
    frames: FrameBatch
    attempt: int = 1  # of the chunk; messages of two attempts are never put together


@dataclass(frozen=True, slots=True)
class DetectionsMessage:
    """A model's results for a `FramesMessage`, or its failure.

    There is one `Detections` per frame, in displayed pixels.
    """

    chunk_id: str
    video_id: str
    pipeline: str
    number: int
    frame_numbers: Ints
    detections: tuple[Detections, ...]
    model_s: float = 0.0
    failure: ChunkFailure | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class ChunkEnd:
    """The last message of a decoded chunk: its numbers, and the number of its other messages (`pieces`).

    `frame_numbers`, `frame_pts` int64 and `scene_scores` float64 have one entry per decoded frame.
    `cancelled`: left because the run stops.
    """

    spec: ChunkSpec
    pieces: int
    frame_numbers: Ints
    frame_pts: Ints
    scene_scores: Floats
    lost: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    decode_s: float = 0.0
    failure: ChunkFailure | None = None
    cancelled: bool = False

    @property
    def video_id(self) -> str:
        return self.spec.video_id


@dataclass(frozen=True, slots=True)
class BlockEnd:
    """The analysis of a block of sound, or its failure. `cancelled`: left because the run stops."""

    block: AudioBlock
    heard: AudioAnalysis | None = None
    seconds: float = 0.0
    failure: ChunkFailure | None = None
    cancelled: bool = False

    @property
    def video_id(self) -> str:
        return self.block.key.video_id


Row = dict[str, Any]


def to_row(value: FramesMessage | ChunkEnd) -> Row:
    """A Ray Data row: `meta` is the pickled message, `pixels` its frames as plain bytes.

    So no column is ragged.
    """
    if isinstance(value, ChunkEnd):
        return {"meta": pickle.dumps(value), "pixels": b""}
    pixels = value.frames.pixels
    bare = replace(value, frames=replace(value.frames, pixels=np.zeros((len(pixels), 0, 0, 3), np.uint8)))
    return {"meta": pickle.dumps((bare, pixels.shape)), "pixels": pixels.tobytes()}


def from_row(row: Mapping[str, Any]) -> FramesMessage | ChunkEnd:
    """The reverse of `to_row`; frames are a read-only view of the row's bytes."""
    value = pickle.loads(row["meta"])
    if isinstance(value, ChunkEnd):
        return value
    bare: FramesMessage = value[0]
    shape: tuple[int, ...] = value[1]
    pixels = np.frombuffer(row["pixels"], np.uint8).reshape(shape)
    return replace(bare, frames=replace(bare.frames, pixels=pixels))
