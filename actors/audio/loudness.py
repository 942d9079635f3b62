"""Measures the loudness of each second of sound."""

from __future__ import annotations

from typing import Final

import numpy as np

from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats, Floats32

FLOOR_DBFS: Final = -120.0  # The level of silence, which would be infinitely low.


def levels(samples: Floats32) -> tuple[Floats32, Floats32]:
    """RMS and peak of each second, in dB relative to full scale.

    `samples` (16 kHz) begin at a whole second; the last second may be shorter.
    """
    seconds = [
        samples[start : start + SAMPLE_RATE].astype(np.float64)
        for start in range(0, len(samples), SAMPLE_RATE)
    ]
    rms = np.array([np.sqrt(np.mean(second**2)) for second in seconds])
    peak = np.array([np.abs(second).max() for second in seconds])
    return _dbfs(rms), _dbfs(peak)


def _dbfs(amplitude: Floats) -> Floats32:
    return (20 * np.log10(np.maximum(amplitude, 10 ** (FLOOR_DBFS / 20)))).astype(np.float32)
