"""Runs a batch in parts that fit into a device's memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from schemas.inference.detections import Detections
from schemas.media.frames import Pixels

GROW_AFTER = 64  # Parts in a row that fitted, before twice as many pictures are tried again.


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
        work: Callable[[Pixels], list[Detections]],
        pixels: Pixels,
        *,
        out_of_memory: type[Exception],
        relieve: Callable[[], None] = lambda: None,
    ) -> list[Detections]:
        """Runs `work` on all pictures, in parts.

        Raises `out_of_memory` only where one picture alone is too much.
        """
        detections: list[Detections] = []
        while len(detections) < len(pixels):
            part = pixels[len(detections) : len(detections) + self.size]
            padding = np.repeat(part[-1:], self.size - len(part), axis=0)
            try:
                detections += work(np.concatenate([part, padding]) if len(padding) else part)[: len(part)]
            except out_of_memory:
                if self.size == 1:
                    raise
                self.size, self._fitted = self.size // 2, 0
                relieve()
            else:
                self._grow()
        return detections

    def _grow(self) -> None:
        self._fitted += 1
        if self.size < self.most and self._fitted >= GROW_AFTER:
            self.size, self._fitted = min(self.most, self.size * 2), 0
