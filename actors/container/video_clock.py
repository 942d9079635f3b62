"""A file's clock that starts anew on the way, as in transport streams joined end to end, made one that never
goes back.

Of pictures only. Sound is moved by `actors.container.audio_clock`, beside its pictures, by signs of its own.
Packets of sound may overlap: it takes a step back of up to `RESTART_S` for no new clock, where times of
decoding here never go back. It passes over up to `STRAY_PACKETS` damaged times, where one is passed over
here. It takes a leap forward that is too long for a hole for a new clock, where any is a hole here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Final

import numpy as np

from schemas.media.frames import Ints

NO_TIME: Final = int(np.iinfo(np.int64).min)
# a picture that is shown earlier than the one before by more of them is of a clock that has started anew
REORDERED_FRAMES: Final = 8


@dataclass(frozen=True, slots=True)
class ClockSegment:
    """What a stream shows, `[start, end)` in seconds of the file's clock, between two starts of that
    clock.
    """

    start: Fraction
    end: Fraction


def offsets_of(stretches: Sequence[ClockSegment]) -> tuple[Fraction, ...]:
    """Seconds to add to the file's clock in each stretch so that it begins where the one before has
    ended; 0 in the first.
    """
    offsets = [Fraction(0)]
    for before, after in pairwise(stretches):
        offsets.append(offsets[-1] + before.end - after.start)
    return tuple(offsets[: len(stretches)])


def stretch_numbers(dts: Ints) -> Ints:
    """For each packet of a stream, in the order of the file, how often its clock has started anew before it.

    `dts` int64 are times of decoding, `NO_TIME` where unknown. They never go back but there, one damaged time
    aside, too high or too low.
    """
    numbers = np.zeros(len(dts), np.int64)
    known = np.flatnonzero(dts != NO_TIME)
    if bool((np.diff(dts[known]) >= 0).all()):
        return numbers
    number, earlier, last = 0, NO_TIME, NO_TIME
    times = dts[known].tolist()
    for at, now, after in zip(known.tolist(), times, [*times[1:], NO_TIME], strict=True):
        if now < min(earlier, last):
            if after > last:  # the clock goes on as if this one had not been
                continue
            number, earlier, last = number + 1, NO_TIME, NO_TIME
            numbers[at:] = number
        earlier, last = (now if last == NO_TIME else last), now
    return numbers


@dataclass(slots=True)
class PictureClock:
    """When pictures are shown that come out of a decoder one after the other, in a clock that always
    increases.

    Times go in in units of a stream's time base and come out `scale` times as fine, so that pictures of one
    tick lie side by side within it. One that is unknown is `step` (fine units) after the one before; where
    the stream's clock starts anew the picture follows on too.
    """

    start: int
    step: int
    scale: int = 1
    _offset: int = field(default=0, init=False)
    _tick: int = field(default=NO_TIME, init=False)
    _tied: int = field(default=0, init=False)
    _now: int = field(init=False)
    _last: int = field(init=False)

    def __post_init__(self) -> None:
        self._now = self.start - self.step
        self._last = self._now

    def time_of(self, pts: int | None, estimate: int | None = None) -> int:
        """The next picture's time, in fine units; `pts` is None where the stream does not tell it.

        An `estimate` (fine units) holds where nothing is told, and where it is within a tick of what is.
        """
        if pts is None:
            self._now = self._now + self.step if estimate is None else estimate
        else:
            told = self._moved(pts) + self._place_in_tick(pts)
            self._now = told if estimate is None or abs(estimate - told) > self.scale else estimate
        self._last = max(self._last + 1, self._now)
        return self._last

    def _moved(self, pts: int) -> int:
        time = pts * self.scale + self._offset
        if self._tick != NO_TIME and time < self._now - REORDERED_FRAMES * self.step:
            self._offset += self._now + self.step - time
        return pts * self.scale + self._offset

    def _place_in_tick(self, pts: int) -> int:
        self._tied = min(self._tied + 1, self.scale - 1) if pts == self._tick else 0
        self._tick = pts
        return self._tied
