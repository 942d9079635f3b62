"""Finds presentation times that are made up, from the headers of pictures alone.

Some containers know only when a picture is decoded: AVI always, MP4 without a `ctts` box. FFmpeg then gives
the time of decoding as the time of presentation. That is right only where no picture is coded ahead of one
that is shown before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from actors.container.parameter_sets import header_parameters, nal_units

# Part of a packet in which its first picture begins; parameter sets and messages stand before it.
HEAD_BYTES: Final = 4096


def h264_is_bidirectional(data: bytes, length_bytes: int) -> bool:
    """Whether the first slice is a B slice: slice_type modulo 5 is 1 (ITU-T H.264, 7.3.3)."""
    for unit in nal_units(data, length_bytes):
        if unit and unit[0] & 31 in (1, 5):
            bits = _Bits(unit[1:])
            bits.exp_golomb()  # first_mb_in_slice
            return bits.exp_golomb() % 5 == 1
    return False


def hevc_is_bidirectional(data: bytes, length_bytes: int) -> bool:
    """Whether the first picture leads a later one or is never referred to.

    Source: nal_unit_type, ITU-T H.265, 7.4.2.2.
    """
    for unit in nal_units(data, length_bytes):
        kind = unit[0] >> 1 & 63 if unit else 63
        if kind < 32:
            return kind in (0, 2, 4, 6, 7, 8, 9)
    return False


def mpeg4_is_bidirectional(data: bytes, _: int) -> bool:
    """Whether vop_coding_type is B (ISO/IEC 14496-2, 6.3.5)."""
    start = data.find(b"\x00\x00\x01\xb6")
    return 0 <= start < len(data) - 4 and data[start + 4] >> 6 == 2


def mpeg2_is_bidirectional(data: bytes, _: int) -> bool:
    """Whether picture_coding_type is B (ISO/IEC 13818-2, 6.3.9; the same in MPEG-1)."""
    start = data.find(b"\x00\x00\x01\x00")
    return 0 <= start < len(data) - 5 and data[start + 5] >> 3 & 7 == 3


BIDIRECTIONAL_CHECKS: Final[Mapping[str, Callable[[bytes, int], bool]]] = {
    "h264": h264_is_bidirectional,
    "hevc": hevc_is_bidirectional,
    "mpeg4": mpeg4_is_bidirectional,
    "mpeg1video": mpeg2_is_bidirectional,
    "mpeg2video": mpeg2_is_bidirectional,
}


@dataclass(slots=True)
class PictureOrder:
    """Finds whether a stream's presentation times are made up, from its packets in the order of the file.

    `is_made_up`: the times never go back, though pictures are coded in another order than they are shown.
    """

    stream: Any
    _is_bidirectional: Callable[[bytes, int], bool] | None = field(init=False)
    _length_bytes: int = field(init=False)
    _last: int | None = field(default=None, init=False)
    _is_reordered: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        context = self.stream.codec_context
        self._is_bidirectional = (
            BIDIRECTIONAL_CHECKS.get(context.codec.canonical_name) if context.has_b_frames else None
        )
        self._length_bytes = _length_bytes(context)

    def observe(self, packet: Any) -> Any:
        """Looks at a packet and returns it unchanged."""
        if self._is_bidirectional is None:
            return packet
        if packet.pts is not None and self._last is not None and packet.pts < self._last:
            self._is_bidirectional = None  # the times are real: they go back
        elif not self._is_reordered:
            self._is_reordered = self._is_bidirectional(
                bytes(memoryview(packet)[:HEAD_BYTES]), self._length_bytes
            )
        self._last = self._last if packet.pts is None else packet.pts
        return packet

    @property
    def is_made_up(self) -> bool:
        return self._is_bidirectional is not None and self._is_reordered


def _length_bytes(context: Any) -> int:
    """The bytes of a length before each NAL unit; 0 where start codes separate them.

    Source: ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1.
    """
    data = context.extradata
    if context.codec.canonical_name != "hevc":
        return header_parameters(data)[1]
    return (data[21] & 3) + 1 if data and len(data) > 22 and data[0] == 1 else 0


class _Bits:
    """The first 16 bytes of a NAL unit's payload, read bit by bit."""

    def __init__(self, data: bytes) -> None:
        head = data[:16].replace(b"\x00\x00\x03", b"\x00\x00")
        self._text = f"{int.from_bytes(head, 'big'):0{len(head) * 8}b}" if head else ""

    def exp_golomb(self) -> int:
        """Reads an unsigned Exp-Golomb number (ITU-T H.264, 9.1); 0 where the data ends within it."""
        zeros = len(self._text) - len(self._text.lstrip("0"))
        value, self._text = self._text[zeros : 2 * zeros + 1], self._text[2 * zeros + 1 :]
        return int(value, 2) - 1 if value else 0
