"""Writes a part of a video as a video file of its own: drawn frames with their exact times, and the sound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np

from actors.container.container import opened
from actors.container.frame import DecodedFrame
from actors.decoding.decoder import ChunkDecoder
from schemas.errors import UsageError
from schemas.media.frames import Pixels
from schemas.media.video import Video
from vaengine.console.units import clock
from vaengine.planning.plan import chunk_spec
from vaengine.rendering.video_writer import VideoCoding, VideoWriter, video_writer

Draw = Callable[[Pixels, int, float], Pixels]  # the upright BGR frame, its number, its time in seconds


@dataclass(frozen=True, slots=True)
class RenderProgress:
    """The progress of a rendering; `draw_s` of `elapsed_s` went into drawing.

    `is_current` says that the file was there already.
    """

    frames_done: int
    frames_total: int
    elapsed_s: float
    draw_s: float
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """Frames `[first, stop)` of a video, shown in `[start_s, end_s)` seconds."""

    video: Video
    first: int
    stop: int
    start_s: float
    end_s: float

    @classmethod
    def of(cls, video: Video, start_s: float | None, end_s: float | None) -> Extent:
        """The frames that begin in a time range, all frames without one.

        Raises `UsageError` if there are none.
        """
        times = (video.index.pts - video.start_pts) * float(video.time_base)
        first = 0 if start_s is None else int(np.searchsorted(times, start_s - 1e-9))
        stop = len(times) if end_s is None else int(np.searchsorted(times, end_s - 1e-9))
        if first >= stop:
            raise UsageError(
                f"{video.video_id} shows no frame in that stretch: it is {clock(video.duration_s)} long "
                f"({video.duration_s:.2f} s)"
            )
        end = video.duration_s if stop == len(times) else float(times[stop])
        return cls(video, first, stop, float(times[first]), end)

    @property
    def is_whole(self) -> bool:
        return self.first == 0 and self.stop == len(self.video.index)

    def frames(self) -> Iterator[DecodedFrame]:
        """Its frames, in order; a video whose index is not exact is decoded from its start and counted."""
        first, stop = (self.first, self.stop) if self.video.index.exact else (0, len(self.video.index))
        for frame in ChunkDecoder(chunk_spec(self.video, first, stop)):
            is_after = not self.is_whole and frame.number >= self.stop
            if frame.is_trailing or is_after:
                return
            if frame.number >= self.first:
                yield frame

    def duration(self, frame: DecodedFrame) -> int:
        """How long a frame is shown, in units of the time base."""
        pts = self.video.index.pts
        following = int(np.searchsorted(pts, frame.pts, side="right"))
        return max(1, (int(pts[following]) if following < len(pts) else self.video.end_pts) - frame.pts)


@dataclass(frozen=True, slots=True)
class PartCoding:
    """How a part is written: frames of `width` x `height`, both even, x264's `crf`, and tags of the file."""

    width: int
    height: int
    crf: int
    with_sound: bool
    tags: Mapping[str, str]


def write_part(
    extent: Extent,
    file: BinaryIO,
    file_format: str,
    draw: Draw,
    coding: PartCoding,
    listener: Callable[[RenderProgress], None] = lambda _: None,
) -> RenderProgress:
    """Write the frames of an extent as `draw` returns them, with its sound, into an open file.

    Raises the decoder's `VideoError`s and `DiskFull`.
    """
    video = extent.video
    with ExitStack() as exit_stack:
        source = exit_stack.enter_context(opened(video.path))
        video_coding = _video_coding(video, source, coding)
        writer = exit_stack.enter_context(video_writer(file, file_format, video_coding, coding.tags))
        sound = _sound_stream(source, video) if coding.with_sound else None
        zero_s = _zero_s(extent, sound)
        if sound is not None and sound.codec_context.sample_rate:
            end_s = None if extent.stop == len(video.index) else _source_s(video, extent.end_s)
            restarts = video.sound.restarts if video.sound else ()
            writer.sound_from(source, sound, zero_s=zero_s, end_s=end_s, restarts=restarts)
        return _write_frames(extent, draw, writer, zero_s, listener)


def _sound_stream(source: Any, video: Video) -> Any | None:
    """The sound stream that belongs to the frames.

    The known track if it does not end its reader; without a known one, the stream that FFmpeg calls best.
    """
    if video.sound is not None:
        return source.streams[video.sound.stream_index]
    return (
        None
        if video.sound_fault
        else source.streams.best("audio", related=source.streams[video.stream_index])
    )


def _write_frames(
    extent: Extent,
    draw: Draw,
    writer: VideoWriter,
    zero_s: Fraction,
    listener: Callable[[RenderProgress], None],
) -> RenderProgress:
    video, began, draw_s, done = extent.video, time.perf_counter(), 0.0, 0
    shift = round(zero_s / video.time_base)
    for frame in extent.frames():
        picture = frame.bgr(is_upright=True)
        before = time.perf_counter()
        drawn = draw(picture, frame.number, video.time_s(frame.pts))
        draw_s += time.perf_counter() - before
        writer.add(drawn, frame.pts - shift, extent.duration(frame))
        done += 1
        listener(RenderProgress(done, extent.stop - extent.first, time.perf_counter() - began, draw_s))
    return RenderProgress(done, extent.stop - extent.first, time.perf_counter() - began, draw_s)


def _video_coding(video: Video, source: Any, coding: PartCoding) -> VideoCoding:
    aspect = source.streams[video.stream_index].sample_aspect_ratio or Fraction(1)
    shown = 1 / aspect if video.rotation % 180 else aspect
    return VideoCoding(
        coding.width,
        coding.height,
        video.time_base,
        video.nominal_fps,
        coding.crf,
        None if shown == 1 else shown,
    )


def _zero_s(extent: Extent, sound: Any) -> Fraction:
    """The source time that becomes 0.

    For a whole video it is the start of its sound, if that is before the first frame.
    """
    first_s = _source_s(extent.video, extent.start_s)
    if not extent.is_whole or sound is None or sound.start_time is None:
        return first_s
    return min(first_s, Fraction(sound.start_time * sound.time_base))


def _source_s(video: Video, time_s: float) -> Fraction:
    """A time since the first frame as source time: on the time base, exact."""
    return (video.start_pts + round(time_s / float(video.time_base))) * video.time_base
