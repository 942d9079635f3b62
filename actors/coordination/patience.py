"""Seconds for which others have been waited for, as far as somebody was there to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

LONGEST_S: Final = 5.0  # from one look at a clock of patience to the next, in a process that is at work


class PatienceClock:
    """A monotonic clock that leaves out the time in which its reader itself was stopped, as by Ctrl-Z:
    whoever it waits for was, too.

    It is read often; between two readings at most `longest_s` seconds pass on it.
    """

    def __init__(self, longest_s: float = LONGEST_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest_s, self._clock = longest_s, clock
        self._read_s, self._passed_s = clock(), 0.0

    def __call__(self) -> float:
        """Seconds since it was made."""
        at = self._clock()
        self._passed_s += min(at - self._read_s, self._longest_s)
        self._read_s = at
        return self._passed_s
