"""Runs a batch in parts that fit into a device's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from schemas.inference.detections import Detections

GROW_AFTER = 64  # Parts in a row that fitted, before twice as many pictures are tried again.


class Pictures(Protocol):
    """N pictures in the host's memory or on a device: an array, or a tensor of torch."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any) -> Any: ...


P = TypeVar("P", bound=Pictures)


class MicroBatch:
    """Adapts how many pictures of a batch run at once: halved at each failure, slowly doubled again.

    Parts are powers of two below the batch and are padded with their last picture, so that only few shapes
    occur.
    """

    def __init__(self, most: int) -> None:
        self.most = self.size = most
        self._fitted = 0

    def run(
        self,
        work: Callable[[P], list[Detections]],
        pictures: P,
        *,
        out_of_memory: type[Exception],
        relieve: Callable[[], None] = lambda: None,
    ) -> list[Detections]:
        """Runs `work` on all pictures, in parts.

        Raises `out_of_memory` only where one picture alone is too much.
        """
        detections: list[Detections] = []
        while len(detections) < len(pictures):
            left = len(pictures) - len(detections)
            try:
                detections += work(self._part(pictures, len(detections)))[:left]
            except out_of_memory:
                if self.size == 1:
                    raise
                self.size, self._fitted = self.size // 2, 0
                relieve()
            else:
                self._grow()
        return detections

    def _part(self, pictures: P, first: int) -> P:
        """`size` pictures from there on; after the last comes the last again."""
        if first + self.size <= len(pictures):
            part: P = pictures[first : first + self.size]
        else:
            part = pictures[np.minimum(np.arange(first, first + self.size), len(pictures) - 1)]
        return part

    def _grow(self) -> None:
        self._fitted += 1
        if self.size < self.most and self._fitted >= GROW_AFTER:
            self.size, self._fitted = min(self.most, self.size * 2), 0
