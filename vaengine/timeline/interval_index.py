"""What is going on at a moment, among very much that is not."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Generic, TypeVar

from vaengine.results.audio import Interval

OneStretch = TypeVar("OneStretch", bound=Interval)


class IntervalIndex(Generic[OneStretch]):
    """Stretches `[start_s, end_s)` in order of their beginning, found by bisection as far back as the
    longest one reaches.
    """

    def __init__(self, stretches: Iterable[OneStretch]) -> None:
        self._stretches = sorted(stretches, key=lambda one: one.start_s)
        self._starts_s = [one.start_s for one in self._stretches]
        self._longest_s = max((one.end_s - one.start_s for one in self._stretches), default=0.0)

    def at(self, time_s: float) -> list[OneStretch]:
        """Those that are going on at `time_s`, the last to begin last."""
        first, stop = (
            bisect_left(self._starts_s, time_s - self._longest_s),
            bisect_right(self._starts_s, time_s),
        )
        return [one for one in self._stretches[first:stop] if time_s < one.end_s]
