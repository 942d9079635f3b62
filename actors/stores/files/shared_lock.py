"""A store of files while nobody writes to it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from actors.atomic_files import storage_errors
from actors.stores.files.layout import FileLayout
from schemas.errors import NotFound


@contextmanager
def stillness(tree: FileLayout) -> Iterator[None]:
    """Hold the store for reading: others may read it too, whoever would write waits.

    Raises `NotFound` where there is none.
    """
    if not tree.epoch.is_file():
        raise NotFound("store", f"files:{tree.base}")
    with storage_errors(tree.base), tree.epoch.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield
