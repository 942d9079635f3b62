"""RIFF: AVI, also of several parts (OpenDML), and WAVE, also with 64-bit sizes (RF64, BW64, Wave64)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise
from actors.sources.source import open_source

# WAVE format tags whose bytes per second are exact: integers, floats, either of them.
LINEAR_FORMATS: Final = frozenset({0x0001, 0x0003, 0xFFFE})
UNKNOWN_SIZE: Final = 0x7FFF0000  # programs that write to a pipe leave the largest number they know
LONG_SIZE: Final = 0xFFFFFFFF  # the true one is in chunk ds64 (EBU Tech 3306)
# A chunk of an odd size is followed by a zero, which some programs count and do not write.
PADDING: Final = 1
W64_GUID_BYTES: Final = 16
FORMAT_BYTES: Final = 16  # of chunk fmt that are read
MAX_CHUNKS: Final = 10_000  # In front of the sound, in a file that is not damaged.


def promise(file: BinaryIO, size: int) -> Promise:
    """The end of the last part, and how long the pictures or the sound play.

    A part without a size was never finished, and promises nothing.
    """
    first, end = None, None
    for part in _parts(file, size):
        first, end = first or part[0], part[1]
    if end is None:
        return Promise()
    length = avi_length_s(file) if first == b"AVI " else wav_length_of(file)
    return Promise(end - PADDING, length)


def _parts(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int | None]]:
    """Yields the kind and end of each RIFF part of a file; the end is None where it is unknown."""
    at = 0
    while at + 12 <= size:
        file.seek(at)
        name, length, kind = struct.unpack("<4sI4s", file.read(12))
        if name not in (b"RIFF", b"RF64", b"BW64"):
            return
        if name != b"RIFF" and length == LONG_SIZE:
            length = _long_sizes(file, at)[0]
        elif length == 0 or length >= UNKNOWN_SIZE:
            yield kind, None
            return
        yield kind, at + 8 + length
        at += 8 + length + length % 2


def _long_sizes(file: BinaryIO, at: int = 0) -> tuple[int, int]:
    """Sizes of the whole and of its data, from chunk ds64."""
    file.seek(at + 12)
    name, _, whole, data = struct.unpack("<4sIQQ", file.read(24))
    if name != b"ds64":
        raise ValueError("no ds64 chunk")
    return whole, data


def w64_promise(file: BinaryIO, size: int) -> Promise:
    """The size of a Wave64 file: it stands behind the first GUID, and counts everything."""
    del size
    file.seek(W64_GUID_BYTES)
    (length,) = struct.unpack("<Q", file.read(8))
    return Promise(length - 8 if 0 < length < 1 << 62 else 0)


def avi_length_s(file: BinaryIO) -> Fraction:
    """How long the pictures of an AVI play, by the largest frame count in its headers."""
    file.seek(0)
    head = file.read(1 << 16)
    at = head.find(b"avih")
    if at < 0:
        return Fraction(0)
    frame_us, frames = (struct.unpack_from("<I", head, at + 8 + offset)[0] for offset in (0, 16))
    lengths = [Fraction(frame_us * frames, 1_000_000)]
    for strh in _places(head, b"strh"):
        if head[strh + 8 : strh + 12] == b"vids":
            scale, rate, _, length = struct.unpack_from("<4I", head, strh + 28)
            lengths.append(Fraction(length * scale, rate) if rate else Fraction(0))
    for dmlh in _places(head, b"dmlh"):
        lengths.append(Fraction(frame_us * struct.unpack_from("<I", head, dmlh + 8)[0], 1_000_000))
    return max(lengths)


def _places(data: bytes, name: bytes) -> Iterator[int]:
    at = data.find(name)
    while at >= 0:
        yield at
        at = data.find(name, at + 1)


def wav_length_s(path: str) -> Fraction:
    """The length of a WAVE file in its header, in seconds; 0 where it is compressed or written to a pipe."""
    with open_source(path) as file:
        try:
            return wav_length_of(file)
        except (struct.error, ValueError):
            return Fraction(0)


def wav_length_of(file: BinaryIO) -> Fraction:
    """The same for an open file."""
    file.seek(0)
    name, long_data = file.read(12)[:4], 0
    if name in (b"RF64", b"BW64"):
        _, long_data = _long_sizes(file)
    elif name != b"RIFF":
        return Fraction(0)
    file.seek(12)
    bytes_per_second = 0
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            size = long_data if size == LONG_SIZE and long_data else size if size < UNKNOWN_SIZE else 0
            return Fraction(size, bytes_per_second) if bytes_per_second else Fraction(0)
        body = file.read(min(size, FORMAT_BYTES)) if name == b"fmt " else b""
        if len(body) >= 12 and struct.unpack_from("<H", body)[0] in LINEAR_FORMATS:
            bytes_per_second = struct.unpack_from("<I", body, 8)[0]
        file.seek(size + size % 2 - len(body), 1)
    return Fraction(0)
