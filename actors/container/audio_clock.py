"""Puts the packets of a sound stream on one clock where the clock of the file starts anew.

Clocks start anew in recordings that were joined byte by byte, where an encoder was restarted, and where a
counter wrapped. Pictures and sound of a file have one clock. Where it starts anew for both, the sound is
moved as far as the pictures, which go on where they ended. Where it starts anew for the sound alone, the
sound goes on where it ended. A leap forward is a hole, unless it is too long for one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import dropwhile
from typing import Any, Final

# A time that goes back by more belongs to another run of the clock; less is an overlap.
RESTART_S: Final = 0.1
# A time that goes forward by more belongs to another run of the clock, or comes after a hole.
LEAP_S: Final = 10.0
# Half of what the clock of a transport stream can count: no hole is so long.
WRAP_S: Final = float(Fraction(2**32, 90_000))
# So few packets whose times are far from those before and after are damaged.
MAX_STRAY_PACKETS: Final = 2
STRAY_S: Final = 0.5  # The most from the packet before stray packets to the packet after them.
# Packets of pictures and sound side by side in a file may have times that far apart.
UNSURE_S: Final = 1.0


@dataclass(slots=True)
class AudioClockSegment:
    """Consecutive packets of one stream whose times belong to one run of its clock.

    Times are in ticks of the stream, as the file has them. `packet` is the number of the first packet,
    counted from 0. `beside` is how many packets of the pictures came before it in the file, and `beside_at`
    is the decoding time of the last of those, in ticks of the pictures.
    """

    packet: int
    first: int
    end: int
    last: int  # decoding time of the last packet
    beside: int = 0
    beside_at: int = 0
    count: int = 1

    def add(self, at: int, end: int, decoded_at: int) -> None:
        self.first, self.end, self.last = min(self.first, at), max(self.end, end), decoded_at
        self.count += 1


@dataclass(slots=True)
class ClockWatch:
    """Divides the packets of a stream into segments of its clock, from packets as they pass by.

    `pictures` watches the packets of the pictures of the same file.
    """

    time_base: Fraction
    pictures: ClockWatch | None = None
    packets: int = 0
    segments: list[AudioClockSegment] = field(default_factory=list)
    _back: int = field(init=False)  # in ticks
    _leap: int = field(init=False)

    def __post_init__(self) -> None:
        self._back, self._leap = round(RESTART_S / self.time_base), round(LEAP_S / self.time_base)

    def note(self, at: int | None, end: int, decoded_at: int | None = None) -> None:
        """Adds a packet that is shown or heard in `[at, end)`, in ticks.

        `decoded_at` rises from packet to packet as long as the clock runs.
        """
        decoded_at = at if decoded_at is None else decoded_at
        self.packets += 1
        if at is None or decoded_at is None:
            return
        if (
            self.segments
            and not self._is_leap(decoded_at - self.segments[-1].last)
            and not self._is_back(decoded_at)
        ):
            self.segments[-1].add(at, end, decoded_at)
            return
        beside = self.pictures.packets if self.pictures else 0
        beside_at = self.pictures.segments[-1].last if self.pictures and self.pictures.segments else 0
        self.segments.append(AudioClockSegment(self.packets - 1, at, end, decoded_at, beside, beside_at))

    def _is_leap(self, ticks: int) -> bool:
        return not -self._back <= ticks <= self._leap

    def _is_back(self, decoded_at: int) -> bool:
        """Whether the clock is again where it was before a few stray packets."""
        if len(self.segments) < 2 or self.segments[-1].count > MAX_STRAY_PACKETS:
            return False
        before_s, stray_s = ((decoded_at - segment.last) * self.time_base for segment in self.segments[-2:])
        return -RESTART_S <= before_s <= STRAY_S < stray_s

    def shifts(self) -> list[int]:
        """Ticks to add to the times of each segment, so that all are on one clock.

        That clock is the one of the pictures where theirs starts anew there too.
        """
        picture_segments = _picture_segments(self.pictures) if self.pictures else []
        shifts: list[int] = []
        for number, segment in enumerate(self.segments):
            own_shift = self._own_shift(number, shifts)
            shifts.append(
                self._shift_beside_pictures(segment, own_shift, picture_segments)
                if picture_segments and segment.beside
                else own_shift
            )
        return shifts

    def restarts(self, shifts: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """Pairs of a packet number and the ticks to add from that packet on.

        Empty where the clock never starts anew.
        """
        restarts = [(segment.packet, shift) for segment, shift in zip(self.segments, shifts, strict=False)]
        return tuple(dropwhile(lambda restart: not restart[1], restarts))

    def _own_shift(self, number: int, shifts: Sequence[int]) -> int:
        """The shift that lets a segment go on where the segment before it ended; no shift after a hole."""
        if number == 0:
            return 0
        before, segment = self.segments[number - 1], self.segments[number]
        if number > 1 and self._is_stray(number - 1):
            return shifts[-2]
        is_hole = RESTART_S < (segment.first - before.end) * self.time_base < WRAP_S
        return (
            shifts[-1] if is_hole and not self._is_stray(number) else shifts[-1] + before.end - segment.first
        )

    def _is_stray(self, number: int) -> bool:
        """Whether the clock goes on after a few packets as if these had not been there."""
        if not 0 < number < len(self.segments) - 1 or self.segments[number].count > MAX_STRAY_PACKETS:
            return False
        return not self._is_leap(self.segments[number + 1].first - self.segments[number - 1].end)

    def _shift_beside_pictures(
        self, segment: AudioClockSegment, own: int, picture_segments: Sequence[_PictureSegment]
    ) -> int:
        """The shift of the pictures beside a segment, or its `own` shift if that fits better.

        Of the pictures beside it and the next ones, the shift that puts the segment nearest to the pictures
        counts. Streams are written a little apart: sound may start anew in the file before or after the
        pictures do.
        """
        here = max(
            (number for number, other in enumerate(picture_segments) if other.packet < segment.beside),
            default=0,
        )
        pictures_s = segment.beside_at * self._pictures_tick + picture_segments[here].shift_s

        def distance_s(ticks: int) -> Fraction:
            return abs((segment.first + ticks) * self.time_base - pictures_s)

        shifts = [round(other.shift_s / self.time_base) for other in picture_segments[here : here + 2]]
        best = min(shifts, key=distance_s)
        return best if distance_s(best) <= distance_s(own) + UNSURE_S else own

    @property
    def _pictures_tick(self) -> Fraction:
        return self.pictures.time_base if self.pictures else Fraction(1)


@dataclass(frozen=True, slots=True)
class _PictureSegment:
    """A clock segment of the pictures: its first packet, and its shift in seconds."""

    packet: int
    shift_s: Fraction


def _picture_segments(pictures: ClockWatch) -> list[_PictureSegment]:
    return [
        _PictureSegment(segment.packet, shift * pictures.time_base)
        for segment, shift in zip(pictures.segments, pictures.shifts(), strict=True)
    ]


def on_one_clock(packets: Iterable[Any], restarts: Sequence[tuple[int, int]]) -> Iterator[Any]:
    """Yields the packets of a stream with times as if its clock never started anew.

    `packets` begin with the first of the stream. `restarts` are those of
    `schemas.media.audio.AudioStream.restarts`. Changes the packets in place.
    """
    next_restarts, shift = deque(restarts), 0
    for number, packet in enumerate(packets):
        while next_restarts and next_restarts[0][0] <= number:
            shift = next_restarts.popleft()[1]
        if shift and packet.pts is not None:
            packet.pts += shift
        yield packet
