"""Reads the length of a file from its header: one reader for each family of containers.

Nothing is decoded. A recording that was written to a pipe, or is still being written, promises nothing, and
so lacks nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO, Final

from actors.probing.declared_length import asf, flv, iff, ivf, matroska, mxf, ogg, riff, y4m
from actors.probing.declared_length.promise import Promise
from actors.sources.source import open_source

__all__ = ["Promise", "promise_in", "promise_of"]

MAX_BYTES: Final = 1 << 50  # Of a file; a header that says more is damaged.
MAX_LENGTH_S: Final = 1 << 28  # Some eight years; a header that says more is damaged.

Reader = Callable[[BinaryIO, int], Promise]

# By FFmpeg's name of the format.
READERS: Final[Mapping[str, Reader]] = {
    "matroska": matroska.promise,
    "webm": matroska.promise,
    "avi": riff.promise,
    "wav": riff.promise,
    "w64": riff.w64_promise,
    "aiff": iff.promise,
    "asf": asf.promise,
    "flv": flv.promise,
    "ogg": ogg.promise,
    "ivf": ivf.promise,
    "yuv4mpegpipe": y4m.promise,
    "mxf": mxf.promise,
}


def promise_of(path: str, formats: frozenset[str]) -> Promise:
    """What the header of a file promises.

    It promises nothing where its container never does, or where the header is damaged. Raises what
    `open_source` raises.
    """
    if formats.isdisjoint(READERS):
        return Promise()
    with open_source(path) as file:
        return promise_in(file, formats)


def promise_in(file: BinaryIO, formats: frozenset[str]) -> Promise:
    """What the header of an open file promises; reads no more than the header and the last bytes."""
    reader = next(READERS[name] for name in sorted(formats) if name in READERS)
    size = file.seek(0, 2)
    file.seek(0)
    try:
        return _believable(reader(file, size))
    except (struct.error, ValueError, LookupError, ArithmeticError):
        return Promise()  # a damaged header: the demuxer has made what it can of it


def _believable(promise: Promise) -> Promise:
    size_bytes = promise.size_bytes if promise.size_bytes <= MAX_BYTES else 0
    return replace(
        promise,
        size_bytes=size_bytes,
        length_s=promise.length_s if promise.length_s <= MAX_LENGTH_S else Fraction(0),
    )
