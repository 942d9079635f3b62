"""A made-up video and two work keys of it, for plans and what carries them out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from schemas.media.video import FrameIndex, Video
from schemas.work.chunk import WorkKey

SCENE_KEY = WorkKey("v", "scene_detection", "a")
PERSON_KEY = WorkKey("v", "person_tracking", "b")


def video(frames: int, gop: int, *, exact: bool = True) -> Video:
    index = FrameIndex(np.arange(frames) * 512, np.arange(0, frames, gop), exact=exact)
    return Video(
        "v",
        "f" * 64,
        "/clips/v.mp4",
        1,
        1,
        "mp4",
        "h264",
        0,
        Fraction(1, 12800),
        0,
        frames * 512,
        640,
        360,
        0,
        Fraction(25),
        index,
    )
