"""The store of a server, opened once for reading and once for writing, for all requests."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from schemas.errors import NotFound, StoreOutdated

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend


class Stores:
    """Opens a server's store when it is first needed; may be used from any thread.

    `reader` and `writer` raise what opening a store raises, each time anew: a store that comes back is found.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._open: dict[bool, StorageBackend] = {}  # by whether it is read only

    def reader(self) -> StorageBackend:
        """The store, for reading."""
        return self._opened(read_only=True)

    def writer(self) -> StorageBackend:
        """The store, for writing; a missing one is created."""
        return self._opened(read_only=False)

    def opened_reader(self) -> StorageBackend | None:
        """The store for reading, where it is open already."""
        return self._open.get(True)

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            for store in self._open.values():
                store.close()
            self._open.clear()

    def _opened(self, *, read_only: bool) -> StorageBackend:
        from actors.stores import open_store

        with self._lock:
            if read_only not in self._open:
                self._open[read_only] = open_store(self._url, read_only=read_only)
            return self._open[read_only]


def prepare_store(url: str, *, read_only: bool) -> None:
    """Create a missing store and upgrade an older one; with `read_only` raise what opening it raises."""
    from actors.stores import open_store

    try:
        open_store(url, read_only=True).close()
    except (NotFound, StoreOutdated):
        if read_only:
            raise
        open_store(url).close()
