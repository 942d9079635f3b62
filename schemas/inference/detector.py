"""What a model that looks at frames has to offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from schemas.inference.detections import Detections
from schemas.media.frames import Pixels


class Detector(Protocol):
    """Stateless boxes from pictures: the same picture gives the same boxes whatever shares its batch."""

    batch_size: int

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        """Pictures of one bucket can share a batch."""
        ...

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """Boxes of each picture of a batch.

        `pictures` are batch_size times H x W x 3 uint8 RGB of one bucket, padded by repeating the last
        picture; the answer has one entry per picture, in its pixels.
        """
        ...
