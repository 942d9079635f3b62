"""Keeps which worker holds which chunks, and decides which worker is silent: the rule of fencing.

It lives in memory and knows no Ray. A worker holds a chunk from its start until it has handed it over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from schemas.work.progress import Worker

BEATS_PER_SILENCE: Final = 6  # A worker's heartbeat thread beats so often while it would become silent,
MAX_BEAT_SECONDS: Final = 5.0  # and at least so often.
# After so many the connection was broken. One may take twice as long: its thread waits for an answer.
BEATS_MISSED: Final = 3


def beat_seconds(silent_s: float) -> float:
    """Seconds from one beat of a worker to the next."""
    return min(MAX_BEAT_SECONDS, silent_s / BEATS_PER_SILENCE)


@dataclass(frozen=True, slots=True)
class SilentWorker:
    """A worker that gave no sign of life for `silent_s` seconds while it held these chunks."""

    worker: Worker
    chunk_ids: tuple[str, ...]
    silent_s: float


@dataclass(slots=True)
class _Signs:
    """When a worker was heard last: `heard_s` as far as it counts, `beat_s` by its heartbeat thread too."""

    heard_s: float
    beat_s: float
    is_trusted: bool = True


class Holders:
    """Workers and what they hold. Every event may come twice, late, or not at all.

    A worker shows life by its work and by the beats of a thread. The beats alone prove little once the
    connection was broken: the thread goes on while the work may wait for an answer that was lost. From then
    on its beats do not count until its work is heard again.

    What is taken from a worker stays taken: the worker is fenced, and holds nothing any more.
    """

    def __init__(self, silent_s: float, clock: Callable[[], float]) -> None:
        """`silent_s`: seconds without a sign of life after which a worker is silent."""
        self._silent_s, self._clock = silent_s, clock
        self._gap_s = beat_seconds(silent_s) * BEATS_MISSED
        self._signs: dict[Worker, _Signs] = {}
        self._held: dict[str, set[Worker]] = {}  # chunk -> who holds it
        self._fenced: set[Worker] = set()
        self.breaks = 0  # of connections, as far as beats came again

    def begin(self, worker: Worker, chunk_id: str) -> None:
        """A worker begins a new attempt of a chunk: whoever holds an earlier one does not count any more."""
        self.drop(chunk_id)
        self.hold(worker, (chunk_id,))

    def hold(self, worker: Worker, chunk_ids: Iterable[str]) -> None:
        """A worker works on these chunks, beside others that hold them."""
        if worker in self._fenced:
            return
        for chunk_id in chunk_ids:
            self._held.setdefault(chunk_id, set()).add(worker)
        self.worked(worker)

    def hand_over(self, worker: Worker, chunk_ids: Iterable[str]) -> None:
        """It has handed over what it made of them."""
        for chunk_id in chunk_ids:
            self._held.get(chunk_id, set()).discard(worker)
        self.worked(worker)

    def drop(self, chunk_id: str) -> None:
        """Nobody holds the chunk any more: it is in the store, or was given up."""
        self._held.pop(chunk_id, None)

    def worked(self, worker: Worker) -> None:
        """The work of a worker was heard."""
        self._signs[worker] = _Signs(self._clock(), self._clock())

    def beat(self, worker: Worker) -> None:
        """Its heartbeat thread was heard."""
        at = self._clock()
        signs = self._signs.setdefault(worker, _Signs(at, at))
        if at - signs.beat_s > self._gap_s:
            signs.is_trusted = False
            self.breaks += 1
        signs.beat_s = at
        if signs.is_trusted:
            signs.heard_s = at

    def silent(self) -> list[SilentWorker]:
        """Workers that hold chunks and are silent, those silent for longest first."""
        at = self._clock()
        found = [
            SilentWorker(worker, tuple(chunk_ids), at - self._signs[worker].heard_s)
            for worker, chunk_ids in self._holding().items()
        ]
        return sorted((one for one in found if one.silent_s > self._silent_s), key=lambda one: -one.silent_s)

    def fence(self, worker: Worker) -> list[str]:
        """Take from a worker what it holds; returns the chunks."""
        taken = self._holding().get(worker, [])
        self._fenced.add(worker)
        for chunk_id in taken:
            self.drop(chunk_id)
        return taken

    def is_fenced(self, worker: Worker) -> bool:
        """Whether something was taken from this worker."""
        return worker in self._fenced

    def _holding(self) -> dict[Worker, list[str]]:
        holding: dict[Worker, list[str]] = {}
        for chunk_id, workers in self._held.items():
            for worker in workers:
                holding.setdefault(worker, []).append(chunk_id)
        return holding
