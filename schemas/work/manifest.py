"""What is stored of a decoded chunk: numbers of its frames, its line in the manifest, its commit."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

import numpy as np

from schemas.annotations.annotation import Annotation
from schemas.inference.detections import joined
from schemas.media.frames import Floats, Floats32, Ints
from schemas.work.chunk import WorkKey


@dataclass(frozen=True, slots=True)
class FrameNumbers:
    """The stored numbers of a stretch of frames; consecutive stretches can be joined.

    `frame_numbers`, `frame_pts` int64 and `scene_scores` float64 have one entry per decoded frame; the
    score is the content difference to the next frame that can be decoded (0 for a video's last). A chunk
    gets that frame by reading on into a keyframe, where the frame before its own first one would cost a
    whole GOP. `sampled` int64 are the frame numbers that went to a model, with boxes or without.
    `box_frames` int64, `xyxy` N x 4 float64 in displayed pixels and `confidence` float64 have one entry per
    box, ordered by frame, then by rank; so have `keypoints` N x K x 3 float64 (x, y, score), `embeddings` N
    x D float32 and `traits` N x T float64, as in `Detections`.
    """

    frame_numbers: Ints
    frame_pts: Ints
    scene_scores: Floats
    sampled: Ints
    box_frames: Ints
    xyxy: Floats
    confidence: Floats
    keypoints: Floats = field(default_factory=lambda: np.zeros((0, 0, 3)))
    embeddings: Floats32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    traits: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @classmethod
    def none(cls) -> FrameNumbers:
        ints, floats = np.zeros(0, np.int64), np.zeros(0)
        return cls(ints, ints, floats, ints, ints, np.zeros((0, 4)), floats)

    @classmethod
    def joined(cls, stretches: Iterable[FrameNumbers]) -> FrameNumbers:
        """Consecutive stretches in presentation order as one."""
        columns = zip(
            *([getattr(stretch, f.name) for f in fields(cls)] for stretch in (cls.none(), *stretches)),
            strict=True,
        )
        return cls(*(joined(column) for column in columns))

    def to_bytes(self) -> bytes:
        """The numbers as compressed bytes; the same numbers give the same bytes."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{f.name: getattr(self, f.name) for f in fields(self)})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> FrameNumbers:
        with np.load(io.BytesIO(data)) as stored:
            return cls(**{f.name: stored[f.name] for f in fields(cls) if f.name in stored})

    def checksum(self) -> str:
        """sha256 (hex) of every array's bytes, in order."""
        digest = hashlib.sha256()
        for f in fields(self):
            digest.update(np.ascontiguousarray(getattr(self, f.name)).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """The manifest's line of one committed chunk of one pipeline.

    Frames are `[first_frame, first_frame + frame_count)`. For sound they are samples, at 16 kHz since its
    beginning.
    """

    key: WorkKey
    start_pts: int
    end_pts: int
    first_frame: int
    frame_count: int
    lost: tuple[int, ...]
    checksum: str  # sha256 of the chunk's rows and numbers
    attempt: int
    seconds: float = 0.0  # decode and model time, not part of any digest


@dataclass(frozen=True, slots=True)
class ChunkCommit:
    """A manifest line with its rows and numbers, which the finalizer needs again."""

    line: ManifestLine
    job_id: str
    annotations: tuple[Annotation, ...] = field(repr=False)  # provisional rows, e.g. boxes without a track
    payload: bytes = field(repr=False)  # FrameNumbers.to_bytes(), or AudioAnalysis.to_bytes() of sound
    chunk_id: str = ""  # with `line.attempt` the token of its attempt; "" without a token
