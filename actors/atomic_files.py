"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from schemas.errors import DiskFull, StoreFailed, StoreUnreachable

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LINKS: Final = (
    errno.EPERM,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
)  # of file systems without a second name for a file
_NO_PLACE: Final = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ENAMETOOLONG)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals into ours: `DiskFull`, `StoreUnreachable` or `StoreFailed`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _NO_ROOM:
            raise DiskFull(str(path), reason) from error
        if error.errno in _FORBIDDEN:
            raise StoreUnreachable(
                str(path), f"{reason}; check the permissions, or choose another --out"
            ) from error
        if error.errno in _NO_PLACE:
            raise StoreUnreachable(
                str(path), f"{reason}; a file may be where a folder is needed, or the folder was removed"
            ) from error
        raise StoreFailed(str(path), reason) from error


def write_atomic(path: Path, data: bytes, *, scratch: Path | None = None, durable: bool = True) -> None:
    """Replace `path` by `data`, whole or not at all: temporary file, fsync, rename, fsync of the folder.

    `scratch` is where the temporary file is put (same file system; beside `path` if None). `durable=False`
    leaves out both fsyncs: safe against a killed process, not against a power cut. Raises `DiskFull`,
    `StoreUnreachable` or `StoreFailed`; `path` is then as it was.
    """
    temporary = (scratch or path.parent) / f".{path.name}.{uuid.uuid4().hex[:12]}.tmp"
    with storage_errors(path):
        try:
            with temporary.open("wb") as file:
                file.write(data)
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
    """Replace `path` by `data`; nothing to hold is no file."""
    if data:
        write_atomic(path, data, scratch=scratch)
        return
    with storage_errors(path):
        path.unlink(missing_ok=True)


def put_new(unfinished: Path, path: Path) -> None:
    """Give a finished file its name, synced; raises FileExistsError where there is something of that name,
    which stays.

    Afterwards `unfinished` may still be there, as another name of the same file.
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
    """Make names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_object(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None where there is none or it is damaged, which a store takes as never
    written.
    """
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if isinstance(found, dict) else None
