"""Writes files so that a file is either whole or absent, and turns errors of the system into ours."""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from schemas.errors import DiskFull, StoreFailed, StoreUnreachable

_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
# From file systems without hard links.
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_BAD_PATH: Final = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ENAMETOOLONG)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an OSError inside the block into `DiskFull`, `StoreUnreachable` or `StoreFailed`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _DISK_FULL:
            raise DiskFull(str(path), reason) from error
        if error.errno in _FORBIDDEN:
            raise StoreUnreachable(
                str(path), f"{reason}; check the permissions, or choose another --out"
            ) from error
        if error.errno in _BAD_PATH:
            raise StoreUnreachable(
                str(path), f"{reason}; a file may be where a folder is needed, or the folder was removed"
            ) from error
        raise StoreFailed(str(path), reason) from error


def write_atomic(
    path: Path, data: bytes | Iterable[bytes], *, scratch: Path | None = None, durable: bool = True
) -> None:
    """Replace `path` by `data`, whole or not at all: temporary file, fsync, rename, fsync of the folder.

    `data` may come in pieces. `scratch`: folder of the temporary file, on the same file system (the folder of
    `path` if None). `durable=False` leaves out both fsyncs: safe against a killed process, not against a
    power cut. Raises `DiskFull`, `StoreUnreachable` or `StoreFailed`; `path` is then unchanged.
    """
    temporary = (scratch or path.parent) / f".{path.name}.{uuid.uuid4().hex[:12]}.tmp"
    with storage_errors(path):
        try:
            with temporary.open("wb") as file:
                file.writelines([data] if isinstance(data, bytes) else data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)


def write_or_remove(path: Path, data: bytes, *, scratch: Path | None = None) -> None:
    """Replace `path` by `data`, or remove it when `data` is empty."""
    if data:
        write_atomic(path, data, scratch=scratch)
        return
    with storage_errors(path):
        path.unlink(missing_ok=True)


def put_new(unfinished: Path, path: Path) -> None:
    """Give a finished file the name `path`, with fsync; `unfinished` may remain as a second name of it.

    Raises FileExistsError, and changes nothing, where `path` exists.
    """
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(unfinished, path)  # unlike a rename it never replaces anything
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        unfinished.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut (fsync of the folder)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_object(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None where the file is missing or damaged.

    A store treats a damaged file as one that was never written.
    """
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None
