"""Suspects one by one in processes of their own: a pool of Ray actors, each with a process that holds one
chunk.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable, Mapping
from typing import Any, Final

from actors.isolation.sandbox import IsolationStage, TrialResult
from actors.stages.stages import ActorNames
from cluster.placement import Placement
from schemas.settings.settings import Settings
from schemas.work.messages import ChunkFailure
from schemas.work.retry import TRANSIENT, WORKER_LOST, RetryPolicy, kind_of
from vaengine.execution.isolation_queue import IsolationQueue, PoolUpdate, leased
from vaengine.planning.suspects import Suspect

LOOK_SECONDS: Final = 0.25

log = logging.getLogger(__name__)


class IsolationPool:
    """Tries suspects until each is done or given up.

    `grace_s`: seconds that chunks in work have to end after `stop`.
    """

    def __init__(
        self, placement: Placement, names: ActorNames, settings: Settings, *, grace_s: float
    ) -> None:
        self._placement, self._names, self._settings = placement, names, settings
        self._grace_s, self._deadline_s = grace_s, float("inf")
        self._queue = IsolationQueue(RetryPolicy.of(settings.recovery), {})
        self._idle: list[Any] = []
        self._busy: dict[
            Any, tuple[Any, Suspect]
        ] = {}  # reference to an answer -> its actor, the suspect it tries

    def run(self, suspects: Iterable[Suspect], spent: Mapping[str, int]) -> Generator[PoolUpdate]:
        """Yield an update at each step, and at least one in `LOOK_SECONDS`, until every suspect is done or
        given up.

        The caller writes an update down before it takes the next: an attempt begins after it was written
        down. Close the generator to end the actors at once. `spent`: failed attempts of each video so far.
        """
        import ray

        self._queue = IsolationQueue(RetryPolicy.of(self._settings.recovery), spent)
        yield self._queue.add(suspects)
        actors = [self._actor() for _ in range(min(pool_size(self._placement), len(self._queue)))]
        self._idle = list(actors)
        try:
            while (len(self._queue) or self._busy) and time.monotonic() < self._deadline_s:
                if due := self._queue.take_due(len(self._idle)):
                    yield PoolUpdate(attempts=tuple(map(leased, due)))
                    self._begin(due)
                yield self._next_update()
        finally:
            for actor in actors:
                ray.kill(actor)

    def stop(self) -> None:
        """Begin no further attempt, and wait no longer than the grace for those in work."""
        self._queue.close()
        self._deadline_s = min(self._deadline_s, time.monotonic() + self._grace_s)

    def _begin(self, due: Iterable[Suspect]) -> None:
        for suspect in due:
            actor = self._idle.pop()
            self._busy[actor.try_chunk.remote(suspect.work)] = (actor, suspect)

    def _next_update(self) -> PoolUpdate:
        """What the next attempt that ends comes to; an empty update where none does for `LOOK_SECONDS`."""
        import ray

        if not self._busy:
            time.sleep(min(LOOK_SECONDS, max(0.0, self._queue.seconds_to_next())))
            return PoolUpdate()
        done, _ = ray.wait(list(self._busy), timeout=LOOK_SECONDS)
        if not done:
            return PoolUpdate()
        actor, suspect = self._busy.pop(done[0])
        self._idle.append(actor)
        trial = _result(suspect, done[0])
        return self._queue.fail(suspect, trial, trial.failure) if trial.failure else PoolUpdate()

    def _actor(self) -> Any:
        import ray

        place = self._placement
        gpus = max(place.gpus_each, place.hearing_gpus_each)
        options: dict[str, Any] = {"num_cpus": place.cpus_each, "num_gpus": gpus or None}
        stage = ray.remote(IsolationStage).options(max_restarts=-1, max_task_retries=0, **options)
        return stage.remote(self._names, self._settings)


def pool_size(placement: Placement) -> int:
    """As many as there would be models at work; beside nothing else, decoding and models share a cell."""
    return max(placement.vision_actors, placement.hearing_actors) or placement.decode_slots


def _result(suspect: Suspect, reference: Any) -> TrialResult:
    """How an attempt ended: what its actor says, or what the loss of the actor says."""
    import ray

    try:
        trial: TrialResult = ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # the actor is there, and says what it could not do
        return TrialResult(suspect.work.chunk_id, failure=_raised(suspect, error))
    except (
        ray.exceptions.RayError
    ) as error:  # its node or process is gone, which says nothing about the chunk
        log.warning("a cell is gone and is started again: %s", error)
        return TrialResult(suspect.work.chunk_id, failure=_lost(suspect))
    return trial


def _lost(suspect: Suspect) -> ChunkFailure:
    return ChunkFailure(
        WORKER_LOST, f"the process that watched {suspect.work.chunk_id} was lost", transient=True
    )


def _raised(suspect: Suspect, error: Any) -> ChunkFailure:
    """What an actor raised, out of Ray's wrapper: of its own kind, unless another actor's loss was behind
    it.
    """
    kind, cause = kind_of(error), error.cause or error
    if kind == WORKER_LOST:
        return _lost(suspect)
    message = " ".join(str(cause).split()) or repr(cause)
    return ChunkFailure(kind, message, transient=kind in TRANSIENT, traceback=str(error))
