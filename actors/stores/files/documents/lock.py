"""Creates and locks a store of files; the lock is on the file that has the epoch of the newest run."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from actors.atomic_files import storage_errors, write_atomic
from actors.stores.files.documents.layout import FileLayout
from schemas.errors import NotFound


def create_store(layout: FileLayout) -> None:
    """Create the files that every store has; raises `StoreUnreachable` where that is impossible."""
    with storage_errors(layout.base):
        layout.scratch.mkdir(parents=True, exist_ok=True)
        layout.runs.mkdir(exist_ok=True)
        layout.epoch.touch()
    if not layout.store_id.exists():
        with exclusive_lock(layout):
            if not layout.store_id.exists():  # another process may have been first
                write_atomic(layout.store_id, uuid.uuid4().hex.encode())


@contextmanager
def exclusive_lock(layout: FileLayout) -> Iterator[int]:
    """Lock the store for writing; yields the epoch of the newest run, 0 before the first."""
    with storage_errors(layout.base), layout.epoch.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield int(file.read() or 0)


def write_epoch(layout: FileLayout, epoch: int) -> None:
    """Write the epoch of a new run; the caller has locked the store."""
    # In place: the lock is on this file, and a new file in its place would not be locked.
    with layout.epoch.open("r+") as file:
        file.write(f"{epoch:012d}\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def shared_lock(layout: FileLayout) -> Iterator[None]:
    """Lock the store for reading: others may read it too, and writers wait.

    Raises `NotFound` where there is no store.
    """
    if not layout.epoch.is_file():
        raise NotFound("store", f"files:{layout.base}")
    with storage_errors(layout.base), layout.epoch.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield
