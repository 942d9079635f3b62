"""The watchdog: a run without progress says what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from actors.coordination.coordinator import RunStatus
from actors.coordination.patience import PatienceClock
from cluster.diagnosis import Shortage, shortage
from vaengine.console.output import say

CALLS_TOLD: Final = 10


class Watchdog:
    """Looks at each standing of a run; after `patience_s` seconds in which nothing moved it barks, and
    again after each as many.
    """

    def __init__(
        self,
        patience_s: float,
        *,
        clock: Callable[[], float] | None = None,
        look: Callable[[], Shortage] = shortage,
        bark: Callable[[str], None] = say,
    ) -> None:
        self._patience_s, self._clock, self._look_around, self._bark = (
            patience_s,
            clock or PatienceClock(),
            look,
            bark,
        )
        self._moved_s, self._before = self._clock(), (0.0, 0.0, 0, 0)

    def look(self, standing: RunStatus) -> None:
        """Note what moved, or say what is in the way."""
        seen = standing.snapshot
        now = (seen.frames_done, seen.sound_s_done, seen.videos_done + seen.videos_failed, seen.videos_total)
        if now != self._before:
            self._before, self._moved_s = now, self._clock()
        elif self._clock() - self._moved_s >= self._patience_s:
            self._moved_s = self._clock()
            for line in self._diagnosis(standing):
                self._bark(line)

    def _diagnosis(self, standing: RunStatus) -> Sequence[str]:
        held = [f"in work: {one}" for one in standing.calls[:CALLS_TOLD]] or [
            "in work: nothing; no worker has begun a chunk"
        ]
        first = (
            f"no progress for {self._patience_s:.0f} s (engine.watchdog_seconds); the run goes on "
            "waiting, and this is how it stands:"
        )
        return [first, *held, *self._look_around().lines()]
