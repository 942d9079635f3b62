"""IVF: a number of frames in its header, and the size of each in front of it."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise

HEAD, FRAME_HEAD = 32, 12
UNKNOWN: Final = 0xFFFFFFFF


def promise(file: BinaryIO, size: int) -> Promise:
    """Whether the file ends within a frame, or before the last promised frame.

    The header counts frames (libvpx) or ticks of the time base (FFmpeg). Where the two differ, the reading
    that makes the file whole counts.
    """
    signature, head_bytes, rate, scale, count = struct.unpack("<4s2xH8xIII", file.read(28))
    if signature != b"DKIF" or not rate or not scale:
        return Promise()
    shown, first, last, at = 0, 0, 0, head_bytes or HEAD
    while at + FRAME_HEAD <= size:
        file.seek(at)
        length, frame_time = struct.unpack("<IQ", file.read(FRAME_HEAD))
        at += FRAME_HEAD + length
        if at <= size:
            shown, first, last = shown + 1, first if shown else frame_time, frame_time
    step = max(1, (last - first) // (shown - 1)) if shown > 1 else 1
    played = last + step if shown else 0
    is_short = count not in (0, UNKNOWN) and count > shown and count > played - step
    ticks = count if count > played or step == 1 else count * step
    return Promise(
        length_s=Fraction(ticks * scale, rate) if is_short else Fraction(0), lacks_end=at != size or is_short
    )
