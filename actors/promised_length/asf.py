"""ASF, as WMV and WMA have it: size and play duration of the File Properties Object (Advanced Systems Format Specification, 3.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO, Final
from uuid import UUID

from actors.promised_length.promise import Promise

HEADER: Final = UUID("75B22630-668E-11CF-A6D9-00AA0062CE6C").bytes_le
FILE_PROPERTIES: Final = UUID("8CABDCA1-A947-11CF-8EE4-00C00C205365").bytes_le
BROADCAST: Final = 1  # flag: size and duration are not valid
TICKS_A_SECOND: Final = 10_000_000
MOST_HEADER: Final = 1 << 22


def promise(file: BinaryIO, size: int) -> Promise:
    """Nothing of a broadcast."""
    del size
    for kind, body in _objects(file):
        if kind == FILE_PROPERTIES:
            promised, _, _, play, _, preroll_ms, flags = struct.unpack_from("<QQQQQQI", body, 16)
            length = Fraction(play, TICKS_A_SECOND) - Fraction(preroll_ms, 1000)
            return Promise() if flags & BROADCAST else Promise(promised, max(Fraction(0), length))
    return Promise()


def _objects(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each object of the header."""
    kind, length, _, _ = struct.unpack("<16sQIH", file.read(30))
    if kind != HEADER:
        return
    header, at = file.read(min(length, MOST_HEADER)), 0
    while at + 24 <= len(header):
        kind, length = struct.unpack_from("<16sQ", header, at)
        if length < 24:
            return
        yield kind, header[at + 24 : at + length]
        at += length
