"""The exact time of every frame, from packets alone: nothing is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.frames import Ints
from schemas.video import FrameIndex

NO_PTS: Final = int(np.iinfo(np.int64).min)
# One sample is one picture there, whatever the coding; a transport or program stream may send two fields as two packets.
SAMPLE_CONTAINERS: Final = frozenset({"mov", "mp4", "matroska", "webm"})
# DivX's and XviD's note in the stream's user data that two pictures may share one AVI chunk ("packed bitstream").
PACKED_BITSTREAM: Final = re.compile(rb"DivX\d+(?:b|Build)\d+p")
VP8_SHOW_FRAME: Final = 0x10  # RFC 6386, 9.1: bit 4 of a frame's first byte

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PacketTable:
    """All packets of one stream in decoding order: `pts` int64 (`NO_PTS` where unknown), `keyframe` and `shown` bool, one entry each.

    `shown` is False for a packet that is decoded and never shown (before the start of an edit list, a hidden reference picture).
    `last_duration` is that of the packet shown last, `usual_duration` the middle one of all, 0 if unknown.
    """

    pts: Ints
    keyframe: Bools
    shown: Bools
    last_duration: int = 0
    usual_duration: int = 0
    interlaced: bool = False
    packed: bool = False

    def __len__(self) -> int:
        return len(self.pts)


def packet_table(packets: Iterable[Any], *, codec: str, interlaced: bool = False) -> PacketTable:
    """Facts of demuxed packets (`av.Packet`); empty ones, which only flush a decoder, are left out."""
    pts: list[int] = []
    keyframe: list[bool] = []
    shown: list[bool] = []
    durations: list[int] = []
    packed, last = False, 0
    for packet in packets:
        if not packet.size:
            continue
        if codec == "mpeg4" and not pts:
            packed = PACKED_BITSTREAM.search(bytes(packet)) is not None
        when = NO_PTS if packet.pts is None else packet.pts
        pts.append(when)
        keyframe.append(packet.is_keyframe and not packet.is_corrupt)
        shown.append(not packet.is_discard and not (codec == "vp8" and not bytes(packet)[0] & VP8_SHOW_FRAME))
        durations.append(packet.duration or 0)
        last = len(pts) - 1 if when >= pts[last] else last
    return PacketTable(
        np.array(pts, np.int64),
        np.array(keyframe, bool),
        np.array(shown, bool),
        last_duration=durations[last] if durations else 0,
        usual_duration=sorted(durations)[len(durations) // 2] if durations else 0,
        interlaced=interlaced,
        packed=packed,
    )


def inexact_because(table: PacketTable, containers: frozenset[str]) -> str | None:
    """Why packets do not tell which frame is shown when, in a few words; None where they do."""
    pts = table.pts[table.shown]
    reason = None
    if bool((table.pts == NO_PTS).any()):
        reason = "packets without a presentation time"
    elif len(np.unique(pts)) < len(pts):
        reason = "several packets with one presentation time"
    elif table.packed:
        reason = "several pictures may share a packet (packed bitstream)"
    elif table.interlaced and not containers & SAMPLE_CONTAINERS:
        reason = "interlaced: a picture may come in two packets, one per field"
    elif not table.keyframe[0]:
        reason = "begins in the middle of a group of pictures"
    elif bool((table.pts < table.pts[0]).any()):
        reason = "begins with pictures that refer to others before the beginning"
    return reason


def frame_index(table: PacketTable, containers: frozenset[str], *, step: int, promised: int = 0) -> FrameIndex:
    """The index of a stream with at least one shown packet.

    `containers` are the names of the container's format, `step` the usual distance of frames in units of the time base (for estimates),
    `promised` the number of shown frames that the header speaks of, 0 where it does not. The first frame always counts as a keyframe:
    a decoder that looks for a keyframe before it finds the beginning of the file.
    """
    shown = int(table.shown.sum())
    missing = max(0, promised - shown)
    if inexact_because(table, containers) is not None:
        known = table.pts[table.shown & (table.pts != NO_PTS)]
        start = int(known.min()) if len(known) else 0
        return FrameIndex(start + step * np.arange(shown, dtype=np.int64), np.zeros(1, np.int64), exact=False, missing=missing)
    pts = np.sort(table.pts[table.shown])
    keyframes = np.searchsorted(pts, table.pts[table.shown & table.keyframe])
    return FrameIndex(pts, np.union1d([0], keyframes).astype(np.int64), exact=True, missing=missing)


def usual_step(rate: Fraction | None, time_base: Fraction) -> int:
    """Distance of two frames at `rate` a second in units of `time_base`, at least 1; at 25 a second where the rate is unknown."""
    return max(1, round(1 / ((rate or Fraction(25)) * time_base)))
