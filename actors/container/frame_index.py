"""The exact time of every frame, from packets alone: nothing is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from actors.container.video_clock import NO_TIME, ClockSegment, offsets_of, stretch_numbers
from schemas.media.frames import Ints
from schemas.media.video import FrameIndex

NO_PTS: Final = NO_TIME
# One sample is one picture there, whatever the coding; a transport or program stream may send two fields as
# two packets.
SAMPLE_CONTAINERS: Final = frozenset({"mov", "mp4", "matroska", "webm"})
# DivX's and XviD's note in the stream's user data that two pictures may share one AVI chunk ("packed
# bitstream").
PACKED_BITSTREAM: Final = re.compile(rb"DivX\d+(?:b|Build)\d+p")
VP8_SHOW_FRAME: Final = 0x10  # RFC 6386, 9.1: bit 4 of a frame's first byte
MOST_IN_A_TICK: Final = (
    16  # pictures that a coarse clock shows at once; where there are more, its times say nothing
)

Bools = npt.NDArray[np.bool_]


def _no_times() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class PacketTable:
    """All packets of one stream in decoding order: `pts` int64 (`NO_PTS` where unknown), `keyframe` and
    `shown` bool, one entry each.

    `dts` int64 are times of decoding (`NO_PTS` where unknown), none where nobody asked. `shown` is False for
    a packet that is decoded and never shown (before the start of an edit list, a hidden reference picture).
    `last_duration` is that of the packet shown last, `usual_duration` the middle one of all, 0 if unknown.
    `made_up`: the times of presentation are those of decoding, though pictures are coded in another order.
    `begins_whole`: the first shown packet is known to be the first picture that a decoder gives.
    """

    pts: Ints
    keyframe: Bools
    shown: Bools
    last_duration: int = 0
    usual_duration: int = 0
    interlaced: bool = False
    packed: bool = False
    made_up: bool = False
    begins_whole: bool = False
    dts: Ints = field(default_factory=_no_times)

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def tells_no_times(self) -> bool:
        """Whether no time of presentation is to be believed, only the order of the pictures."""
        pts = self.pts[self.shown]
        return (
            self.made_up
            or self.packed
            or not bool((pts != NO_PTS).any())
            or _most_alike(pts) > MOST_IN_A_TICK
        )

    @property
    def decoded_at(self) -> Ints:
        """Times of decoding as far as they are known."""
        return self.dts if len(self.dts) else np.full(len(self.pts), NO_PTS, np.int64)

    def begun(self, pictures: Sequence[int]) -> PacketTable:
        """The table without the packets that give no picture because the stream begins in the middle of
        something.

        `pictures` are the times of the first ones that a decoder gives, ascending. Where they are just those
        that packets speak of from there on, the rest begins whole.
        """
        if not pictures:
            return self
        is_before = (
            (self.pts < pictures[0])
            & (self.pts != NO_PTS)
            & (stretch_numbers(self.dts) == 0 if len(self.dts) else True)
        )
        shown = self.shown & ~is_before
        told = np.sort(self.pts[shown & (self.pts <= pictures[-1])])
        return replace(self, shown=shown, begins_whole=np.array_equal(told, pictures))


def packet_table(packets: Iterable[Any], *, codec: str, interlaced: bool = False) -> PacketTable:
    """Facts of demuxed packets (`av.Packet`); empty ones, which only flush a decoder, are left out."""
    pts: list[int] = []
    dts: list[int] = []
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
        dts.append(NO_PTS if packet.dts is None else packet.dts)
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
        dts=np.array(dts, np.int64),
    )


def inexact_because(table: PacketTable, containers: frozenset[str]) -> str | None:
    """Why packets do not tell which frame is shown when, in a few words; None where they do."""
    pts = table.pts[table.shown]
    reason = None
    if bool((table.pts == NO_PTS).any()):
        reason = "packets without a presentation time"
    elif table.made_up:
        reason = "presentation times made up from the order of decoding"
    elif stretch_numbers(table.dts).any():
        reason = "its clock starts anew on the way"
    elif len(np.unique(pts)) < len(pts):
        reason = "several packets with one presentation time"
    elif table.packed:
        reason = "several pictures may share a packet (packed bitstream)"
    elif table.interlaced and not containers & SAMPLE_CONTAINERS:
        reason = "interlaced: a picture may come in two packets, one per field"
    elif not table.begins_whole and not table.keyframe[0]:
        reason = "begins in the middle of a group of pictures"
    elif not table.begins_whole and bool((table.pts < table.pts[0]).any()):
        reason = "begins with pictures that refer to others before the beginning"
    return reason


def frame_index(
    table: PacketTable, containers: frozenset[str], *, step: int, promised: int = 0, scale: int = 1
) -> FrameIndex:
    """The index of a stream with at least one shown packet.

    `containers` are the names of the container's format, `step` the usual distance of frames (for estimates),
    `promised` the number of shown frames that the header speaks of, 0 where it does not. Its times, and
    `step`, are `scale` times as fine as the packets'. The first frame always counts as a keyframe: a decoder
    that looks for a keyframe before it finds the beginning of the file.
    """
    missing = max(0, promised - int(table.shown.sum()))
    if inexact_because(table, containers) is not None:
        times = estimated(table, step, scale)
        return FrameIndex(
            times, np.zeros(1, np.int64), exact=False, missing=missing, made_up=table.tells_no_times
        )
    pts = np.sort(table.pts[table.shown])
    keyframes = np.searchsorted(pts, table.pts[table.shown & table.keyframe])
    return FrameIndex(pts, np.union1d([0], keyframes).astype(np.int64), exact=True, missing=missing)


def estimated(table: PacketTable, step: int, scale: int = 1) -> Ints:
    """When each of the frames is likely to be shown, increasing, in units `scale` times as fine as the
    packets', as `step` is.

    What packets tell is kept as far as it can be; frames at about a constant rate are at that rate.
    """
    pts = table.pts[table.shown]
    known = pts if (pts != NO_PTS).all() else table.decoded_at[table.shown]
    if not (known != NO_PTS).all() or _most_alike(known) > MOST_IN_A_TICK:
        told = pts[pts != NO_PTS]
        start = int(told.min()) * scale if len(told) else 0
        return start + step * np.arange(len(pts), dtype=np.int64)
    times = np.sort(known * scale + moved(table, step // scale)[table.shown] * scale)
    steady = times[0] + step * np.arange(len(times), dtype=np.int64)
    allowed = step if table.tells_no_times else scale if scale > 1 else 0
    return steady if bool((np.abs(times - steady) <= allowed).all()) else side_by_side(times)


def moved(table: PacketTable, step: int) -> Ints:
    """What is added to each packet's times so that they go on where a clock starts anew, in units of the
    packets' time base.
    """
    if not len(table.dts):
        return np.zeros(len(table), np.int64)
    numbers, known = stretch_numbers(table.dts), table.pts != NO_PTS
    spans = []
    for number in range(int(numbers.max(initial=0)) + 1):
        own = table.pts[known & (numbers == number)]
        spans.append(
            ClockSegment(Fraction(int(own.min())), Fraction(int(own.max()) + step))
            if len(own)
            else ClockSegment(Fraction(0), Fraction(0))
        )
    offsets = np.array([int(offset) for offset in offsets_of(spans)], np.int64)
    return offsets[numbers]


def side_by_side(times: Ints) -> Ints:
    """Times that ascend, made to increase: those that are alike follow each other by one unit."""
    order = np.arange(len(times), dtype=np.int64)
    increasing: Ints = np.maximum.accumulate(times - order) + order
    return increasing


def subdivision(table: PacketTable) -> int:
    """Into how many parts a tick of the stream's clock has to be divided so that each frame has a time of its
    own; 1 where they have.

    The least number, up to four times the frames of a tick, in which the usual distance of frames is about a
    whole one.
    """
    pts = table.pts[table.shown & (table.pts != NO_PTS)]
    alike = _most_alike(pts)
    if alike == 1 or table.tells_no_times or table.interlaced or stretch_numbers(table.dts).any():
        return 1
    distance = (int(pts.max() - pts.min()) + 1) / len(pts)
    return min(
        range(alike, 4 * alike + 1),
        key=lambda parts: round(abs(parts * distance - max(1, round(parts * distance))), 2),
    )


def usual_distance(table: PacketTable, rate: Fraction | None, time_base: Fraction, scale: int = 1) -> int:
    """How far frames are apart in general, in units `scale` times as fine as `time_base`, at least 1.

    From what packets say of their duration, or the stream's `rate`; where neither is to be believed, from the
    times themselves.
    """
    pts = table.pts[table.shown & (table.pts != NO_PTS)]
    if scale > 1:
        return max(1, round((int(pts.max() - pts.min()) + 1) * scale / len(pts)))
    times = np.unique(pts)
    if len(times) > 1 and (table.tells_no_times or not (table.usual_duration or rate)):
        return int(np.median(np.diff(times)))
    return (table.usual_duration or usual_step(rate, time_base)) * scale


def usual_step(rate: Fraction | None, time_base: Fraction) -> int:
    """Distance of two frames at `rate` a second in units of `time_base`, at least 1; at 25 a second where
    the rate is unknown.
    """
    return max(1, round(1 / ((rate or Fraction(25)) * time_base)))


def _most_alike(pts: Ints) -> int:
    """How many packets share a time, at most."""
    return int(np.unique(pts, return_counts=True)[1].max(initial=1))
