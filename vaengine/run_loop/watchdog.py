"""The watchdog: reports what a run waits for when it makes no progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from actors.coordination.coordinator import RunStatus
from actors.coordination.patience import PatienceClock
from cluster.diagnosis import Shortage, shortage
from vaengine.console.output import say

MAX_CALLS: Final = 10  # workers' calls in a warning


class Watchdog:
    """Warns after each `patience_s` seconds without progress.

    `look` returns the shortage of resources, `warn` prints a line, `clock` is in seconds.
    """

    def __init__(
        self,
        patience_s: float,
        *,
        clock: Callable[[], float] | None = None,
        look: Callable[[], Shortage] = shortage,
        warn: Callable[[str], None] = say,
    ) -> None:
        self._patience_s = patience_s
        self._clock = clock or PatienceClock()
        self._shortage = look
        self._warn = warn
        self._last_progress_s = self._clock()
        self._progress = (0.0, 0.0, 0, 0)

    def look(self, status: RunStatus) -> None:
        """Note progress, or warn when there has been none for too long."""
        snapshot = status.snapshot
        videos_ended = snapshot.videos_done + snapshot.videos_failed
        progress = (snapshot.frames_done, snapshot.sound_s_done, videos_ended, snapshot.videos_total)
        if progress != self._progress:
            self._progress, self._last_progress_s = progress, self._clock()
        elif self._clock() - self._last_progress_s >= self._patience_s:
            self._last_progress_s = self._clock()
            for line in self._diagnosis(status):
                self._warn(line)

    def _diagnosis(self, status: RunStatus) -> Sequence[str]:
        in_work = [f"in work: {call}" for call in status.calls[:MAX_CALLS]] or [
            "in work: nothing; no worker has begun a chunk"
        ]
        first = (
            f"no progress for {self._patience_s:.0f} s (engine.watchdog_seconds); the run goes on "
            "waiting, and this is how it stands:"
        )
        return [first, *in_work, *self._shortage().lines()]
