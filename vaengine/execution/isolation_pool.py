"""The isolation lane: suspects one by one in processes of their own, until each is done, or given up by
the policy's word.
"""

from __future__ import annotations

import heapq
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from actors.coordination.in_flight import failed
from actors.isolation.sandbox import IsolationStage, TrialResult
from actors.stages.stages import ActorNames
from cluster.placement import Placement
from schemas.settings.settings import Settings
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.messages import ChunkFailure
from schemas.work.retry import TRANSIENT, WORKER_LOST, Decision, GiveUp, Retry, RetryPolicy, kind_of
from vaengine.planning.suspects import COUNTED, Suspect

LOOK_SECONDS: Final = 0.25
MOST_LOST: Final = 20  # times that a chunk's cell may be lost through no fault of its own

log = logging.getLogger(__name__)


class Verdicts(Protocol):
    """Where the lane leaves what it found out; the one place that carries it out is the shift."""

    def record(self, attempt: Attempt) -> None: ...
    def give_up(self, suspect: Suspect, decision: GiveUp) -> None: ...
    def wanted(self, suspect: Suspect) -> bool: ...
    def tick(self) -> None: ...
    def over(self) -> bool: ...


class IsolationPool:
    """A pool of cells, each an actor with a process of its own, of which each holds one chunk."""

    def __init__(
        self,
        placement: Placement,
        names: ActorNames,
        settings: Settings,
        verdicts: Verdicts,
        *,
        grace_s: float,
    ) -> None:
        """`grace_s`: how long chunks in work may take to end after a stop."""
        self._grace_s, self._deadline_s = grace_s, float("inf")
        self._placement, self._names, self._settings, self._verdicts = placement, names, settings, verdicts
        self._policy = RetryPolicy.of(settings.recovery)
        self._waiting: list[
            tuple[float, int, Suspect]
        ] = []  # a heap: when it may be tried again, order, suspect
        self._busy: dict[Any, tuple[Any, Suspect]] = {}
        self._order = 0
        self._spent: dict[str, int] = {}  # video -> tries that count

    def run(self, suspects: Sequence[Suspect], spent: dict[str, int]) -> None:
        """Returns when each suspect is done or given up, or the run is over and what was in work has ended.

        `spent`: tries of each video that count so far.
        """
        import ray

        self._spent = dict(spent)
        for suspect in suspects:
            self._judge(suspect)
        actors = [self._actor() for _ in range(min(pool_size(self._placement), len(self._waiting)))]
        idle = list(actors)
        try:
            while self._goes_on():
                self._hand_out(idle)
                done, _ = (
                    ray.wait(list(self._busy), timeout=LOOK_SECONDS) if self._busy else (self._rest(), [])
                )
                for reference in done:
                    actor, suspect = self._busy.pop(reference)
                    idle.append(actor)
                    self._answered(suspect, reference)
                self._verdicts.tick()
        finally:
            for actor in actors:
                ray.kill(actor)

    def _goes_on(self) -> bool:
        """Whether there is anything to wait for; once the run is over only what is in work, and not for
        ever: what waits is dropped.
        """
        if not self._verdicts.over():
            return bool(self._waiting or self._busy)
        self._waiting.clear()
        self._deadline_s = min(self._deadline_s, time.monotonic() + self._grace_s)
        return bool(self._busy) and time.monotonic() < self._deadline_s

    def _rest(self) -> list[Any]:
        """Nothing can be tried yet."""
        time.sleep(min(LOOK_SECONDS, max(0.0, self._waiting[0][0] - time.monotonic())))
        return []

    def _hand_out(self, idle: list[Any]) -> None:
        while idle and self._waiting and self._waiting[0][0] <= time.monotonic():
            _, _, suspect = heapq.heappop(self._waiting)
            if not self._verdicts.wanted(suspect):  # another chunk has failed its pipelines for good
                continue
            work, actor = suspect.again(), idle.pop()
            self._verdicts.record(
                Attempt(
                    work.chunk_id,
                    work.token.video_id,
                    work.attempt,
                    AttemptState.LEASED,
                    None,
                    _now(),
                    _now(),
                )
            )
            self._busy[actor.try_chunk.remote(work)] = (actor, replace(suspect, work=work))

    def _answered(self, suspect: Suspect, reference: Any) -> None:
        """One try is over: done, left because the run stops, failed, or lost with its cell."""
        import ray

        try:
            trial: TrialResult = ray.get(reference)
        except ray.exceptions.RayTaskError as error:  # the cell is there, and says what it could not do
            trial = TrialResult(suspect.work.chunk_id, failure=_told(suspect, error))
        except (
            ray.exceptions.RayError
        ) as error:  # the cell's node or actor is gone, which says nothing about the chunk
            log.warning("a cell is gone and is started again: %s", error)
            trial = TrialResult(suspect.work.chunk_id, failure=_lost(suspect))
        if trial.failure is not None:
            self._failed(suspect, trial, trial.failure)

    def _failed(self, suspect: Suspect, trial: TrialResult, failure: ChunkFailure) -> None:
        attempt = _ended(suspect, trial, failure)
        self._verdicts.record(attempt)
        if attempt.state in COUNTED:
            self._spent[attempt.video_id] = self._spent.get(attempt.video_id, 0) + 1
        self._judge(suspect.after(attempt))

    def _judge(self, suspect: Suspect) -> None:
        """Try again, after a while, or give up."""
        decision = self._decision(suspect)
        if isinstance(decision, GiveUp):
            self._verdicts.give_up(suspect, decision)
        else:
            self._order += 1
            heapq.heappush(self._waiting, (time.monotonic() + decision.after_s, self._order, suspect))

    def _decision(self, suspect: Suspect) -> Decision:
        """What went down with a process of many is tried alone at once; after that the policy decides."""
        if not suspect.tries:
            return Retry(0.0)
        last = suspect.last
        if last.state not in COUNTED and suspect.lost < MOST_LOST:
            return Retry(0.0)
        return self._policy.decide(
            last.failure_kind or WORKER_LOST,
            max(suspect.spent, suspect.lost),
            self._spent.get(last.video_id, 0),
            random.random(),
            message=last.error_message or "",
            killed=last.state is AttemptState.KILLED,
        )

    def _actor(self) -> Any:
        import ray

        place = self._placement
        gpus = max(place.gpus_each, place.hearing_gpus_each)
        options: dict[str, Any] = {
            "num_cpus": place.cpus_each,
            "num_gpus": gpus or None,
            "max_restarts": -1,
            "max_task_retries": 0,
        }
        return ray.remote(IsolationStage).options(**options).remote(self._names, self._settings)


def pool_size(placement: Placement) -> int:
    """As many as there would be models at work; beside nothing else, decoding and models share a cell."""
    return max(placement.vision_actors, placement.hearing_actors) or placement.decode_slots


def _lost(suspect: Suspect) -> ChunkFailure:
    return ChunkFailure(
        WORKER_LOST, f"the process that watched {suspect.work.chunk_id} was lost", transient=True
    )


def _told(suspect: Suspect, error: Any) -> ChunkFailure:
    """What a cell raised, from Ray's wrapper around it: of its own kind, unless another actor's loss was
    behind it.
    """
    kind, cause = kind_of(error), error.cause or error
    if kind == WORKER_LOST:
        return _lost(suspect)
    return ChunkFailure(
        kind, " ".join(str(cause).split()) or repr(cause), transient=kind in TRANSIENT, traceback=str(error)
    )


def _ended(suspect: Suspect, trial: TrialResult, failure: ChunkFailure) -> Attempt:
    """The try as it is remembered."""
    state = (
        AttemptState.KILLED
        if trial.to_blame
        else AttemptState.LOST
        if failure.kind == WORKER_LOST
        else AttemptState.FAILED
    )
    work = suspect.work
    leased = Attempt(
        work.chunk_id, work.token.video_id, work.attempt, AttemptState.LEASED, None, _now(), _now()
    )
    return failed(leased, state, failure)


def _now() -> datetime:
    return datetime.now(UTC)
