"""A chunk of a video as a unit of work, and the key that its results belong to."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np

from schemas.media.frames import Ints
from schemas.work.attempt import Token


@dataclass(frozen=True, slots=True, order=True)
class WorkKey:
    """One pipeline in one configuration for one video; results belong to it."""

    video_id: str
    pipeline: str
    config_hash: str

    def __str__(self) -> str:
        return f"{self.pipeline} of {self.video_id} ({self.config_hash})"


def scope(keys: Iterable[WorkKey]) -> str:
    """A short mark of the pipelines of a chunk.

    The same stretch has another mark for other pipelines, so that failures of one pipeline do not count
    against others.
    """
    names = ",".join(f"{key.pipeline}={key.config_hash}" for key in sorted(keys))
    return f"~{zlib.crc32(names.encode()) & 0xFFFF:04x}"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video go to the model of a pipeline, and in which size.

    A frame is sampled when it is the first shown in its interval of 1/`fps` seconds since the first frame.
    `width` x `height` is the size of the tensor in pixels, chosen once per video so that every chunk
    agrees. `filter` is how pictures are made smaller: `area` averages all pixels that fall into one,
    `linear` reads four, as OpenCV does for the pictures that neural detectors are trained on.
    """

    pipeline: str
    fps: Fraction
    width: int
    height: int
    filter: Literal["area", "linear"] = "area"


@dataclass(frozen=True, slots=True)
class ChunkSpec:
    """Frames `[first_frame, first_frame + frame_count)` of a video, shown in `[start_pts, end_pts)`.

    It is tiny, so it can be sent anywhere. `pts` int64 holds the presentation time of every frame of the
    chunk, preceded by that of the frame before (`before` = 1) unless the chunk begins the video. It is
    empty where the index is not exact: then the chunk is the whole video, counted as it is decoded.
    `seek_pts` is the governing keyframe, None to read from the start. `keys` are the pipelines that still
    need this stretch.

    Where not `every_frame` only sampled frames are needed: no scene scores are made, and the others may be
    left undecoded. `keyframes` int64 are the times of frames after the chunk's first at which decoding may
    begin anew; empty: nowhere. `backend` is the decoder. Where the index is not exact, `estimates` int64
    are the times of the pictures in the order of decoding. They count for pictures without a time of their
    own, and for all pictures where times are `made_up`.
    """

    video_id: str
    path: str
    stream_index: int
    time_base: Fraction
    origin_pts: int  # start_pts of the video: zero of all its seconds
    rotation: int
    width: int  # of the displayed picture
    height: int
    first_frame: int
    frame_count: int
    start_pts: int
    end_pts: int
    seek_pts: int | None
    pts: Ints
    before: int
    keys: tuple[WorkKey, ...]
    samplings: tuple[Sampling, ...]  # one for each pipeline whose model needs pictures
    attempt: int = 1
    every_frame: bool = True
    backend: Literal["pyav", "decord"] = "pyav"
    keyframes: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    mirrored: bool = False  # left and right are exchanged once the picture is turned by `rotation`
    estimates: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    made_up: bool = False

    def __post_init__(self) -> None:
        if self.frame_count < 1 or self.end_pts <= self.start_pts:
            raise ValueError(
                f"a chunk needs frames: {self.frame_count} in [{self.start_pts}, {self.end_pts})"
            )
        if len(self.pts) not in (0, self.frame_count + self.before):
            raise ValueError(
                f"{len(self.pts)} times for {self.frame_count} frames and {self.before} before them"
            )

    @property
    def chunk_id(self) -> str:
        return f"{self.video_id}[{self.start_pts},{self.end_pts}){scope(self.keys)}"

    @property
    def token(self) -> Token:
        return Token(self.chunk_id, self.video_id, self.attempt)

    @property
    def duration_s(self) -> float:
        return float((self.end_pts - self.start_pts) * self.time_base)
