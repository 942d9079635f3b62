"""One live run per store: an exclusive flock that the kernel lets go of when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import socket
import weakref
from pathlib import Path
from types import TracebackType

from actors.stores.address import Address
from actors.stores.atomic import storage_errors
from schemas.errors import StoreBusy


class Hold:
    """A store held by this process; `release()` or leaving the `with` block frees it.

    The descriptor is closed on exec and, in children made by a bare fork, at once: closing a copy does not free the holder's lock.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        _held.add(self)

    def release(self) -> None:
        """Free the store; the lock file stays, since removing it would let two runs hold two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


_held: weakref.WeakSet[Hold] = weakref.WeakSet()


def _forget_in_child() -> None:
    for held in list(_held):
        held.release()


os.register_at_fork(after_in_child=_forget_in_child)


def hold(url: str) -> Hold:
    """Take the store for this process; raises `StoreBusy` when a live process has it, naming host and process."""
    address = Address.parse(url)
    path = address.lock_path
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise StoreBusy(address.url, holder or "unknown process") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{socket.gethostname()}, process {os.getpid()}\n".encode(), 0)
    return Hold(path, descriptor)
