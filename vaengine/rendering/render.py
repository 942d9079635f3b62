"""Renders a video with its results: boxes, names, poses, faces, subtitles, and a timeline below the frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from actors.container.container import opened
from actors.container.frame import DecodedFrame
from actors.decoding.decoder import ChunkDecoder
from schemas.errors import UsageError
from schemas.media.video import Video
from vaengine.console.units import clock
from vaengine.planning.plan import chunk_spec
from vaengine.rendering.frame_composer import USUALLY_SHOWN, BoxFilter, FrameComposer, SceneContent
from vaengine.rendering.output_file import check_target, whole_file
from vaengine.rendering.source_marks import TAG, mark_of
from vaengine.rendering.video_writer import VideoCoding, VideoWriter, check_encoder, format_of, video_writer
from vaengine.results.lookup import VideoResults, check_unchanged

DEFAULT_CRF: Final = 20  # x264's constant rate factor: hardly distinguishable from the source


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What to render of a video, and how.

    `[start_s, end_s)` are seconds since its first frame. Raises `UsageError`.
    """

    start_s: float | None = None
    end_s: float | None = None
    crf: int = DEFAULT_CRF
    with_sound: bool = True
    with_labels: bool = True
    with_subtitles: bool = True
    shown: BoxFilter = USUALLY_SHOWN

    def __post_init__(self) -> None:
        if self.start_s is not None and self.end_s is not None and self.start_s >= self.end_s:
            raise UsageError(
                f"nothing lies between {self.start_s:g} s and {self.end_s:g} s: --start must come before "
                "--end"
            )


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


def render(
    results: VideoResults,
    target: Path,
    options: RenderOptions | None = None,
    *,
    force: bool = False,
    listener: Callable[[RenderProgress], None] = lambda _: None,
) -> RenderProgress:
    """Write a video with its results, sound and times to `target` (.mp4 or .mkv), whole or not at all.

    A file that was rendered of the same video is replaced if its results or options differ, and kept if they
    are equal. Raises `UsageError` before anything is decoded: a video without frames, an unsuitable target or
    encoder, a changed file, an empty range. Raises the decoder's `VideoError`s and `DiskFull`.
    """
    render_options, video = options or RenderOptions(), results.video
    file_format = format_of(target)
    if not video.has_pictures:
        raise UsageError(
            f"{video.video_id} is sound alone, there is no picture to draw into: `vaengine plot` shows what "
            "was heard"
        )
    mark = mark_of("render", results, render_options)
    if not check_target(target, force=force, sources=(video.path,), mark=mark):
        return RenderProgress(0, 0, 0.0, 0.0, is_current=True)
    check_encoder()
    check_unchanged(video)
    extent = Extent.of(video, render_options.start_s, render_options.end_s)
    time_range = (extent.start_s, extent.end_s)
    composer = FrameComposer(
        SceneContent.of(results, render_options.shown),
        *time_range,
        with_labels=render_options.with_labels,
        with_subtitles=render_options.with_subtitles,
    )
    with whole_file(target) as file, ExitStack() as exit_stack:
        source = exit_stack.enter_context(opened(video.path))
        coding = _video_coding(video, source, composer, render_options.crf)
        writer = exit_stack.enter_context(video_writer(file, file_format, coding, {TAG: str(mark)}))
        sound = _sound_stream(source, video) if render_options.with_sound else None
        zero_s = _zero_s(extent, sound)
        if sound is not None and sound.codec_context.sample_rate:
            end_s = None if extent.stop == len(video.index) else _source_s(video, extent.end_s)
            restarts = video.sound.restarts if video.sound else ()
            writer.sound_from(source, sound, zero_s=zero_s, end_s=end_s, restarts=restarts)
        return _write_frames(extent, composer, writer, zero_s, listener)


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
    composer: FrameComposer,
    writer: VideoWriter,
    zero_s: Fraction,
    listener: Callable[[RenderProgress], None],
) -> RenderProgress:
    video, began, draw_s, done = extent.video, time.perf_counter(), 0.0, 0
    shift = round(zero_s / video.time_base)
    for frame in extent.frames():
        picture = frame.bgr(is_upright=True)
        before = time.perf_counter()
        drawn = composer.draw(picture, frame.number, video.time_s(frame.pts))
        draw_s += time.perf_counter() - before
        writer.add(drawn, frame.pts - shift, extent.duration(frame))
        done += 1
        listener(RenderProgress(done, extent.stop - extent.first, time.perf_counter() - began, draw_s))
    return RenderProgress(done, extent.stop - extent.first, time.perf_counter() - began, draw_s)


def _video_coding(video: Video, source: Any, composer: FrameComposer, crf: int) -> VideoCoding:
    height, width = composer.pixels.shape[:2]
    aspect = source.streams[video.stream_index].sample_aspect_ratio or Fraction(1)
    shown = 1 / aspect if video.rotation % 180 else aspect
    return VideoCoding(width, height, video.time_base, video.nominal_fps, crf, None if shown == 1 else shown)


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
