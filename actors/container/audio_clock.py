"""Clocks that start anew within a file: recordings that were joined byte by byte, encoders that were
restarted, counters that wrapped.

Pictures and sound of a file have one clock. Where it starts anew for both, the sound is moved as far as the
pictures are, which go on where they ended; where it does so for the sound alone, the sound goes on where it
ended. A leap forward is a hole, unless it is too long for one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import dropwhile
from typing import Any, Final

RESTART_S: Final = 0.1  # a time that goes back by more is one of another run of the clock; less is an overlap
LEAP_S: Final = 10.0  # a time that goes forward by more may be such a one, or a hole
WRAP_S: Final = float(
    Fraction(2**32, 90_000)
)  # half of what the clock of a transport stream can count: no hole is so long
STRAY_PACKETS: Final = 2  # so few whose times are far from those before and after are damaged
STRAY_S: Final = 0.5  # from the packet before such ones to the one after them, at most
UNSURE_S: Final = (
    1.0  # packets of pictures and sound that lie side by side in a file may have times that far apart
)


@dataclass(slots=True)
class AudioClockSegment:
    """Consecutive packets of one stream whose times are of one run of its clock, in ticks as the file has
    them.

    `packet` is the first of them, counted from 0; `beside` is how many packets of the pictures had passed by
    then, and `beside_at` when the last of those is decoded, in ticks of the pictures.
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
    """Takes the packets of a stream as they pass by and divides them into epochs; `pictures` are those
    that pass by beside it.
    """

    time_base: Fraction
    pictures: ClockWatch | None = None
    packets: int = 0
    epochs: list[AudioClockSegment] = field(default_factory=list)
    _back: int = field(init=False)  # in ticks
    _leap: int = field(init=False)

    def __post_init__(self) -> None:
        self._back, self._leap = round(RESTART_S / self.time_base), round(LEAP_S / self.time_base)

    def note(self, at: int | None, end: int, decoded_at: int | None = None) -> None:
        """A packet that is shown or heard in `[at, end)`; `decoded_at` rises from packet to packet as
        long as the clock runs.
        """
        decoded_at = at if decoded_at is None else decoded_at
        self.packets += 1
        if at is None or decoded_at is None:
            return
        if (
            self.epochs
            and not self._is_leap(decoded_at - self.epochs[-1].last)
            and not self._is_back(decoded_at)
        ):
            self.epochs[-1].add(at, end, decoded_at)
            return
        beside = self.pictures.packets if self.pictures else 0
        beside_at = self.pictures.epochs[-1].last if self.pictures and self.pictures.epochs else 0
        self.epochs.append(AudioClockSegment(self.packets - 1, at, end, decoded_at, beside, beside_at))

    def _is_leap(self, ticks: int) -> bool:
        return not -self._back <= ticks <= self._leap

    def _is_back(self, decoded_at: int) -> bool:
        """Whether the clock is where it was before a few packets with other times."""
        if len(self.epochs) < 2 or self.epochs[-1].count > STRAY_PACKETS:
            return False
        before_s, stray_s = ((decoded_at - epoch.last) * self.time_base for epoch in self.epochs[-2:])
        return -RESTART_S <= before_s <= STRAY_S < stray_s

    def shifts(self) -> list[int]:
        """Ticks to add to the times of each epoch, so that all are on one clock: that of the pictures
        where these start anew there too.
        """
        moved = _moved(self.pictures) if self.pictures else []
        found: list[int] = []
        for number, epoch in enumerate(self.epochs):
            own = self._own(number, found)
            found.append(self._beside(epoch, own, moved) if moved and epoch.beside else own)
        return found

    def restarts(self, shifts: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """From which packet on how many ticks are added; empty where the clock never starts anew."""
        found = [(epoch.packet, shift) for epoch, shift in zip(self.epochs, shifts, strict=False)]
        return tuple(dropwhile(lambda one: not one[1], found))

    def _own(self, number: int, found: Sequence[int]) -> int:
        """How far an epoch is moved to go on where the one before it ended; not at all after a hole."""
        if number == 0:
            return 0
        before, epoch = self.epochs[number - 1], self.epochs[number]
        if number > 1 and self._is_stray(number - 1):
            return found[-2]
        is_hole = RESTART_S < (epoch.first - before.end) * self.time_base < WRAP_S
        return found[-1] if is_hole and not self._is_stray(number) else found[-1] + before.end - epoch.first

    def _is_stray(self, number: int) -> bool:
        """Whether the clock goes on after a few packets as if these had not been."""
        if not 0 < number < len(self.epochs) - 1 or self.epochs[number].count > STRAY_PACKETS:
            return False
        return not self._is_leap(self.epochs[number + 1].first - self.epochs[number - 1].end)

    def _beside(self, epoch: AudioClockSegment, own: int, moved: Sequence[_Moved]) -> int:
        """As far as the pictures beside it or the next ones, whichever puts it nearest to where they are by
        then; else as far as its own.

        Streams are written a little apart: sound may start anew in the file before or after the pictures do.
        """
        here = max((at for at, one in enumerate(moved) if one.packet < epoch.beside), default=0)
        pictures_s = epoch.beside_at * self._pictures_tick + moved[here].shift_s

        def far_s(ticks: int) -> Fraction:
            return abs((epoch.first + ticks) * self.time_base - pictures_s)

        shifts = [round(one.shift_s / self.time_base) for one in moved[here : here + 2]]
        best = min(shifts, key=far_s)
        return best if far_s(best) <= far_s(own) + UNSURE_S else own

    @property
    def _pictures_tick(self) -> Fraction:
        return self.pictures.time_base if self.pictures else Fraction(1)


@dataclass(frozen=True, slots=True)
class _Moved:
    """An epoch of the pictures: the first of its packets, and how far it is moved, in seconds."""

    packet: int
    shift_s: Fraction


def _moved(pictures: ClockWatch) -> list[_Moved]:
    return [
        _Moved(epoch.packet, shift * pictures.time_base)
        for epoch, shift in zip(pictures.epochs, pictures.shifts(), strict=True)
    ]


def on_one_clock(packets: Iterable[Any], restarts: Sequence[tuple[int, int]]) -> Iterator[Any]:
    """Packets of a stream from its first one on, with times as if its clock never started anew
    (`schemas.media.audio.AudioStream.restarts`).
    """
    ahead, shift = deque(restarts), 0
    for number, packet in enumerate(packets):
        while ahead and ahead[0][0] <= number:
            shift = ahead.popleft()[1]
        if shift and packet.pts is not None:
            packet.pts += shift
        yield packet
