"""A video, and one that is sound alone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from schemas.media.audio import AudioStream
from schemas.media.video import FrameIndex, Video
from tests.support.stores.fake_videos import Clip

CLIP = Clip()
SOUND = AudioStream(1, "aac", 44100, 2, Fraction(1, 44100), -1024, 441000, missing_s=0.25)
ALONE = Video(
    *(
        "song-aaaaaaaa",
        "a" * 64,
        "/clips/song.wav",
        5,
        6,
        "wav",
        "",
        -1,
        Fraction(1, 44100),
        0,
        441000,
        0,
        0,
        0,
        Fraction(0),
    ),
    index=FrameIndex(np.zeros(0, np.int64), np.zeros(0, np.int64), exact=True),
    sound=replace(SOUND, start_pts=0),
)
