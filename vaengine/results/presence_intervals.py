"""When somebody is taken to be there, told from the sampled frames in which a detector saw them: one rule
for every picture of results.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple, Protocol

JOINED_INTERVALS: Final = (
    2  # two boxes of a person further apart than this many sampling intervals are two appearances
)
USUAL_FPS: Final = 5.0  # of sampling, where neither the configuration nor the rows tell
_EPSILON: Final = 1e-6  # of an interval: times are stored as floats

Run = tuple[float, float]  # `[start_s, end_s)`


class Seen(Protocol):
    """Anything that is seen in a frame, `time_s` after the first one."""

    @property
    def frame(self) -> int: ...

    @property
    def time_s(self) -> float: ...


class Cut(NamedTuple):
    """A scene begins."""

    frame: int
    start_s: float


@dataclass(frozen=True, slots=True)
class PresenceSampling:
    """Frames are looked at `fps` times a second; nobody stays beyond one of the `cuts`, which are in order.

    An interval is 1/`fps` seconds long. Two boxes of one person join when they lie at most two intervals
    apart and no scene begins in between. Who does not join stays until the interval ends.
    """

    fps: float
    cuts: tuple[Cut, ...] = ()

    def __post_init__(self) -> None:
        if not self.fps > 0:
            raise ValueError(f"frames are sampled at more than 0 a second, got {self.fps}")

    def joins(self, before: Seen, after: Seen) -> bool:
        """Whether somebody is taken to have been there between two boxes."""
        is_near = self._interval(after.time_s) - self._interval(before.time_s) <= JOINED_INTERVALS
        return is_near and self._following(before.frame) == self._following(after.frame)

    def until_s(self, seen: Seen) -> float:
        """When the interval of a box ends, or its scene if that is sooner."""
        end_s = (self._interval(seen.time_s) + 1) / self.fps
        following = self._following(seen.frame)
        return min(end_s, self.cuts[following].start_s) if following < len(self.cuts) else end_s

    def grouped(self, seen: Sequence[Seen]) -> list[Sequence[Seen]]:
        """What one person is seen in, in order, cut wherever two boxes do not join."""
        borders = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(seen)) if not self.joins(a, b)), len(seen)]
        return [seen[first:stop] for first, stop in pairwise(borders) if stop > first]

    def runs(self, seen: Sequence[Seen]) -> list[Run]:
        """When one person is there, from what they are seen in, in order."""
        return [self.run(group) for group in self.grouped(seen)]

    def run(self, group: Sequence[Seen]) -> Run:
        """When somebody is there whose boxes all join."""
        return group[0].time_s, self.until_s(group[-1])

    def _interval(self, time_s: float) -> int:
        return math.floor(time_s * self.fps + _EPSILON)

    def _following(self, frame: int) -> int:
        """The place of the first cut behind a frame."""
        return bisect_right(self.cuts, frame, key=lambda cut: cut.frame)


def usual_fps(tracks: Iterable[Sequence[Seen]]) -> float:
    """The rate at which persons are mostly seen again, each track in order of time."""
    gaps_s = [after.time_s - before.time_s for track in tracks for before, after in pairwise(track)]
    usual_s = median(gaps_s) if gaps_s else 0.0
    return 1 / usual_s if usual_s > 0 else USUAL_FPS


def merged(runs: Iterable[Run], within_s: float = 0.0) -> list[Run]:
    """In order of time, those that touch or lie at most `within_s` apart as one."""
    whole: list[Run] = []
    for start_s, end_s in sorted(runs):
        if whole and start_s <= whole[-1][1] + within_s:
            whole[-1] = (whole[-1][0], max(end_s, whole[-1][1]))
        else:
            whole.append((start_s, end_s))
    return whole
