"""What a worker says of its chunks where several batches of their pictures are in work at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from actors.coordination.links import StageLinks


class ChunksAtWork:
    """Says to the links which chunks are in a call that may hang, and which were handed over.

    A chunk may be in several batches. It is handed over with the last of them. Any thread may call it; what
    is said keeps the order of what happened.
    """

    def __init__(self, links: StageLinks) -> None:
        self._links, self._lock = links, threading.Lock()
        self._called = Counter[str]()  # chunk -> calls that it is in
        self._taken = Counter[str]()  # chunk -> pieces of it that are not handed over

    def take(self, chunk_ids: Sequence[str]) -> None:
        """Pieces of these chunks were taken."""
        with self._lock:
            self._taken.update(chunk_ids)

    @contextmanager
    def call(self, chunk_ids: Sequence[str]) -> Iterator[None]:
        """A call that may hang works on these chunks."""
        self._say(Counter(chunk_ids), begun=True)
        try:
            yield
        finally:
            self._say(Counter(chunk_ids), begun=False)

    @contextmanager
    def hand_over(self, chunk_ids: Sequence[str]) -> Iterator[None]:
        """What was made of these pieces is handed over; nothing is said where that fails."""
        try:
            yield
        except BaseException:
            self._leave(chunk_ids)
            raise
        with self._lock:
            self._links.handed_over(self._left(chunk_ids))

    def _say(self, chunk_ids: Counter[str], *, begun: bool) -> None:
        with self._lock:
            self._called = self._called + chunk_ids if begun else self._called - chunk_ids
            if self._called:
                self._links.busy(list(self._called))
            else:
                self._links.idle()

    def _leave(self, chunk_ids: Sequence[str]) -> None:
        with self._lock:
            self._left(chunk_ids)

    def _left(self, chunk_ids: Sequence[str]) -> list[str]:
        """Count the pieces off; returns the chunks of which none is left."""
        self._taken -= Counter(chunk_ids)
        return [chunk_id for chunk_id in dict.fromkeys(chunk_ids) if chunk_id not in self._taken]
