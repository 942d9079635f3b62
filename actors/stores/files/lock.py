"""Holding a store of files: one writer at a time, by a lock on the file that counts its runs."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from actors.atomic_files import storage_errors, write_atomic
from actors.stores.files.layout import FileLayout


def lay_out(tree: FileLayout) -> None:
    """Make what every store of files has; raises `StoreUnreachable` where that cannot be."""
    with storage_errors(tree.base):
        tree.scratch.mkdir(parents=True, exist_ok=True)
        tree.runs.mkdir(exist_ok=True)
        tree.epoch.touch()
    if not tree.store_id.exists():
        with held(tree):
            if not tree.store_id.exists():  # another process may have been first
                write_atomic(tree.store_id, uuid.uuid4().hex.encode())


@contextmanager
def held(tree: FileLayout) -> Iterator[int]:
    """Hold the store while something is written; yields the epoch of the newest run, 0 before the first."""
    with storage_errors(tree.base), tree.epoch.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield int(file.read() or 0)


def note_epoch(tree: FileLayout, epoch: int) -> None:
    """A run that is newer than all before; the caller holds the store."""
    with tree.epoch.open("r+") as file:  # in place: replacing it would leave the lock on the old one
        file.write(f"{epoch:012d}\n")
        file.flush()
        os.fsync(file.fileno())
