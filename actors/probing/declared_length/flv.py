"""FLV: `duration` and `filesize` of onMetaData (Adobe Flash Video File Format Specification 10.1, E.5)."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise

METADATA_BYTES: Final = 1 << 16
NUMBER_MARK: Final = b"\x00"  # AMF 0
TAG_HEAD = 11  # bytes in front of a tag's content
TAG_LENGTH = 4  # bytes of the number behind a tag that says how long it was


def promise(file: BinaryIO, size: int) -> Promise:
    """Size and duration; a stream that was recorded without knowing its end promises nothing."""
    head = file.read(METADATA_BYTES)
    if head[:3] != b"FLV" or b"onMetaData" not in head:
        return Promise()
    length, promised = _number(head, b"duration"), _number(head, b"filesize")
    if not length and not promised:
        return Promise()
    return Promise(
        int(promised), Fraction(length), lacks_end=not promised and not _ends_with_a_tag(file, size)
    )


def _number(head: bytes, name: bytes) -> float:
    """A number of onMetaData; 0 where it is missing or impossible."""
    key = len(name).to_bytes(2, "big") + name + NUMBER_MARK
    at = head.find(key)
    if at < 0:
        return 0.0
    (value,) = struct.unpack_from(">d", head, at + len(key))
    return float(value) if math.isfinite(value) and 0 < value < 1 << 53 else 0.0


def _ends_with_a_tag(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - TAG_LENGTH))
    length = int.from_bytes(file.read(TAG_LENGTH), "big")
    if length < TAG_HEAD or length + TAG_LENGTH > size:
        return False
    file.seek(size - TAG_LENGTH - length)
    return int.from_bytes(file.read(4)[1:], "big") == int(length) - TAG_HEAD
