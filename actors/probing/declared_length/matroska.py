"""Matroska and WebM: the size of the Segment, and the Duration in its Info (RFC 9559)."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise

EBML, SEGMENT, CLUSTER, INFO = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1549A966
TIMESTAMP_SCALE, DURATION = 0x2AD7B1, 0x4489
USUAL_SCALE: Final = 1_000_000  # nanoseconds of a tick
MAX_INFO_BYTES: Final = 1 << 20  # Of an Info element that is read.
MAX_NUMBER_BYTES: Final = 8  # of the longest number
MAX_ELEMENTS: Final = 10_000  # In front of the first Cluster, in a file that is not damaged.


def promise(file: BinaryIO, size: int) -> Promise:
    """Size and duration; a Segment of unknown size is a live recording and promises no size."""
    for kind, start, length in _elements(file, 0, size):
        if kind == SEGMENT:
            end = start + length if length is not None else 0
            return Promise(end, _duration_s(file, start, min(end or size, size)))
        if kind != EBML:
            break
    return Promise()


def _duration_s(file: BinaryIO, start: int, end: int) -> Fraction:
    for kind, at, length in islice(_elements(file, start, end), MAX_ELEMENTS):
        if kind == INFO and length is not None and length <= MAX_INFO_BYTES:
            return _length_of(file, at, min(at + length, end))
        if kind == CLUSTER or length is None:
            break
    return Fraction(0)


def _length_of(file: BinaryIO, start: int, end: int) -> Fraction:
    scale, ticks = USUAL_SCALE, 0.0
    for kind, at, length in _elements(file, start, end):
        if kind not in (TIMESTAMP_SCALE, DURATION) or not length or length > MAX_NUMBER_BYTES:
            continue
        file.seek(at)
        value = file.read(length)
        if kind == TIMESTAMP_SCALE:
            scale = int.from_bytes(value, "big")
        elif kind == DURATION and len(value) in (4, 8):
            (ticks,) = struct.unpack(">f" if len(value) == 4 else ">d", value)
    return Fraction(ticks) * scale / 10**9 if math.isfinite(ticks) and ticks > 0 else Fraction(0)


def _elements(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """Yields id, start and length of the content of each element.

    The length is None where it is unknown; that element is the last.
    """
    while at < end:
        file.seek(at)
        head = file.read(12)
        kind_bytes = _width(head)
        kind = int.from_bytes(head[:kind_bytes], "big")
        length_bytes = _width(head[kind_bytes:])
        raw = (
            int.from_bytes(head[kind_bytes : kind_bytes + length_bytes], "big") & (1 << 7 * length_bytes) - 1
        )
        start = at + kind_bytes + length_bytes
        is_unknown = raw == (1 << 7 * length_bytes) - 1
        yield kind, start, None if is_unknown else raw
        if is_unknown:
            return
        at = start + raw


def _width(data: bytes) -> int:
    """Bytes of a variable-size integer, by the zeros in front (RFC 8794, 4); raises ValueError."""
    width = 9 - data[0].bit_length()
    if width > 8 or len(data) < width:
        raise ValueError("no variable-size integer")
    return width
