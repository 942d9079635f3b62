"""Blocks of remote files that this process has read, the ones used last; shared by all its readers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

BLOCK_BYTES: Final = 1 << 20
MAX_BLOCKS: Final = 64

Key = tuple[Hashable, int]


class BlockCache:
    """At most `max_blocks` blocks of `block_bytes`, by source and number.

    A container's index is read anew for each chunk of a video: here it is fetched once for all chunks that
    a process decodes.
    """

    def __init__(self, max_blocks: int = MAX_BLOCKS, block_bytes: int = BLOCK_BYTES) -> None:
        if max_blocks < 1 or block_bytes < 1:
            raise ValueError(f"a cache holds at least one byte, not {max_blocks} blocks of {block_bytes}")
        self.block_bytes, self._max_blocks = block_bytes, max_blocks
        self._blocks: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def block(self, source: Hashable, number: int, fetch: Callable[[], bytes]) -> bytes:
        """The block, fetched unless it is here; two threads may fetch the same one."""
        key = (source, number)
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return self._blocks[key]
        data = fetch()
        with self._lock:
            self._blocks[key] = data
            self._blocks.move_to_end(key)
            while len(self._blocks) > self._max_blocks:
                self._blocks.popitem(last=False)
        return data


SHARED: Final = BlockCache()
