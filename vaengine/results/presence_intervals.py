"""Intervals in which a person is present, derived from sampled frames: one rule for all drawings."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple, Protocol, TypeVar

# Two boxes of a person that are more sampling intervals apart are two appearances.
MAX_JOINED_INTERVALS: Final = 2
SEGMENT: Final = "segment"  # attribute of a box that people made: boxes of one segment are joined
SHOWN_UNTIL: Final = "shown_until_s"  # attribute of the last box of a segment
DEFAULT_FPS: Final = 5.0  # sampling rate where neither the configuration nor the rows show it
_EPSILON: Final = 1e-6  # of an interval: times are stored as floats

Run = tuple[float, float]  # `[start_s, end_s)`


class Seen(Protocol):
    """Anything seen in a frame at `time_s`, seconds after the first frame."""

    @property
    def frame(self) -> int: ...

    @property
    def time_s(self) -> float: ...


SeenT = TypeVar("SeenT", bound=Seen)


class Cut(NamedTuple):
    """The start of a scene."""

    frame: int
    start_s: float


@dataclass(frozen=True, slots=True)
class PresenceSampling:
    """The rule of presence for frames that are sampled `fps` times a second; `cuts` are in order.

    An interval is 1/`fps` seconds long. Two boxes of one person join if they are at most two intervals apart
    and no scene begins between them. A person whose box joins no later one is present until the interval
    ends. Nobody is present across a cut.
    """

    fps: float
    cuts: tuple[Cut, ...] = ()
    _cut_frames: tuple[int, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cut_frames", tuple(cut.frame for cut in self.cuts))
        if not self.fps > 0:
            raise ValueError(f"frames are sampled at more than 0 a second, got {self.fps}")

    def joins(self, before: Seen, after: Seen) -> bool:
        """Whether a person is present between two boxes."""
        is_near = self._interval(after.time_s) - self._interval(before.time_s) <= MAX_JOINED_INTERVALS
        return is_near and self._following(before.frame) == self._following(after.frame)

    def until_s(self, seen: Seen) -> float:
        """The end of the interval of a box, or of its scene if that is earlier."""
        end_s = (self._interval(seen.time_s) + 1) / self.fps
        following = self._following(seen.frame)
        return min(end_s, self.cuts[following].start_s) if following < len(self.cuts) else end_s

    def grouped(self, seen: Sequence[SeenT]) -> list[Sequence[SeenT]]:
        """The boxes of one person, in order, split wherever two boxes do not join."""
        borders = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(seen)) if not self.joins(a, b)), len(seen)]
        return [seen[first:stop] for first, stop in pairwise(borders) if stop > first]

    def runs(self, seen: Sequence[Seen]) -> list[Run]:
        """The presence intervals of one person, from the person's boxes in order."""
        return [self.run(group) for group in self.grouped(seen)]

    def run(self, group: Sequence[Seen]) -> Run:
        """The presence interval of boxes that all join."""
        return group[0].time_s, self.until_s(group[-1])

    def _interval(self, time_s: float) -> int:
        return math.floor(time_s * self.fps + _EPSILON)

    def _following(self, frame: int) -> int:
        """Position of the first cut after a frame."""
        return bisect_right(self._cut_frames, frame)


def usual_fps(tracks: Iterable[Sequence[Seen]]) -> float:
    """The rate at which persons are usually seen again; each track is in order of time."""
    gaps_s = [after.time_s - before.time_s for track in tracks for before, after in pairwise(track)]
    usual_s = median(gaps_s) if gaps_s else 0.0
    return 1 / usual_s if usual_s > 0 else DEFAULT_FPS


def merged(runs: Iterable[Run], within_s: float = 0.0) -> list[Run]:
    """Intervals in order of time; those that touch or are at most `within_s` apart become one."""
    merged_runs: list[Run] = []
    for start_s, end_s in sorted(runs):
        if merged_runs and start_s <= merged_runs[-1][1] + within_s:
            merged_runs[-1] = (merged_runs[-1][0], max(end_s, merged_runs[-1][1]))
        else:
            merged_runs.append((start_s, end_s))
    return merged_runs
