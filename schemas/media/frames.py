"""Sampled frames of a chunk, and the array types of pictures and numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Sampled frames of one chunk, in presentation order.

    `frame_numbers` N int64, exact, from 0; `timestamps_s` N float64, since the first frame; `pixels` N x H
    x W x 3 uint8 RGB, the displayed picture (rotation applied) resized; multiply tensor coordinates by
    `scale_x`, `scale_y` for displayed pixels.
    """

    frame_numbers: Ints
    timestamps_s: Floats
    pixels: Pixels
    scale_x: float
    scale_y: float

    def __post_init__(self) -> None:
        n = len(self.frame_numbers)
        if self.pixels.ndim != 4 or self.pixels.shape[3] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"expected N x H x W x 3 uint8, got {self.pixels.shape} {self.pixels.dtype}")
        if len(self.pixels) != n or len(self.timestamps_s) != n:
            raise ValueError(
                f"{n} frame numbers for {len(self.pixels)} pictures and {len(self.timestamps_s)} times"
            )

    def __len__(self) -> int:
        return len(self.frame_numbers)

    def __repr__(self) -> str:
        return (
            f"FrameBatch({len(self)} frames from {self.frame_numbers[:1]}, {self.pixels.shape[1:3]} pixels)"
        )
