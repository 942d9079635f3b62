"""Which of many moments are taken: far enough apart, and not too many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

EPSILON_S: Final = 1e-6  # times are stored as floats


class Timed(Protocol):
    """Anything at `time_s`, seconds since the first frame."""

    @property
    def time_s(self) -> float: ...


T = TypeVar("T")
TimedT = TypeVar("TimedT", bound=Timed)


def spaced(moments: Iterable[TimedT], every_s: float) -> Iterator[TimedT]:
    """Those of moments in order of time that are at least `every_s` after the one taken before; streams."""
    last_s: float | None = None
    for moment in moments:
        if last_s is None or moment.time_s - last_s >= every_s - EPSILON_S:
            last_s = moment.time_s
            yield moment


def thinned(things: Sequence[T], most: int) -> list[T]:
    """At most so many things, evenly spread over all, in their order."""
    count = len(things)
    if count <= most:
        return list(things)
    return [things[number * count // most] for number in range(most)]
