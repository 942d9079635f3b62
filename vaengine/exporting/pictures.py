"""Cuts single frames out of a video as JPEG files: exactly the frames that the store numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import cv2
import numpy as np

from schemas.errors import UsageError, VideoError
from schemas.media.frames import Pixels
from schemas.media.video import Video
from vaengine.exporting.output_file import OutputFile, bytes_file
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.source import Source
from vaengine.rendering.video_part import Extent
from vaengine.results.lookup import check_unchanged

QUALITY: Final = 95  # of JPEG
MIN_SKIPPED: Final = 24  # frames that need not be decoded, for which a seek is worth it


def picture_files(
    source: Source, video: ExportedVideo, kind: str, frames: Sequence[int], pattern: str
) -> Iterator[OutputFile]:
    """A JPEG file for each of these frames, upright as the video is shown.

    `pattern` makes a name of `frame`, which counts from 0, or `number`, which counts from 1. Frames that
    cannot be decoded are lost rows of `kind`. Raises `UsageError` where the video's file is not there or
    another one.
    """
    if not frames:
        return
    _require_file(video.video)
    missing = set(frames)
    for number, pixels in frames_of(video.video, frames):
        missing.discard(number)
        yield bytes_file(pattern.format(frame=number, number=number + 1), jpeg(pixels))
    source.losses.set(kind, "is in a frame that cannot be decoded", video.video_id, len(missing))


def frames_of(video: Video, frames: Sequence[int]) -> Iterator[tuple[int, Pixels]]:
    """Some frames of a video, each number with its H x W x 3 uint8 BGR picture, upright; in order.

    Stretches without any of them are skipped at keyframes. A frame that cannot be decoded is left out.
    """
    wanted = set(frames)
    for first, last in _ranges(video, sorted(wanted)):
        extent = Extent(video, first, last + 1, video.time_s(int(video.index.pts[first])), video.duration_s)
        for frame in extent.frames():
            if frame.number in wanted:
                yield frame.number, frame.bgr(is_upright=True)


def _ranges(video: Video, frames: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last frame of each stretch that is decoded at once."""
    known = [frame for frame in frames if frame < len(video.index)]
    if not known:
        return
    if not video.index.exact:
        yield 0, known[-1]
        return
    first, keyframes = known[0], video.index.keyframes
    for before, after in pairwise(known):
        keyframe = int(np.searchsorted(keyframes, after, side="right")) - 1
        if keyframe >= 0 and keyframes[keyframe] - before > MIN_SKIPPED:
            yield first, before
            first = after
    yield first, known[-1]


def jpeg(pixels: Pixels) -> bytes:
    """An H x W x 3 uint8 BGR picture as a JPEG file; raises `UsageError` for one that is too large."""
    is_encoded, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not is_encoded:
        raise UsageError(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels is too large for JPEG")
    return bytes(data)


def _require_file(video: Video) -> None:
    try:
        check_unchanged(video)
    except (VideoError, UsageError) as error:
        error.add_note("(--no-pictures exports without pictures)")
        raise
