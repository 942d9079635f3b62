"""The times of all frames of a video as bytes, small where the rate is constant."""

from __future__ import annotations

import gzip
from typing import Final

import numpy as np

from schemas.media.video import FrameIndex

FASTEST: Final = 1  # a constant rate is one repeated number, which every level packs alike


def packed_times(index: FrameIndex) -> bytes:
    """The differences of presentation times as little-endian float64, gzipped: the first is that to 0.

    Their running sum is `index.pts`, in units of the video's time base.
    Browsers have no fast 64-bit integers.
    """
    differences = np.diff(index.pts, prepend=0).astype("<f8")
    return gzip.compress(differences.tobytes(), FASTEST, mtime=0)
