"""Letterboxes: fit a picture of any size into the input shape of a network, and map boxes back.

The shape depends on the picture's own size alone. Ultralytics decides by what else is in a batch whether
pictures share a tight shape or a square one, so the boxes of a frame depend on its batch mates. For a
single picture both agree, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from schemas.inference.detections import Detections
from schemas.media.frames import Pixels

GREY: Final = 114  # YOLO models are trained to see nothing in it.
BLACK: Final = 0  # InsightFace puts it around a picture.


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture of `height` x `width` pixels stands in the input of a network.

    It is resized to `inner` (height, width) and placed at `top`, `left` of a plain `outer` picture.
    """

    height: int
    width: int
    inner: tuple[int, int]
    outer: tuple[int, int]
    top: int
    left: int
    fill: int = GREY

    @classmethod
    def tight(cls, height: int, width: int, longer: int, stride: int) -> Letterbox:
        """The longer side becomes `longer`, and each side of `outer` the next multiple of `stride`."""
        inner = _inner(height, width, longer / max(height, width))
        return cls._centred(height, width, inner, (_multiple(inner[0], stride), _multiple(inner[1], stride)))

    @classmethod
    def within(cls, height: int, width: int, outer: tuple[int, int]) -> Letterbox:
        """As large as fits into a network that takes one shape (height, width) only."""
        return cls._centred(
            height, width, _inner(height, width, min(outer[0] / height, outer[1] / width)), outer
        )

    @classmethod
    def cornered(
        cls, height: int, width: int, within: tuple[int, int], stride: int | None = None
    ) -> Letterbox:
        """At the top left of black, as InsightFace does.

        The picture is as large as fits `within`, its other side rounded down. With a `stride` each side of
        `outer` is the next multiple of it only, not all of `within`.
        """
        by_height, by_width = within[0] * width // height, within[1] * height // width
        inner = (within[0], max(1, by_height)) if by_height < within[1] else (max(1, by_width), within[1])
        outer = within if stride is None else (_multiple(inner[0], stride), _multiple(inner[1], stride))
        return cls(height, width, inner, outer, 0, 0, BLACK)

    @classmethod
    def _centred(cls, height: int, width: int, inner: tuple[int, int], outer: tuple[int, int]) -> Letterbox:
        top, left = (round((whole - part) / 2 - 0.1) for whole, part in zip(outer, inner, strict=True))
        return cls(height, width, inner, outer, top, left)

    def placed(self, picture: Pixels) -> Pixels:
        """The picture in its letterbox, `outer` x 3 uint8; raises ValueError for another size."""
        if picture.shape[:2] != (self.height, self.width):
            raise ValueError(f"expected a picture of {self.height} x {self.width}, got {picture.shape}")
        if self.inner != (self.height, self.width):
            picture = cv2.resize(picture, self.inner[::-1], interpolation=cv2.INTER_LINEAR)
        framed: Pixels = np.full((*self.outer, 3), self.fill, np.uint8)
        framed[self.top : self.top + self.inner[0], self.left : self.left + self.inner[1]] = picture
        return framed

    def undone(self, detections: Detections) -> Detections:
        """Boxes in the letterbox as boxes in the picture, cut off at its borders."""
        return self.unframed(detections).clipped(self.width, self.height)

    def unframed(self, detections: Detections) -> Detections:
        """Boxes in the letterbox as boxes in the picture, not cut off at its borders."""
        return detections.moved(-self.left, -self.top).scaled(
            self.width / self.inner[1], self.height / self.inner[0]
        )


def _inner(height: int, width: int, scale: float) -> tuple[int, int]:
    return max(1, round(height * scale)), max(1, round(width * scale))


def _multiple(side: int, stride: int) -> int:
    return -(-side // stride) * stride
