"""The fingerprint of a file's content, and whether the content has changed."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from schemas.errors import EmptyFile, Unreadable


def fingerprint_of(path: str) -> str:
    """The sha256 (hex) of the content; raises `EmptyFile`, `Unreadable`."""
    try:
        status = os.stat(path)  # noqa: PTH116  # one call for kind, size and time
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(
                path, "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no ordinary file"
            )
        if status.st_size == 0:
            raise EmptyFile(path)
        with Path(path).open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise Unreadable(path, error.strerror or str(error)) from error


def content_state(path: str) -> tuple[int, int]:
    """Size in bytes and modification time in nanoseconds: while both stay the same, so does the content."""
    status = os.stat(path)  # noqa: PTH116
    return status.st_size, status.st_mtime_ns


def is_changed(path: str, *, size_bytes: int, mtime_ns: int, fingerprint: str) -> bool:
    """Whether the content of a file differs from what was read.

    False where the file is gone or unreadable. The file is read again only where its size or time have
    changed: to touch a file is not to change it.
    """
    try:
        if content_state(path) == (size_bytes, mtime_ns):
            return False
        return fingerprint_of(path) != fingerprint
    except EmptyFile:
        return True
    except (OSError, Unreadable):
        return False
