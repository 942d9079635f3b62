"""The order in which workers of a cluster pull chunks: longest video first, smaller items towards the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from schemas.work.chunk import ChunkSpec
from vaengine.planning.plan import WorkItem

MAX_ITEM_S: Final = 120.0  # of video in one item: a call costs the driver a millisecond
ITEMS_PER_SLOT: Final = 4  # that each slot could still have when an item is cut: tails become small


class WorkQueue:
    """Chunks that wait, those of the longest video first.

    Whoever is free takes the next item: nothing is assigned before, so that a fast worker does more. Chunks
    of one video are worked on by many, so that no long video is left alone at the end, and videos end one
    after the other. Items are long while much is left, and single chunks at the end: whoever is slow then
    holds little.
    """

    def __init__(self, per_video: Iterable[Sequence[ChunkSpec]], chunk_s: float) -> None:
        """`chunk_s` is the usual length of a chunk; shorter ones are packed into items of that length."""
        self.chunk_s = chunk_s
        longest_first = sorted(per_video, key=lambda chunks: -sum(chunk.duration_s for chunk in chunks))
        self._waiting = deque(chunk for chunks in longest_first for chunk in chunks)
        self._left_s = sum(chunk.duration_s for chunk in self._waiting)

    def __len__(self) -> int:
        """Chunks that wait."""
        return len(self._waiting)

    def next(self, slots: int) -> WorkItem:
        """The next item for one of `slots` workers; raises `IndexError` where nothing waits."""
        length_s = item_seconds(self._left_s, slots, self.chunk_s)
        chunks = [self._waiting.popleft()]
        taken_s = chunks[0].duration_s
        while self._waiting and taken_s + self._waiting[0].duration_s <= length_s:
            chunks.append(self._waiting.popleft())
            taken_s += chunks[-1].duration_s
        self._left_s = max(0.0, self._left_s - taken_s)
        return WorkItem(tuple(chunks))


def item_seconds(left_s: float, slots: int, chunk_s: float) -> float:
    """Seconds of video in the next item: a share of what is left, from one chunk to `MAX_ITEM_S`."""
    return max(chunk_s, min(MAX_ITEM_S, left_s / (max(1, slots) * ITEMS_PER_SLOT)))
