"""Decides from which workers their work is taken, and when a pass is waited for no longer; knows no Ray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from actors.coordination.coordinator import RunStatus
from actors.coordination.patience import PatienceClock
from schemas.work.progress import Worker

PATIENCE: Final = 2.0  # times the silence of a worker: a model may be loaded anew meanwhile


@dataclass(frozen=True, slots=True)
class Eviction:
    """A worker from which what it holds is taken, and which is ended where it can be reached."""

    worker: Worker
    reason: str

    def __str__(self) -> str:
        return f"{self.worker}: {self.reason}; what it held is done again"


def evictions(status: RunStatus, takes_too_much_memory: Callable[[Worker], bool]) -> list[Eviction]:
    """The workers that are silent, that hang in a call, or that take too much memory; each is named once."""
    found: dict[Worker, str] = {}
    for one in status.silent:
        reason = f"no sign of life for {one.silent_s:.0f} s (engine.worker_silent_seconds)"
        found.setdefault(one.worker, reason)
    for call in status.calls:
        if call.stalled:
            reason = f"no sign of progress for {call.silent_s:.0f} s (recovery.alone_seconds)"
            found.setdefault(call.worker, reason)
        elif takes_too_much_memory(call.worker):
            found.setdefault(call.worker, "too much memory taken (recovery.alone_memory_mb)")
    return [Eviction(worker, reason) for worker, reason in found.items()]


class StuckPass:
    """Decides that a pass will not end: a worker was evicted or a connection broke, and now nobody works and
    nothing moves.

    Ray may wait for ever for an answer that was lost.
    """

    def __init__(self, worker_silent_s: float, clock: Callable[[], float] | None = None) -> None:
        self._patience_s, self._clock = worker_silent_s * PATIENCE, clock or PatienceClock()
        self.begin()

    def begin(self) -> None:
        """Another pass begins."""
        self._evicted, self._moved_s, self._before = False, self._clock(), (0.0, 0.0, 0, 0)
        self._breaks: int | None = None  # before it began

    def evicted(self) -> None:
        """What a worker held was taken from it."""
        self._evicted, self._moved_s = True, self._clock()

    def is_stuck(self, status: RunStatus) -> bool:
        """Whether the pass is to be given up."""
        seen = status.snapshot
        now = (seen.frames_done, seen.sound_s_done, seen.videos_done + seen.videos_failed, seen.in_work)
        if self._breaks is None:
            self._breaks = status.breaks
        if status.calls or now != self._before:
            self._before, self._moved_s = now, self._clock()
        is_doubtful = self._evicted or status.breaks > self._breaks
        return is_doubtful and self._clock() - self._moved_s > self._patience_s
