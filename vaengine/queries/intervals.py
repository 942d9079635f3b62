"""The algebra of intervals: pure functions over arrays of times in seconds.

It answers queries for a store of files, and checks the answers of databases in tests. An interval is
half-open, `[start, end)`; one without length is a point, which lies in an interval that begins at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vaengine.queries.language.words import TOLERANCE_S

Times: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]


def gaps_s(start: float, end: float, starts: Times, ends: Times) -> Times:
    """The seconds between an interval and each of others; 0 where they overlap or touch."""
    gaps: Times = np.maximum(0.0, np.maximum(starts - end, start - ends))
    return gaps


def intersects(start: float, end: float, starts: Times, ends: Times) -> Mask:
    """Whether an interval and each of others share an instant."""
    later = np.maximum(start, starts)
    in_first = (later < end) | (later == start)
    in_second = (later < ends) | (later == starts)
    result: Mask = in_first & in_second
    return result


def overlap_s(start: float, end: float, starts: Times, ends: Times) -> Times:
    """The seconds that an interval shares with each of others; 0 where there are none."""
    shared: Times = np.maximum(0.0, np.minimum(end, ends) - np.maximum(start, starts))
    return shared


def near(start: float, end: float, starts: Times, ends: Times, within_s: float) -> Mask:
    """At most `within_s` apart, that distance included."""
    reach = within_s + TOLERANCE_S
    return ~((starts > end + reach) | (start - reach > ends))


def before(start: float, end: float, starts: Times, ends: Times, within_s: float) -> Mask:
    """The first ends before the other begins, at most `within_s` earlier."""
    return ~((end > starts + TOLERANCE_S) | (starts > end + (within_s + TOLERANCE_S)))


def after(start: float, end: float, starts: Times, ends: Times, within_s: float) -> Mask:
    """The first begins after the other ends, at most `within_s` later."""
    return ~((ends > start + TOLERANCE_S) | (start - (within_s + TOLERANCE_S) > ends))


def during(start: float, end: float, starts: Times, ends: Times) -> Mask:
    """All of the first lies in the other."""
    return intersects(start, end, starts, ends) & ~((starts > start) | (end > ends))


def contains(start: float, end: float, starts: Times, ends: Times) -> Mask:
    """All of the other lies in the first."""
    return intersects(start, end, starts, ends) & ~((start > starts) | (ends > end))


def _equal(time: float, times: Times) -> Mask:
    return ~((times > time + TOLERANCE_S) | (time - TOLERANCE_S > times))


def starts_with(start: float, end: float, starts: Times, ends: Times) -> Mask:
    """Both begin at once, and the first ends no later."""
    return _equal(start, starts) & ~(end > ends)


def finishes(start: float, end: float, starts: Times, ends: Times) -> Mask:
    """Both end at once, and the first begins no earlier."""
    return _equal(end, ends) & ~(start < starts)


def meets(start: float, end: float, starts: Times, ends: Times) -> Mask:
    """The other begins where the first ends."""
    return _equal(end, starts)


_MEASURED: Final[Mapping[str, Callable[[float, float, Times, Times, float], Mask]]] = {
    "near": near,
    "before": before,
    "after": after,
}
_PLAIN: Final[Mapping[str, Callable[[float, float, Times, Times], Mask]]] = {
    "overlaps": intersects,
    "during": during,
    "contains": contains,
    "starts": starts_with,
    "finishes": finishes,
    "meets": meets,
}


def related(
    relation: str, start: float, end: float, starts: Times, ends: Times, within_s: float | None
) -> Mask:
    """Which of others an interval has a relation to; without `within_s` any distance will do."""
    if relation in _PLAIN:
        return _PLAIN[relation](start, end, starts, ends)
    return _MEASURED[relation](start, end, starts, ends, np.inf if within_s is None else within_s)


def covered_s(start: float, end: float, starts: Times, ends: Times) -> float:
    """The seconds of an interval that the union of others covers."""
    edges = sorted(zip(np.maximum(starts, start).tolist(), np.minimum(ends, end).tolist(), strict=True))
    total, until = 0.0, start
    for first, last in edges:
        since = max(first, until)
        if last > since:
            total += last - since
            until = last
    return total


def most_at_once(start: float, starts: Times, ends: Times, names: npt.NDArray[Any]) -> int:
    """The most different names at one instant from `start` on."""
    most = 0
    for at in np.maximum(starts, start):
        there = (starts <= at) & ((at < ends) | (at == starts))
        most = max(most, len(set(names[there].tolist())))
    return most
