"""Reads standard input as bytes, for a list of paths."""

from __future__ import annotations

import sys

from schemas.errors import UsageError


def read_standard_input() -> bytes:
    """All of standard input; empty where it is closed. Raises `UsageError` where it cannot be read."""
    if sys.stdin is None:
        return b""
    try:
        return sys.stdin.buffer.read()
    except OSError as error:  # also of one that is open for writing alone
        raise UsageError(
            f"standard input cannot be read: {error.strerror or error}; give a list of paths on it, or in a "
            "file"
        ) from error
