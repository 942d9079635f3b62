"""Ogg: no length is declared, but the last page of a whole file ends its stream (RFC 3533, 6)."""

from __future__ import annotations

from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise

TAIL_BYTES: Final = 1 << 17  # a page has at most 65,307
CAPTURE_PATTERN: Final = b"OggS"
PAGE_HEAD = 27  # bytes
SEGMENT_COUNT_OFFSET = 26
END_OF_STREAM = 4  # flag


def promise(file: BinaryIO, size: int) -> Promise:
    """Whether the file ends with a whole page that ends a stream."""
    file.seek(max(0, size - TAIL_BYTES))
    tail = file.read(TAIL_BYTES)
    at = tail.rfind(CAPTURE_PATTERN)
    return Promise(lacks_end=at < 0 or not _ends_stream(tail[at:]))


def _ends_stream(page: bytes) -> bool:
    """Whether a page is whole and marked as the end of a stream."""
    if len(page) < PAGE_HEAD:
        return False
    table = page[PAGE_HEAD : PAGE_HEAD + page[SEGMENT_COUNT_OFFSET]]
    return bool(page[5] & END_OF_STREAM) and len(page) >= PAGE_HEAD + page[SEGMENT_COUNT_OFFSET] + sum(table)
