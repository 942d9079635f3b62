"""The time of each frame of a video, and ranks of rows within a frame."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.media.frames import Ints
from schemas.media.video import Video
from schemas.work.manifest import FrameNumbers


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames of a video with their times.

    `numbers` ascend, with their `pts` one to one; `end_pts` is the end of the last of all `n_frames`. Where
    the index is exact there is every frame, lost ones included; else the decoded frames.
    """

    video: Video
    numbers: Ints
    pts: Ints
    n_frames: int
    end_pts: int

    @classmethod
    def of(cls, video: Video, numbers: FrameNumbers) -> Timeline:
        if video.index.exact:
            count = len(video.index)
            return cls(video, np.arange(count), video.index.pts, count, video.end_pts)
        if not len(numbers.frame_numbers):
            return cls(video, numbers.frame_numbers, numbers.frame_pts, 0, video.start_pts)
        step = round(1 / (video.nominal_fps * video.time_base))
        if len(numbers.frame_pts) > 1:
            step = int(np.median(np.diff(numbers.frame_pts)))
        return cls(
            video,
            numbers.frame_numbers,
            numbers.frame_pts,
            int(numbers.frame_numbers[-1]) + 1,
            int(numbers.frame_pts[-1]) + step,
        )

    def start_s(self, frame: int) -> float:
        """Seconds from the video's first frame to `frame`.

        For the frame after the last it is the video's end.
        """
        place = int(np.searchsorted(self.numbers, frame))
        return self.video.time_s(int(self.pts[place]) if place < len(self.pts) else self.end_pts)


def ordinals(frames: Ints) -> Iterator[tuple[int, int]]:
    """Each frame number with its rank among equal ones; `frames` ascend."""
    firsts = np.searchsorted(frames, frames, side="left")
    yield from zip(frames.tolist(), (np.arange(len(frames)) - firsts).tolist(), strict=True)


def scene_ranges(cut_frames: Sequence[int], n_frames: int) -> list[tuple[int, int]]:
    """Scenes as frame numbers [start, stop), without gaps from frame 0 to `n_frames`.

    Empty for a video without frames.
    """
    inside = sorted({cut for cut in cut_frames if 0 < cut < n_frames})
    return list(itertools.pairwise([0, *inside, n_frames])) if n_frames else []
