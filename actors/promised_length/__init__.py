"""How long a file is, as its header says: readers of headers, one for each family of containers. Nothing is decoded.

A recording that was written to a pipe, or is still being written, promises nothing, and so lacks nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from actors.promised_length import asf, flv, iff, ivf, matroska, mxf, ogg, riff, y4m
from actors.promised_length.promise import Promise

__all__ = ["Promise", "promise_of"]

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
    """What the header of a file promises; nothing where its container promises nothing, or the header cannot be understood.

    Raises `OSError`.
    """
    reader = next((READERS[name] for name in sorted(formats) if name in READERS), None)
    if reader is None:
        return Promise()
    with Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        try:
            return reader(file, size)
        except (struct.error, ValueError, LookupError, OverflowError):  # a damaged header: the demuxer has made what it can of it
            return Promise()
