"""ASF (WMV, WMA): size and play duration of the File Properties Object.

Source: Advanced Systems Format Specification, 3.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import BinaryIO, Final
from uuid import UUID

from actors.probing.declared_length.promise import Promise

HEADER: Final = UUID("75B22630-668E-11CF-A6D9-00AA0062CE6C").bytes_le
FILE_PROPERTIES: Final = UUID("8CABDCA1-A947-11CF-8EE4-00C00C205365").bytes_le
BROADCAST: Final = 1  # flag: size and duration are not valid
TICKS_A_SECOND: Final = 10_000_000
HEADER_HEAD, OBJECT_HEAD = 30, 24  # bytes in front of the content
PROPERTIES_BYTES: Final = 80  # of the content of the File Properties Object
MAX_OBJECTS: Final = 10_000  # Of a header that is not damaged.


def promise(file: BinaryIO, size: int) -> Promise:
    """Size and duration; a broadcast promises nothing."""
    for kind, at in islice(_objects(file, size), MAX_OBJECTS):
        if kind == FILE_PROPERTIES:
            file.seek(at)
            body = file.read(PROPERTIES_BYTES)
            promised, _, _, play, _, preroll_ms, flags = struct.unpack_from("<QQQQQQI", body, 16)
            length = Fraction(play, TICKS_A_SECOND) - Fraction(preroll_ms, 1000)
            return Promise() if flags & BROADCAST else Promise(promised, max(Fraction(0), length))
    return Promise()


def _objects(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yields the kind of each object of the header, and where its content begins."""
    kind, length, _, _ = struct.unpack("<16sQIH", file.read(HEADER_HEAD))
    if kind != HEADER:
        return
    at, end = HEADER_HEAD, min(length, size)
    while at + OBJECT_HEAD <= end:
        file.seek(at)
        kind, length = struct.unpack("<16sQ", file.read(OBJECT_HEAD))
        if length < OBJECT_HEAD:
            return
        yield kind, at + OBJECT_HEAD
        at += length
