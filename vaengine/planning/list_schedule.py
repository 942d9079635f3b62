"""Who takes what waits towards the end of a run: each chunk goes to the worker that would end it first.

Source: list scheduling, Graham, Bounds on multiprocessing timing anomalies, 1969; by earliest completion on
machines of different speed: Ibarra and Kim, JACM 1977.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

UNKNOWN_PACE: Final = 1.0  # of workers that have not ended anything yet, where no other has either


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """A worker that is free in `free_in_s` seconds and takes `pace` seconds for a second of video."""

    free_in_s: float
    pace: float

    def __post_init__(self) -> None:
        if self.free_in_s < 0 or self.pace <= 0:
            raise ValueError(f"a worker is free later than now, and takes its time: {self}")


@dataclass(slots=True)
class PaceClock:
    """How fast a worker is, by what it has ended, and when it will be free. Times are of one clock, in s."""

    pace: float | None = None  # None until it has ended something
    _lengths_s: list[float] = field(
        default_factory=list
    )  # of video in the items that it has, the first at work
    _began_s: float = 0.0

    def took(self, length_s: float, now_s: float) -> None:
        """It was given an item of so much video, which waits behind what it has."""
        if not self._lengths_s:
            self._began_s = now_s
        self._lengths_s.append(length_s)

    def ended(self, now_s: float) -> None:
        """It has ended the first of its items; the newest paces count most."""
        length_s = self._lengths_s.pop(0)
        pace = max(now_s - self._began_s, 1e-6) / max(length_s, 1e-6)
        self.pace = pace if self.pace is None else (self.pace + pace) / 2
        self._began_s = now_s

    def load(self, usual_pace: float, now_s: float) -> WorkerLoad:
        """What it has to do yet; `usual_pace` where its own is unknown.

        One that is late is expected to be late by as much again: a worker that hangs attracts nothing.
        """
        pace = self.pace or usual_pace
        if not self._lengths_s:
            return WorkerLoad(0.0, pace)
        first, *others = self._lengths_s
        return WorkerLoad(abs(first * pace - (now_s - self._began_s)) + pace * sum(others), pace)


def usual_pace(clocks: Sequence[PaceClock]) -> float:
    """The mean of those that are known."""
    known = [clock.pace for clock in clocks if clock.pace is not None]
    return sum(known) / len(known) if known else UNKNOWN_PACE


def shares(waiting: int, item_s: float, loads: Sequence[WorkerLoad]) -> list[int]:
    """How many of `waiting` items of `item_s` seconds of video each worker gets."""
    counts = [0] * len(loads)
    ends = [(load.free_in_s + item_s * load.pace, number) for number, load in enumerate(loads)]
    heapq.heapify(ends)
    for _ in range(waiting if loads else 0):
        end_s, number = ends[0]
        counts[number] += 1
        heapq.heapreplace(ends, (end_s + item_s * loads[number].pace, number))
    return counts
