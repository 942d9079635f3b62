"""Ogg: nothing is promised, but the last page of a whole file is marked as the end of its stream (RFC
3533, 6).
"""

from __future__ import annotations

from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise

TAIL_BYTES: Final = 1 << 17  # a page has at most 65,307
CAPTURE: Final = b"OggS"
HEAD, SEGMENTS, END_OF_STREAM = (
    27,
    26,
    4,
)  # bytes of a page's head, the place of the number of segments, and a flag


def promise(file: BinaryIO, size: int) -> Promise:
    """Whether the file ends with a whole page that ends a stream."""
    file.seek(max(0, size - TAIL_BYTES))
    tail = file.read(TAIL_BYTES)
    at = tail.rfind(CAPTURE)
    return Promise(lacks_end=at < 0 or not _ends(tail[at:]))


def _ends(page: bytes) -> bool:
    if len(page) < HEAD:
        return False
    table = page[HEAD : HEAD + page[SEGMENTS]]
    return bool(page[5] & END_OF_STREAM) and len(page) >= HEAD + page[SEGMENTS] + sum(table)
