"""The isolation pool: tries suspects on workers that each have a process for one chunk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Final

from actors.isolation.sandbox import TrialResult
from schemas.work.retry import RetryPolicy
from vaengine.backends.backend import TrialWorkers
from vaengine.backends.trial_failure import lost_failure
from vaengine.planning.suspects import Suspect
from vaengine.run_loop.isolation_queue import IsolationQueue, PoolUpdate, leased

UPDATE_SECONDS: Final = 0.25  # longest time between two updates


class IsolationPool:
    """Tries suspects until each is done or given up.

    `grace_s` is the time in seconds that attempts in work have to end after `stop`.
    """

    def __init__(
        self, open_workers: Callable[[int], TrialWorkers], policy: RetryPolicy, *, grace_s: float
    ) -> None:
        """`open_workers` starts workers for up to a given number of attempts at once."""
        self._open_workers = open_workers
        self._policy = policy
        self._grace_s = grace_s
        self._deadline_s = float("inf")  # on the monotonic clock
        self._queue = IsolationQueue(policy, {})
        self._in_work = 0
        self._abandoned: list[str] = []

    def run(self, suspects: Iterable[Suspect], spent: Mapping[str, int]) -> Generator[PoolUpdate]:
        """Yield an update at least every `UPDATE_SECONDS`, until every suspect is done or given up.

        The caller stores an update before it takes the next one: an attempt is in the store before it begins.
        Closing the generator ends the workers at once. `spent` has the failed attempts of each video so far.
        """
        self._queue = IsolationQueue(self._policy, spent)
        yield self._queue.add(suspects)
        if not len(self._queue):
            return
        with contextlib.closing(self._open_workers(len(self._queue))) as workers:
            while (len(self._queue) or self._in_work) and time.monotonic() < self._deadline_s:
                if due := self._queue.take_due(workers.idle):
                    yield PoolUpdate(attempts=tuple(map(leased, due)))
                    self._begin(due, workers)
                yield self._next_update(workers)

    def stop(self) -> None:
        """Begin no further attempt, and wait for those in work no longer than the grace time."""
        self._queue.close()
        self._deadline_s = min(self._deadline_s, time.monotonic() + self._grace_s)

    def abandon(self, chunk_ids: Iterable[str]) -> None:
        """Wait no more for attempts that were taken from their workers: they are lost."""
        self._abandoned.extend(chunk_ids)

    def _begin(self, due: Iterable[Suspect], workers: TrialWorkers) -> None:
        for suspect in due:
            workers.begin(suspect)
            self._in_work += 1

    def _next_update(self, workers: TrialWorkers) -> PoolUpdate:
        """The update for the next attempt that ends; an empty one after `UPDATE_SECONDS` without an end."""
        while self._abandoned:
            if suspect := workers.abandon(self._abandoned.pop()):
                self._in_work -= 1
                failure = lost_failure(suspect.work)
                return self._queue.fail(suspect, TrialResult(suspect.work.chunk_id, failure=failure), failure)
        if not self._in_work:
            time.sleep(min(UPDATE_SECONDS, max(0.0, self._queue.seconds_to_next())))
            return PoolUpdate()
        ended = workers.next_ended(UPDATE_SECONDS)
        if ended is None:
            return PoolUpdate()
        self._in_work -= 1
        suspect, trial = ended
        return self._queue.fail(suspect, trial, trial.failure) if trial.failure else PoolUpdate()
