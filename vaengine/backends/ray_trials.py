"""Attempts alone on Ray: actors that each watch a process of their own."""

from __future__ import annotations

import functools
import logging
from typing import Any

from actors.isolation.sandbox import IsolationStage, TrialResult
from actors.stages.stages import ActorNames, by_name
from cluster.placement import Placement
from schemas.settings.settings import Settings
from vaengine.backends.trial_failure import lost, raised
from vaengine.planning.suspects import Suspect

log = logging.getLogger(__name__)


class RayTrialWorkers:
    """A pool of Ray actors, each with a process that holds one chunk."""

    def __init__(self, placement: Placement, names: ActorNames, settings: Settings, number: int) -> None:
        self._new_actor = functools.partial(_actor, placement, names, settings)
        self._actors = [self._new_actor() for _ in range(number)]
        self._idle = list(self._actors)
        self._busy: dict[
            Any, tuple[Any, Suspect]
        ] = {}  # reference to an answer -> its actor, the suspect it tries

    @property
    def idle(self) -> int:
        return len(self._idle)

    def begin(self, suspect: Suspect) -> None:
        """Begin an attempt on an actor that is idle."""
        actor = self._idle.pop()
        self._busy[actor.try_chunk.remote(suspect.work)] = (actor, suspect)

    def abandon(self, chunk_id: str) -> Suspect | None:
        """Wait no more for an attempt; another actor takes the place of the one that had it."""
        import ray

        for reference, (actor, suspect) in self._busy.items():
            if suspect.work.chunk_id == chunk_id:
                del self._busy[reference]
                ray.kill(actor)
                self._actors[self._actors.index(actor)] = another = self._new_actor()
                self._idle.append(another)
                return suspect
        return None

    def next_ended(self, timeout_s: float) -> tuple[Suspect, TrialResult] | None:
        """An attempt that has ended; None where none does within the time."""
        import ray

        done, _ = ray.wait(list(self._busy), timeout=timeout_s)
        if not done:
            return None
        actor, suspect = self._busy.pop(done[0])
        self._idle.append(actor)
        return suspect, _result(suspect, done[0])

    def close(self) -> None:
        """End the actors."""
        import ray

        for actor in self._actors:
            ray.kill(actor)


def _actor(place: Placement, names: ActorNames, settings: Settings) -> Any:
    import ray

    gpus = max(place.gpus_each, place.hearing_gpus_each)
    options: dict[str, Any] = {"num_cpus": place.cpus_each, "num_gpus": gpus or None}
    stage = ray.remote(IsolationStage).options(max_restarts=-1, max_task_retries=0, **options)
    return stage.remote(by_name(names, settings.engine.worker_silent_seconds), settings)


def _result(suspect: Suspect, reference: Any) -> TrialResult:
    """How an attempt ended: what its actor says, or what the loss of the actor says."""
    import ray

    try:
        trial: TrialResult = ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # the actor is there, and says what it could not do
        return TrialResult(suspect.work.chunk_id, failure=raised(suspect.work, error))
    except (
        ray.exceptions.RayError
    ) as error:  # its node or process is gone, which says nothing about the chunk
        log.warning("a cell is gone and is started again: %s", error)
        return TrialResult(suspect.work.chunk_id, failure=lost(suspect.work))
    return trial
