"""Renders a video with its results: boxes, names, poses, faces, subtitles, and a timeline below the frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import UsageError
from vaengine.rendering.frame_composer import USUALLY_SHOWN, BoxFilter, FrameComposer, SceneContent
from vaengine.rendering.output_file import check_target, whole_file
from vaengine.rendering.source_marks import TAG, mark_of
from vaengine.rendering.video_part import Extent, PartCoding, RenderProgress, write_part
from vaengine.rendering.video_writer import check_encoder, format_of
from vaengine.results.lookup import VideoResults, check_unchanged

__all__ = ["DEFAULT_CRF", "Extent", "RenderOptions", "RenderProgress", "render"]

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
    height, width = composer.pixels.shape[:2]
    part = PartCoding(width, height, render_options.crf, render_options.with_sound, {TAG: str(mark)})
    with whole_file(target) as file:
        return write_part(extent, file, file_format, composer.draw, part, listener)
