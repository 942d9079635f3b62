"""AIFF: the size of its FORM chunk, big-endian."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise

# Programs that write to a pipe leave this size or a larger one.
UNKNOWN_SIZE: Final = 0x7FFF0000
PADDING: Final = 1  # Of a chunk of an odd size: some programs count it and do not write it.


def promise(file: BinaryIO, size: int) -> Promise:
    """The size of the file; nothing where the size was never filled in."""
    del size
    name, length = struct.unpack(">4sI", file.read(8))
    return Promise(8 + length - PADDING) if name == b"FORM" and 0 < length < UNKNOWN_SIZE else Promise()
