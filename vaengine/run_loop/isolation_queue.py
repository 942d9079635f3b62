"""Suspects between their attempts: when each may be tried again, and when its pipelines are given up.

Knows no Ray.
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
    """Pipelines of one video that are given up, with the reason that the store keeps."""

    keys: tuple[WorkKey, ...]
    kind: str
    reason: str
    traceback: str | None = None


@dataclass(frozen=True, slots=True)
class PoolUpdate:
    """What one step of the pool comes to: attempts as they stand, to be written down, and pipelines that
    are given up.
    """

    attempts: tuple[Attempt, ...] = ()
    failures: tuple[PipelineFailure, ...] = ()


class IsolationQueue:
    """A heap of suspects by the time of their next attempt. The retry policy decides who comes back to it.

    `spent` counts the failed attempts of each video so far. `clock` is in seconds; `random01` draws from 0 to
    1. `is_here` says whether the run itself sees a path, which a node did not.
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
        """Forget who waits, and let nobody else in: the run is over."""
        self._closed = True
        self._waiting.clear()

    def add(self, suspects: Iterable[Suspect]) -> PoolUpdate:
        """Let suspects in; those that the policy gives up are in the update instead."""
        failures = [self._judge(suspect) for suspect in suspects]
        return PoolUpdate(failures=tuple(one for one in failures if one))

    def take_due(self, most: int) -> list[Suspect]:
        """Up to `most` suspects whose time has come, each with its next attempt as `work`."""
        due: list[Suspect] = []
        while len(due) < most and self.seconds_to_next() <= 0:
            _, _, suspect = heapq.heappop(self._waiting)
            if not self._given_up.issuperset(
                keys_of(suspect.work)
            ):  # else another chunk has failed its pipelines
                due.append(replace(suspect, work=suspect.again()))
        return due

    def seconds_to_next(self) -> float:
        """Seconds until the first suspect is due: 0 or less for now, infinity where nobody waits."""
        return self._waiting[0][0] - self._clock() if self._waiting else float("inf")

    def fail(self, suspect: Suspect, trial: TrialResult, failure: ChunkFailure) -> PoolUpdate:
        """Note that an attempt failed: the suspect waits for another, or is given up."""
        attempt = _ended(suspect, trial, failure)
        if attempt.state in COUNTED:
            self._spent[attempt.video_id] = self._spent.get(attempt.video_id, 0) + 1
        return replace(self.add([suspect.after(attempt)]), attempts=(attempt,))

    def _judge(self, suspect: Suspect) -> PipelineFailure | None:
        decision = self._decision(suspect)
        if isinstance(decision, GiveUp):
            return self._give_up(suspect, decision)
        if not self._closed:
            self._arrivals += 1
            heapq.heappush(self._waiting, (self._clock() + decision.after_s, self._arrivals, suspect))
        return None

    def _decision(self, suspect: Suspect) -> Decision:
        """What went down with a process of many is tried alone at once; after that the policy decides."""
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
        """The pipelines that the chunk's last attempt was about, without those that are given up already."""
        last = suspect.last
        blamed = [key for key in keys_of(suspect.work) if last.pipeline in (None, key.pipeline)]
        keys = tuple(key for key in blamed if key not in self._given_up)
        self._given_up.update(keys)
        return PipelineFailure(keys, decision.kind, decision.reason, last.traceback) if keys else None


def leased(suspect: Suspect) -> Attempt:
    """The attempt at a suspect's work as it begins."""
    work, now = suspect.work, datetime.now(UTC)
    return Attempt(work.chunk_id, work.token.video_id, work.attempt, AttemptState.LEASED, None, now, now)


def _ended(suspect: Suspect, trial: TrialResult, failure: ChunkFailure) -> Attempt:
    """The attempt as it is remembered."""
    unfinished = AttemptState.LOST if failure.kind == WORKER_LOST else AttemptState.FAILED
    return failed(leased(suspect), AttemptState.KILLED if trial.to_blame else unfinished, failure)
