"""The queue of suspects between attempts: it decides when each is tried again, and when to give up.

It works without Ray.
"""

from __future__ import annotations

import heapq
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from actors.coordination.in_flight import failed
from actors.isolation.sandbox import TrialResult
from schemas.errors import NodeCannotSee, Unreadable
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.chunk import WorkKey
from schemas.work.messages import ChunkFailure
from schemas.work.retry import WORKER_LOST, Decision, GiveUp, Retry, RetryPolicy
from vaengine.planning.suspects import COUNTED, Suspect, keys_of

MAX_LOST_ATTEMPTS: Final = 20  # of one chunk, each through no fault of its own


@dataclass(frozen=True, slots=True)
class PipelineFailure:
    """Pipelines of one video that are given up, with the reason for the store."""

    keys: tuple[WorkKey, ...]
    kind: str
    reason: str
    traceback: str | None = None


@dataclass(frozen=True, slots=True)
class PoolUpdate:
    """The result of one step of the pool: attempts to record, and pipelines that are given up."""

    attempts: tuple[Attempt, ...] = ()
    failures: tuple[PipelineFailure, ...] = ()


class IsolationQueue:
    """A heap of suspects by the time of their next attempt; the retry policy decides which return to it.

    `spent` counts the failed attempts of each video so far. `clock` is in seconds. `random01` draws a number
    in [0, 1). `is_here` says whether the run itself sees a path that a node did not see.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        spent: Mapping[str, int],
        *,
        clock: Callable[[], float] = time.monotonic,
        random01: Callable[[], float] = random.random,
        is_here: Callable[[str], bool] = os.path.exists,
    ) -> None:
        self._policy, self._spent = policy, dict(spent)
        self._clock, self._random01, self._is_here = clock, random01, is_here
        self._waiting: list[tuple[float, int, Suspect]] = []  # a heap: due time, order of arrival, suspect
        self._arrivals = 0
        self._closed = False
        self._given_up: set[WorkKey] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """Remove all suspects and accept no others: the run is over."""
        self._closed = True
        self._waiting.clear()

    def add(self, suspects: Iterable[Suspect]) -> PoolUpdate:
        """Add suspects; the update has the pipelines of those that the policy gives up instead."""
        failures = [self._add(suspect) for suspect in suspects]
        return PoolUpdate(failures=tuple(failure for failure in failures if failure))

    def take_due(self, most: int) -> list[Suspect]:
        """Remove and return up to `most` suspects that are due, each with its next attempt as `work`."""
        due: list[Suspect] = []
        while len(due) < most and self.seconds_to_next() <= 0:
            _, _, suspect = heapq.heappop(self._waiting)
            # Another chunk may have failed its pipelines meanwhile.
            if not self._given_up.issuperset(keys_of(suspect.work)):
                due.append(replace(suspect, work=suspect.again()))
        return due

    def seconds_to_next(self) -> float:
        """Seconds until the first suspect is due: 0 or less if one is due, infinity for an empty queue."""
        return self._waiting[0][0] - self._clock() if self._waiting else float("inf")

    def fail(self, suspect: Suspect, trial: TrialResult, failure: ChunkFailure) -> PoolUpdate:
        """Note a failed attempt: the suspect waits for the next one, or its pipelines are given up."""
        attempt = _failed_attempt(suspect, trial, failure)
        if attempt.state in COUNTED:
            self._spent[attempt.video_id] = self._spent.get(attempt.video_id, 0) + 1
        return replace(self.add([suspect.after(attempt)]), attempts=(attempt,))

    def _add(self, suspect: Suspect) -> PipelineFailure | None:
        decision = self._decision(suspect)
        if isinstance(decision, GiveUp):
            return self._give_up(suspect, decision)
        if not self._closed:
            self._arrivals += 1
            heapq.heappush(self._waiting, (self._clock() + decision.after_s, self._arrivals, suspect))
        return None

    def _decision(self, suspect: Suspect) -> Decision:
        """A chunk lost with a process of many chunks is tried again at once; else the policy decides."""
        if not suspect.tries:
            return Retry(0.0)
        last = suspect.last
        if last.failure_kind == NodeCannotSee.kind and not self._is_here(suspect.work.path):
            gone = Unreadable(suspect.work.path, "it was there when the run began, and is gone")
            return GiveUp(str(gone), gone.kind)
        if last.state not in COUNTED and suspect.lost < MAX_LOST_ATTEMPTS:
            return Retry(0.0)
        return self._policy.decide(
            last.failure_kind or WORKER_LOST,
            max(suspect.spent, suspect.lost),
            self._spent.get(last.video_id, 0),
            self._random01(),
            message=last.error_message or "",
            killed=last.state is AttemptState.KILLED,
        )

    def _give_up(self, suspect: Suspect, decision: GiveUp) -> PipelineFailure | None:
        """Give up the pipelines of the chunk's last attempt; None where all were given up before."""
        last = suspect.last
        failed_keys = [key for key in keys_of(suspect.work) if last.pipeline in (None, key.pipeline)]
        keys = tuple(key for key in failed_keys if key not in self._given_up)
        self._given_up.update(keys)
        return PipelineFailure(keys, decision.kind, decision.reason, last.traceback) if keys else None


def leased(suspect: Suspect) -> Attempt:
    """The leased attempt of a suspect that begins now."""
    work, now = suspect.work, datetime.now(UTC)
    return Attempt(work.chunk_id, work.token.video_id, work.attempt, AttemptState.LEASED, None, now, now)


def _failed_attempt(suspect: Suspect, trial: TrialResult, failure: ChunkFailure) -> Attempt:
    """The attempt for the store: killed where the chunk is to blame, lost with its worker, or failed."""
    lost_or_failed = AttemptState.LOST if failure.kind == WORKER_LOST else AttemptState.FAILED
    return failed(leased(suspect), AttemptState.KILLED if trial.to_blame else lost_or_failed, failure)
