"""Detections in one frame, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.media.frames import Floats, Floats32, Ints


def joined(rows: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Rows of several arrays one after the other; the width of empty arrays does not matter."""
    filled = [array for array in rows if len(array)]
    return np.concatenate(filled) if filled else rows[0]


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes of one picture, with key points, embeddings and traits.

    `xyxy` N x 4 float64 (left, top, right, bottom; pixels), `confidence` N float64 in 0..1. `keypoints` N x
    K x 3 float64 are x and y in pixels and a score in 0..1; `embeddings` N x D float32 describe the look of
    a person or face; `traits` N x T float64 are further numbers of each box whose meaning the detector's
    pipeline defines, NaN where one is not known. K, D and T are 0 where the detector has none.
    """

    xyxy: Floats
    confidence: Floats
    keypoints: Floats = field(default_factory=lambda: np.zeros((0, 0, 3)))
    embeddings: Floats32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    traits: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        if self.xyxy.ndim != 2 or self.xyxy.shape[1] != 4 or len(self.xyxy) != len(self.confidence):
            raise ValueError(
                f"expected N x 4 boxes and N confidences, got {self.xyxy.shape} and {self.confidence.shape}"
            )
        for name in ("keypoints", "embeddings", "traits"):
            rows = getattr(self, name)
            if len(rows) != len(self):
                if rows.shape[1]:
                    raise ValueError(f"{len(rows)} {name} for {len(self)} boxes")
                object.__setattr__(self, name, np.zeros((len(self), *rows.shape[1:]), rows.dtype))

    def __len__(self) -> int:
        return len(self.confidence)

    @classmethod
    def none(cls) -> Detections:
        """No box at all, which is a result."""
        return cls(np.zeros((0, 4)), np.zeros(0))

    def chosen(self, which: Ints) -> Detections:
        """The boxes at these indexes, in their order."""
        return Detections(*(getattr(self, f.name)[which] for f in fields(self)))

    def moved(self, x: float, y: float) -> Detections:
        """The boxes shifted by `x` pixels to the right and `y` pixels down."""
        return replace(
            self, xyxy=self.xyxy + np.array([x, y, x, y]), keypoints=self.keypoints + np.array([x, y, 0.0])
        )

    def scaled(self, x: float, y: float) -> Detections:
        """The boxes in a picture that is `x` times as wide and `y` times as high."""
        return replace(
            self, xyxy=self.xyxy * np.array([x, y, x, y]), keypoints=self.keypoints * np.array([x, y, 1.0])
        )

    def clipped(self, width: float, height: float) -> Detections:
        """Boxes and key points cut off at the borders of a picture."""
        borders = np.array([width, height])
        points = self.keypoints.copy()
        points[..., :2] = points[..., :2].clip(0, borders)
        return replace(self, xyxy=self.xyxy.clip(0, np.tile(borders, 2)), keypoints=points)
