"""Comparable times: measured in turns within one run, reported as minimum, median and maximum."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Taken = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one thing, in the order they were taken; at least one."""

    seconds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.seconds or min(self.seconds) < 0:
            raise ValueError(f"expected at least one time, none negative: {self.seconds}")

    @property
    def least(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def most(self) -> float:
        return max(self.seconds)

    def over(self, other: Times) -> Times:
        """Ratios round by round: what disturbed the machine in a round disturbed both."""
        return Times(tuple(mine / theirs for mine, theirs in zip(self.seconds, other.seconds, strict=True)))

    def to_data(self) -> dict[str, Any]:
        rounded = [round(second, 4) for second in (self.least, self.median, self.most)]
        return {
            **dict(zip(("min", "median", "max"), rounded, strict=True)),
            "all": [round(second, 4) for second in self.seconds],
        }


def in_turns(cases: Mapping[str, Taken], rounds: int) -> dict[str, Times]:
    """Every case once per round, each round beginning with another case, so that none is always the first
    on a cold cache.
    """
    taken: dict[str, list[float]] = {name: [] for name in cases}
    names = list(cases)
    for turn in range(rounds):
        first = turn % len(names)
        for name in [*names[first:], *names[:first]]:
            taken[name].append(cases[name]())
    return {name: Times(tuple(seconds)) for name, seconds in taken.items()}


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def command(arguments: Sequence[str]) -> Taken:
    """Wall seconds of a command from its start to its end; raises `CalledProcessError` where it fails."""
    return lambda: timed(
        lambda: subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    )
