"""A clock for waiting on other processes that leaves out the time in which this process was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

MAX_INTERVAL_S: Final = 5.0  # between two readings of the clock, in a process that is not stopped


class PatienceClock:
    """A monotonic clock that leaves out the time in which its own process was stopped, as by Ctrl-Z.

    The processes that are waited for were stopped with it. The clock has to be read often: at most
    `longest_s` seconds pass on it between two readings.
    """

    def __init__(
        self, longest_s: float = MAX_INTERVAL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._longest_s, self._clock = longest_s, clock
        self._last_reading_s, self._elapsed_s = clock(), 0.0

    def __call__(self) -> float:
        """Seconds since the clock was made."""
        at = self._clock()
        self._elapsed_s += min(at - self._last_reading_s, self._longest_s)
        self._last_reading_s = at
        return self._elapsed_s
