"""Puts pictures on one clock that never goes back, where the clock of the file starts anew.

Transport streams joined end to end have such clocks. This is for pictures only: sound is moved by
`actors.container.audio_clock`, beside its pictures, by signs of its own. The two differ in three things.
Packets of sound may overlap, so a step back of up to `RESTART_S` is no new clock there, while decoding
times never go back here. Up to `MAX_STRAY_PACKETS` damaged times are passed over there, one here. A leap
forward that is too long for a hole is a new clock there, while any leap is a hole here.
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
# A picture that is shown more frames than this before the last one belongs to a clock that has started anew.
MAX_REORDERED_FRAMES: Final = 8


@dataclass(frozen=True, slots=True)
class ClockSegment:
    """What a stream shows between two starts of its clock, `[start, end)` in seconds of that clock."""

    start: Fraction
    end: Fraction


def offsets_of(segments: Sequence[ClockSegment]) -> tuple[Fraction, ...]:
    """Seconds to add to the clock in each segment, so that it begins where the one before ended.

    The first is 0.
    """
    offsets = [Fraction(0)]
    for before, after in pairwise(segments):
        offsets.append(offsets[-1] + before.end - after.start)
    return tuple(offsets[: len(segments)])


def segment_numbers(dts: Ints) -> Ints:
    """How often the clock has started anew before each packet of a stream, in the order of the file.

    `dts` int64 are times of decoding, `NO_TIME` where unknown. They go back only at a restart, except for
    one damaged time, too high or too low.
    """
    numbers = np.zeros(len(dts), np.int64)
    known = np.flatnonzero(dts != NO_TIME)
    if bool((np.diff(dts[known]) >= 0).all()):
        return numbers
    number, earlier, last = 0, NO_TIME, NO_TIME
    times = dts[known].tolist()
    for at, now, after in zip(known.tolist(), times, [*times[1:], NO_TIME], strict=True):
        if now < min(earlier, last):
            if after > last:  # the clock goes on as if this time had not been
                continue
            number, earlier, last = number + 1, NO_TIME, NO_TIME
            numbers[at:] = number
        earlier, last = (now if last == NO_TIME else last), now
    return numbers


@dataclass(slots=True)
class PictureClock:
    """Gives an increasing time to each picture in the order of decoding output.

    Times go in in units of a stream's time base and come out `scale` times as fine, so that pictures of one
    tick lie side by side within it. A picture of unknown time is `step` (fine units) after the one before.
    Where the stream's clock starts anew, the picture also follows on.
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
        """The next picture's time, in fine units; `pts` is None where it is unknown.

        An `estimate` (fine units) counts where `pts` is unknown, and where it is within a tick of the known
        time.
        """
        if pts is None:
            self._now = self._now + self.step if estimate is None else estimate
        else:
            stream_time = self._moved(pts) + self._place_in_tick(pts)
            self._now = (
                stream_time if estimate is None or abs(estimate - stream_time) > self.scale else estimate
            )
        self._last = max(self._last + 1, self._now)
        return self._last

    def _moved(self, pts: int) -> int:
        time = pts * self.scale + self._offset
        if self._tick != NO_TIME and time < self._now - MAX_REORDERED_FRAMES * self.step:
            self._offset += self._now + self.step - time
        return pts * self.scale + self._offset

    def _place_in_tick(self, pts: int) -> int:
        self._tied = min(self._tied + 1, self.scale - 1) if pts == self._tick else 0
        self._tick = pts
        return self._tied
