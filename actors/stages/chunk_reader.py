"""Decodes a chunk once for all pipelines: into scene scores, and sampled frames for each model."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

import numpy as np

from actors.container.frame import DecodedFrame
from actors.decoding.backends import decoder_for
from actors.decoding.sampling import Sampler, sampled_by
from actors.stages.visibility import attributed
from schemas.errors import VideoError
from schemas.media.frames import FrameBatch, Pixels
from schemas.work.chunk import ChunkSpec, Sampling
from schemas.work.messages import ChunkEnd, ChunkFailure, FramesMessage

# Frames in one message, 7.4 MB at 640 x 480: as many as a detector takes at once, and few enough to spread
# evenly. Larger frames: as many as fit in MESSAGE_BYTES, at least one.
MESSAGE_FRAMES = 8
MESSAGE_BYTES = 8 << 20


class RunWatch(Protocol):
    """The run as the reader of a chunk sees it: may the chunk begin, and is it to be left?"""

    def started(self) -> bool: ...
    def stopping(self) -> bool: ...


@dataclass(slots=True)
class _SampledFrames:
    """The frames of one sampling of a chunk that are not sent yet."""

    spec: ChunkSpec
    sampling: Sampling
    is_sampled: Callable[[DecodedFrame], bool]
    numbers: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    pixels: list[Pixels] = field(default_factory=list)

    @classmethod
    def of(cls, spec: ChunkSpec, sampling: Sampling) -> _SampledFrames:
        return cls(spec, sampling, _sampler(spec, sampling))

    def add(self, frame: DecodedFrame) -> None:
        """Keep the frame if it is sampled."""
        if self.is_sampled(frame):
            self.numbers.append(frame.number)
            self.times_s.append(_time_s(self.spec, frame.pts))
            self.pixels.append(frame.rgb(self.sampling.width, self.sampling.height, self.sampling.filter))

    @property
    def is_full(self) -> bool:
        return len(self.numbers) == max(
            1, min(MESSAGE_FRAMES, MESSAGE_BYTES // (3 * self.sampling.width * self.sampling.height))
        )

    def message(self, number: int) -> FramesMessage:
        height, width = self.pixels[0].shape[:2]
        batch = FrameBatch(
            np.array(self.numbers, np.int64),
            np.array(self.times_s),
            np.stack(self.pixels),
            self.spec.width / width,
            self.spec.height / height,
        )
        self.numbers, self.times_s, self.pixels = [], [], []
        return FramesMessage(
            self.spec.chunk_id, self.spec.video_id, self.sampling.pipeline, number, batch, self.spec.attempt
        )


def read_chunk(spec: ChunkSpec, watch: RunWatch, *, threads: int = 1) -> Iterator[FramesMessage | ChunkEnd]:
    """Yields messages of sampled frames, then the end of the chunk, which has the `failure` if there is one.

    Never raises. `threads` are the decoder's. The number of messages depends on the chunk alone: Ray may
    replay the task.
    """
    if not watch.started():
        yield _end(spec, cancelled=True)
        return
    yielded = 0  # messages that may be on their way to a model when something fails: the end waits for them
    try:
        for value in _read(spec, watch, threads):
            yield value
            yielded += 1
    except VideoError as error:
        fault = attributed(error)
        failure = ChunkFailure(fault.kind, str(fault), transient=fault.transient)
        yield _end(spec, pieces=yielded, failure=failure)
    except MemoryError as error:
        yield _end(
            spec,
            pieces=yielded,
            failure=ChunkFailure("out_of_memory", f"{spec.path}: {error}", transient=True),
        )
    except Exception as error:  # noqa: BLE001 a raise would lose the whole Ray Data block, innocents included
        traceback.print_exc()
        # An error of Ray's: the coordinator died, and nothing is wrong with this chunk.
        actors_lost = type(error).__module__.startswith("ray.")
        kind = "worker_lost" if actors_lost else "internal"
        failure = ChunkFailure(kind, f"{spec.path}: {error!r} in {_raised_in(error)}", transient=actors_lost)
        yield _end(spec, pieces=yielded, failure=failure)


def _read(spec: ChunkSpec, watch: RunWatch, threads: int) -> Iterator[FramesMessage | ChunkEnd]:
    # The generator is suspended while its messages are taken: wall time would count that.
    clock, scored = time.thread_time, _scores_of(spec)
    began = clock()
    decoder = decoder_for(spec, threads=threads)
    samplings = [_SampledFrames.of(spec, sampling) for sampling in spec.samplings]
    number = count()
    numbers: list[int] = []
    pts: list[int] = []
    scores: list[float] = []
    for frame in decoder:
        scores.append(scored(frame))
        if frame.is_trailing:
            break
        numbers.append(frame.number)
        pts.append(frame.pts)
        for sampled in samplings:
            sampled.add(frame)
            if sampled.is_full:
                yield sampled.message(next(number))
        if watch.stopping():
            yield _end(spec, pieces=next(number), cancelled=True)
            return
    for sampled in samplings:
        if sampled.numbers:
            yield sampled.message(next(number))
    yield ChunkEnd(
        spec,
        next(number),
        np.array(numbers, np.int64),
        np.array(pts, np.int64),
        np.array([*scores[1:], 0.0][: len(numbers)], np.float64),  # of each frame against the next
        lost=decoder.lost,
        notes=decoder.notes,
        decode_s=clock() - began,
    )


def _scores_of(spec: ChunkSpec) -> Callable[[DecodedFrame], float]:
    """The score of a frame against the one before; 0.0 where no pipeline needs it."""
    if not spec.every_frame:
        return lambda frame: 0.0
    from actors.vision.scene_scores import ContentScorer  # PySceneDetect runs ffmpeg when it is imported

    scorer = ContentScorer()
    return lambda frame: scorer.score(frame.bgr())


def _sampler(spec: ChunkSpec, sampling: Sampling) -> Callable[[DecodedFrame], bool]:
    """A test whether a frame is sampled: by the index where that is exact, else frame by frame."""
    if not len(spec.pts):
        streaming = Sampler(spec.origin_pts, spec.time_base, sampling.fps)
        return lambda frame: streaming.takes(frame.pts)
    mask = sampled_by(spec, sampling)
    return lambda frame: bool(mask[frame.number - spec.first_frame])


def _time_s(spec: ChunkSpec, pts: int) -> float:
    return float((pts - spec.origin_pts) * spec.time_base)


def _end(
    spec: ChunkSpec, *, pieces: int = 0, failure: ChunkFailure | None = None, cancelled: bool = False
) -> ChunkEnd:
    none = np.zeros(0, np.int64)
    return ChunkEnd(spec, pieces, none, none, np.zeros(0), failure=failure, cancelled=cancelled)


def _raised_in(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name} ({last.filename.rsplit('/', 1)[-1]}:{last.lineno})"
