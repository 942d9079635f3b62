"""Ends a pass early where another would be placed otherwise: nothing new begins, what is in work ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from schemas.work.progress import Snapshot


class Turnover:
    """One pass at a time. `is_outgrown` says that another placement is due, `pause` that nothing is to begin.

    `grace_s`: seconds that chunks in work have to end.
    """

    def __init__(
        self,
        is_outgrown: Callable[[], bool],
        pause: Callable[[bool], None],
        grace_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_outgrown, self._pause = is_outgrown, pause
        self._grace_s, self._clock = grace_s, clock
        self._deadline_s: float | None = None

    def is_over(self, snapshot: Snapshot) -> bool:
        """Whether the pass is to be given up now, with nothing in work any more."""
        if self._deadline_s is None:
            if self._is_outgrown():
                self._deadline_s = self._clock() + self._grace_s
                self._pause(True)
            return False
        return snapshot.in_work == 0 or self._clock() > self._deadline_s

    def end(self) -> bool:
        """The pass has ended: work may begin again. Returns whether it was ended early."""
        was_early, self._deadline_s = self._deadline_s is not None, None
        if was_early:
            self._pause(False)
        return was_early
