"""An index that finds the intervals at a moment."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Generic, TypeVar

from vaengine.results.audio import Interval

IndexedInterval = TypeVar("IndexedInterval", bound=Interval)


class IntervalIndex(Generic[IndexedInterval]):
    """Intervals `[start_s, end_s)`, found by bisection over their starts.

    A search goes back in time as far as the longest interval.
    """

    def __init__(self, intervals: Iterable[IndexedInterval]) -> None:
        self._intervals = sorted(intervals, key=lambda interval: interval.start_s)
        self._starts_s = [interval.start_s for interval in self._intervals]
        self._longest_s = max(
            (interval.end_s - interval.start_s for interval in self._intervals), default=0.0
        )

    def at(self, time_s: float) -> list[IndexedInterval]:
        """The intervals that contain `time_s`, in order of their start."""
        first = bisect_left(self._starts_s, time_s - self._longest_s)
        stop = bisect_right(self._starts_s, time_s)
        return [interval for interval in self._intervals[first:stop] if time_s < interval.end_s]
