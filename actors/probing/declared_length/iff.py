"""AIFF: the size of its FORM chunk, big-endian."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise

UNKNOWN_SIZE: Final = 0x7FFF0000  # left by programs that write to a pipe, and larger ones
PADDING: Final = 1  # of a chunk of an odd size, which some programs count and do not write


def promise(file: BinaryIO, size: int) -> Promise:
    """Nothing where the size was never filled in."""
    del size
    name, length = struct.unpack(">4sI", file.read(8))
    return Promise(8 + length - PADDING) if name == b"FORM" and 0 < length < UNKNOWN_SIZE else Promise()
