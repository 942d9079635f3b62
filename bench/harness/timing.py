"""Comparable times: measured in turns within one run, as minimum, median and maximum."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

WARM_CALLS: Final = 3  # of `rate`, which are not timed
Measurement = Callable[[], float]  # does some work and returns its seconds


@dataclass(frozen=True, slots=True)
class Times:
    """The times of one case in seconds, in the order of the rounds; at least one."""

    seconds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.seconds or min(self.seconds) < 0:
            raise ValueError(f"expected at least one time, none negative: {self.seconds}")

    @property
    def least(self) -> float:
        """The minimum."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The median."""
        return median(self.seconds)

    @property
    def most(self) -> float:
        """The maximum."""
        return max(self.seconds)

    def over(self, other: Times) -> Times:
        """The ratios to other times, round by round: a disturbance of the machine slows both in a round."""
        return Times(tuple(own / others for own, others in zip(self.seconds, other.seconds, strict=True)))

    def to_data(self) -> dict[str, Any]:
        """Minimum, median, maximum and all times as JSON values."""
        rounded = [round(second, 4) for second in (self.least, self.median, self.most)]
        return {
            **dict(zip(("min", "median", "max"), rounded, strict=True)),
            "all": [round(second, 4) for second in self.seconds],
        }


def in_turns(
    cases: Mapping[str, Measurement], rounds: int, *, check: Callable[[], object] = lambda: None
) -> dict[str, Times]:
    """Measure every case once in each round, and `check` what came out before the next one.

    Each round begins with another case, so no case is always the first on a cold cache.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    names = list(cases)
    for turn in range(rounds):
        first = turn % len(names)
        for name in [*names[first:], *names[:first]]:
            times[name].append(cases[name]())
        check()
    return {name: Times(tuple(seconds)) for name, seconds in times.items()}


def timed(work: Callable[[], object]) -> float:
    """The wall seconds of one call."""
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def command(arguments: Sequence[str]) -> Measurement:
    """A measurement of a command's wall seconds; raises `CalledProcessError` if the command fails."""
    return lambda: timed(
        lambda: subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    )


def rate(
    work: Callable[[], object], pictures: int, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Pictures a second of calls of `work`, each of so many; the first calls are not timed."""
    for _ in range(WARM_CALLS):
        work()
    began_s, calls = clock(), 0
    while (passed_s := clock() - began_s) < seconds:
        work()
        calls += 1
    return calls * pictures / passed_s


def ratios(rates: Mapping[str, float], base: str) -> dict[str, float]:
    """Each rate in units of that of `base`."""
    return {name: round(value / rates[base], 3) for name, value in rates.items() if name != base}
