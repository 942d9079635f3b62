"""MXF: the header partition says where the footer partition is (SMPTE ST 377-1, 7.1)."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise

RUN_IN_BYTES: Final = 1 << 16
# The beginning of a partition pack's key.
PARTITION_KEY: Final = bytes.fromhex("060e2b34020501010d01020101")
KEY_BYTES: Final = 16
# In the pack: versions, alignment, this and the previous partition stand before it.
FOOTER_OFFSET: Final = 24


def promise(file: BinaryIO, size: int) -> Promise:
    """The size up to the head of the footer; a header that was never closed knows of no footer."""
    del size
    head = file.read(RUN_IN_BYTES)
    start = head.find(PARTITION_KEY)
    if start < 0:
        return Promise()
    pack = _content_start(head, start + KEY_BYTES)
    (footer,) = struct.unpack_from(">Q", head, pack + FOOTER_OFFSET)
    return Promise(start + footer + KEY_BYTES) if footer else Promise()


def _content_start(head: bytes, at: int) -> int:
    """Where the content begins behind a BER length."""
    return at + 1 + (head[at] & 127 if head[at] & 128 else 0)
