"""Corrects the facts of a video whose packets do not say which frame is shown when."""

from __future__ import annotations

from dataclasses import replace

from actors.finalize.timeline import Timeline
from schemas.media.video import Video
from schemas.work.manifest import FrameNumbers


def corrected(video: Video, numbers: FrameNumbers) -> Video:
    """The facts of a video once every frame has been decoded; unchanged where its index is exact.

    `numbers` are those of the whole video. Its beginning stays the same: sound is counted from there.
    """
    if video.index.exact or not len(numbers.frame_pts):
        return video
    index = replace(video.index, pts=numbers.frame_pts)
    return replace(video, index=index, end_pts=Timeline.of(video, numbers).end_pts)
