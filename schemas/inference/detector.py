"""The protocol of a detector in frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from schemas.inference.detections import Detections
from schemas.media.frames import Pixels


class Detector(Protocol):
    """Detects boxes in pictures without state.

    The same picture gives the same boxes whatever else is in its batch.
    """

    batch_size: int

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        """The bucket of a picture size; pictures of one bucket can share a batch."""
        ...

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """Boxes of each picture of a batch, in pixels of the picture.

        `pictures` are `batch_size` times H x W x 3 uint8 RGB of one bucket, padded by repeating the last
        picture; the result has one entry per picture.
        """
        ...


@runtime_checkable
class SteppedDetector(Detector, Protocol):
    """A detector whose `detect` is three steps, one after the other, each with what the one before returned.

    Three threads may each be in another step. Only one is in `run` at a time: it has the device.
    """

    def prepare(self, pictures: Sequence[Pixels]) -> Any:
        """What `run` takes, for pictures as `detect` takes them."""
        ...

    def run(self, prepared: Any) -> Any:
        """What the model makes of it."""
        ...

    def finish(self, output: Any) -> list[Detections]:
        """Boxes as `detect` returns them."""
        ...
