"""Batches in parts that fit into a device's memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from schemas.inference.detections import Detections
from schemas.media.frames import Pixels

GROW_AFTER = 64  # parts in a row that fitted, before twice as many pictures are tried again


class MicroBatch:
    """How many pictures of a batch are tried at once: half of them after each failure, down to one, and
    slowly up again.

    Parts are powers of two below the batch and are padded by their last picture, so that few shapes are ever
    seen.
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
        """`work` on all pictures, in parts; raises `out_of_memory` only where one picture alone is too
        much.
        """
        found: list[Detections] = []
        while len(found) < len(pixels):
            part = pixels[len(found) : len(found) + self.size]
            padding = np.repeat(part[-1:], self.size - len(part), axis=0)
            try:
                found += work(np.concatenate([part, padding]) if len(padding) else part)[: len(part)]
            except out_of_memory:
                if self.size == 1:
                    raise
                self.size, self._fitted = self.size // 2, 0
                relieve()
            else:
                self._grow()
        return found

    def _grow(self) -> None:
        self._fitted += 1
        if self.size < self.most and self._fitted >= GROW_AFTER:
            self.size, self._fitted = min(self.most, self.size * 2), 0
