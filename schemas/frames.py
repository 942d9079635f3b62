"""Pictures and boxes as they travel between processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes of one picture: `xyxy` N x 4 float64 (left, top, right, bottom; pixels), `confidence` N float64 in 0..1."""

    xyxy: Floats
    confidence: Floats

    def __post_init__(self) -> None:
        if self.xyxy.ndim != 2 or self.xyxy.shape[1] != 4 or len(self.xyxy) != len(self.confidence):
            raise ValueError(f"expected N x 4 boxes and N confidences, got {self.xyxy.shape} and {self.confidence.shape}")

    def __len__(self) -> int:
        return len(self.confidence)

    @classmethod
    def none(cls) -> Detections:
        """No box at all, which is a result."""
        return cls(np.zeros((0, 4)), np.zeros(0))

    def scaled(self, x: float, y: float) -> Detections:
        """The same boxes in a picture that is `x` times as wide and `y` times as high."""
        return Detections(self.xyxy * np.array([x, y, x, y]), self.confidence)


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Sampled pictures of one chunk, in presentation order.

    `frame_numbers` N int64, exact, from 0; `timestamps_s` N float64, since the first frame; `pixels` N x H x W x 3 uint8 RGB, the
    displayed picture (rotation applied) resized; multiply tensor coordinates by `scale_x`, `scale_y` for displayed pixels.
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
            raise ValueError(f"{n} frame numbers for {len(self.pixels)} pictures and {len(self.timestamps_s)} times")

    def __len__(self) -> int:
        return len(self.frame_numbers)

    def __repr__(self) -> str:
        return f"FrameBatch({len(self)} frames from {self.frame_numbers[:1]}, {self.pixels.shape[1:3]} pixels)"
