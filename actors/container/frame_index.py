"""The time of every frame of a stream, from its packets alone: nothing is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from actors.container.video_clock import NO_TIME, ClockSegment, offsets_of, segment_numbers
from schemas.media.frames import Ints
from schemas.media.video import FrameIndex

NO_PTS: Final = NO_TIME
# One sample of these formats is one picture, whatever the coding. A transport or program stream may send two
# fields as two packets.
SAMPLE_CONTAINERS: Final = frozenset({"mov", "mp4", "matroska", "webm"})
# DivX and XviD note in the stream's user data that two pictures may share one AVI chunk ("packed bitstream").
PACKED_BITSTREAM: Final = re.compile(rb"DivX\d+(?:b|Build)\d+p")
VP8_SHOW_FRAME: Final = 0x10  # RFC 6386, 9.1: bit 4 of a frame's first byte
# Pictures that a coarse clock may show at once; where there are more, its times say nothing.
MAX_PACKETS_PER_TICK: Final = 16

Bools = npt.NDArray[np.bool_]


def _no_times() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class PacketTable:
    """All packets of one stream in decoding order, one entry each.

    `pts` int64 are times of presentation (`NO_PTS` where unknown). `keyframe` and `shown` are bool; `shown`
    is False for a packet that is decoded and never shown (before the start of an edit list, a hidden
    reference picture). `dts` int64 are times of decoding (`NO_PTS` where unknown), or empty where they were
    not read. `last_duration` is the duration of the packet shown last, `usual_duration` the median of all,
    0 if unknown. `made_up`: the times of presentation are those of decoding, though pictures are coded in
    another order. `begins_whole`: the first shown packet is known to be the first picture that a decoder
    gives.
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
    def has_no_times(self) -> bool:
        """Whether no presentation time can be trusted, only the order of the pictures."""
        pts = self.pts[self.shown]
        return (
            self.made_up
            or self.packed
            or not bool((pts != NO_PTS).any())
            or _max_packets_per_tick(pts) > MAX_PACKETS_PER_TICK
        )

    @property
    def decoded_at(self) -> Ints:
        """Times of decoding as far as they are known, `NO_PTS` elsewhere."""
        return self.dts if len(self.dts) else np.full(len(self.pts), NO_PTS, np.int64)

    def without_undecodable_start(self, pictures: Sequence[int]) -> PacketTable:
        """The table in which packets before the first decodable picture are not shown.

        `pictures` are the times of the first pictures that a decoder gives, ascending. Where they are just
        those that the packets have from there on, `begins_whole` is set.
        """
        if not pictures:
            return self
        is_before = (
            (self.pts < pictures[0])
            & (self.pts != NO_PTS)
            & (segment_numbers(self.dts) == 0 if len(self.dts) else True)
        )
        shown = self.shown & ~is_before
        expected = np.sort(self.pts[shown & (self.pts <= pictures[-1])])
        return replace(self, shown=shown, begins_whole=np.array_equal(expected, pictures))


def packet_table(packets: Iterable[Any], *, codec: str, interlaced: bool = False) -> PacketTable:
    """The table of demuxed packets (`av.Packet`); empty packets, which only flush a decoder, are left out."""
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
        presented_at = NO_PTS if packet.pts is None else packet.pts
        pts.append(presented_at)
        dts.append(NO_PTS if packet.dts is None else packet.dts)
        keyframe.append(packet.is_keyframe and not packet.is_corrupt)
        shown.append(not packet.is_discard and not (codec == "vp8" and not bytes(packet)[0] & VP8_SHOW_FRAME))
        durations.append(packet.duration or 0)
        last = len(pts) - 1 if presented_at >= pts[last] else last
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
    """Why the packets do not say which frame is shown when, in a few words; None where they do."""
    pts = table.pts[table.shown]
    reason = None
    if bool((table.pts == NO_PTS).any()):
        reason = "packets without a presentation time"
    elif table.made_up:
        reason = "presentation times made up from the order of decoding"
    elif segment_numbers(table.dts).any():
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

    `containers` are the names of the container's format, `step` is the usual distance of frames (for
    estimates), `promised` is the number of shown frames in the header, 0 where it has none. Times of the
    index, and `step`, are `scale` times as fine as the packets'. The first frame always counts as a
    keyframe: a decoder that looks for a keyframe before it finds the beginning of the file.
    """
    missing = max(0, promised - int(table.shown.sum()))
    if inexact_because(table, containers) is not None:
        times = estimated_times(table, step, scale)
        return FrameIndex(
            times, np.zeros(1, np.int64), exact=False, missing=missing, made_up=table.has_no_times
        )
    pts = np.sort(table.pts[table.shown])
    keyframes = np.searchsorted(pts, table.pts[table.shown & table.keyframe])
    return FrameIndex(pts, np.union1d([0], keyframes).astype(np.int64), exact=True, missing=missing)


def estimated_times(table: PacketTable, step: int, scale: int = 1) -> Ints:
    """Estimated presentation times of all shown frames, increasing, `scale` times as fine as the packets'.

    `step` is in the same units. Times of packets are kept as far as they can be. Frames at about a constant
    rate are put at exactly that rate.
    """
    pts = table.pts[table.shown]
    known = pts if (pts != NO_PTS).all() else table.decoded_at[table.shown]
    if not (known != NO_PTS).all() or _max_packets_per_tick(known) > MAX_PACKETS_PER_TICK:
        known_pts = pts[pts != NO_PTS]
        start = int(known_pts.min()) * scale if len(known_pts) else 0
        return start + step * np.arange(len(pts), dtype=np.int64)
    times = np.sort(known * scale + restart_offsets(table, step // scale)[table.shown] * scale)
    steady = times[0] + step * np.arange(len(times), dtype=np.int64)
    allowed = step if table.has_no_times else scale if scale > 1 else 0
    return steady if bool((np.abs(times - steady) <= allowed).all()) else strictly_increasing(times)


def restart_offsets(table: PacketTable, step: int) -> Ints:
    """Ticks to add to each packet's times, so that they go on where a clock starts anew."""
    if not len(table.dts):
        return np.zeros(len(table), np.int64)
    numbers, known = segment_numbers(table.dts), table.pts != NO_PTS
    segments = []
    for number in range(int(numbers.max(initial=0)) + 1):
        own = table.pts[known & (numbers == number)]
        segments.append(
            ClockSegment(Fraction(int(own.min())), Fraction(int(own.max()) + step))
            if len(own)
            else ClockSegment(Fraction(0), Fraction(0))
        )
    offsets = np.array([int(offset) for offset in offsets_of(segments)], np.int64)
    return offsets[numbers]


def strictly_increasing(times: Ints) -> Ints:
    """Ascending times made strictly increasing: equal times follow each other by one unit."""
    order = np.arange(len(times), dtype=np.int64)
    increasing: Ints = np.maximum.accumulate(times - order) + order
    return increasing


def subdivision(table: PacketTable) -> int:
    """The number of parts of a clock tick that gives each frame a time of its own; 1 where they have one.

    It is the least number, up to four times the frames of a tick, in which the usual distance of frames is
    about a whole number.
    """
    pts = table.pts[table.shown & (table.pts != NO_PTS)]
    frames_per_tick = _max_packets_per_tick(pts)
    if frames_per_tick == 1 or table.has_no_times or table.interlaced or segment_numbers(table.dts).any():
        return 1
    distance = (int(pts.max() - pts.min()) + 1) / len(pts)
    return min(
        range(frames_per_tick, 4 * frames_per_tick + 1),
        key=lambda parts: round(abs(parts * distance - max(1, round(parts * distance))), 2),
    )


def usual_distance(table: PacketTable, rate: Fraction | None, time_base: Fraction, scale: int = 1) -> int:
    """The usual distance of frames, in units `scale` times as fine as `time_base`, at least 1.

    It comes from the durations of packets or from the stream's `rate`. Where neither can be trusted, it
    comes from the times themselves.
    """
    pts = table.pts[table.shown & (table.pts != NO_PTS)]
    if scale > 1:
        return max(1, round((int(pts.max() - pts.min()) + 1) * scale / len(pts)))
    times = np.unique(pts)
    if len(times) > 1 and (table.has_no_times or not (table.usual_duration or rate)):
        return int(np.median(np.diff(times)))
    return (table.usual_duration or usual_step(rate, time_base)) * scale


def usual_step(rate: Fraction | None, time_base: Fraction) -> int:
    """The distance of frames at `rate` per second, in units of `time_base`, at least 1.

    An unknown rate is taken for 25 frames per second.
    """
    return max(1, round(1 / ((rate or Fraction(25)) * time_base)))


def _max_packets_per_tick(pts: Ints) -> int:
    """The largest number of packets that share one time."""
    return int(np.unique(pts, return_counts=True)[1].max(initial=1))
