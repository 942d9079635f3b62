"""Reads H.264 parameter sets, which show whether a stream keeps its coding parameters.

A decoder that is started after a change may not know what a decoder that saw the change knows. FFmpeg's
H.264 decoder, for one, keeps colour properties that a later parameter set leaves out, so the same coded
picture is converted with other coefficients after a seek. Files joined from several encodings are like
that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SEQUENCE_PARAMETERS = 7  # nal_unit_type, ITU-T H.264 table 7-1
START_CODE = re.compile(rb"\x00\x00\x01")


def sequence_parameters(data: bytes, length_bytes: int) -> frozenset[bytes]:
    """H.264 sequence parameter sets within a packet.

    `length_bytes` is the size of the length before each NAL unit, 0 where start codes separate them (annex
    B).
    """
    units = nal_units(data, length_bytes)
    whole = units if length_bytes else (unit.rstrip(b"\x00") for unit in units)
    return frozenset(unit for unit in whole if unit and unit[0] & 31 == SEQUENCE_PARAMETERS)


def header_parameters(extradata: bytes | None) -> tuple[frozenset[bytes], int]:
    """Sequence parameter sets of a stream's header, and the bytes of a length in its packets.

    Source: ISO/IEC 14496-15, 5.3.3.1.
    """
    if not extradata or len(extradata) < 7 or extradata[0] != 1:
        return sequence_parameters(extradata or b"", 0), 0
    units, rest = [], extradata[6:]
    for _ in range(extradata[5] & 31):
        size = int.from_bytes(rest[:2], "big")
        units.append(rest[2 : 2 + size])
        rest = rest[2 + size :]
    return frozenset(units), (extradata[4] & 3) + 1


def nal_units(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """Yields the NAL units of a packet; zeros before a start code are left at the end of a unit."""
    if not length_bytes:
        yield from START_CODE.split(data)[1:]
        return
    at = 0
    while at + length_bytes <= len(data):
        size = int.from_bytes(data[at : at + length_bytes], "big")
        yield data[at + length_bytes : at + length_bytes + size]
        at += length_bytes + size
