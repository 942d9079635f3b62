"""Workers on Ray that try one chunk alone: actors that each watch a child process."""

from __future__ import annotations

import logging
from typing import Any

from actors.isolation.sandbox import IsolationStage, TrialResult
from actors.stages.stages import ActorNames, by_name
from cluster.placement import Placement
from schemas.settings.settings import Settings
from vaengine.backends.trial_failure import lost_failure, raised_failure
from vaengine.planning.suspects import Suspect

log = logging.getLogger(__name__)


class RayTrialWorkers:
    """A pool of Ray actors, each with a child process that holds one chunk."""

    def __init__(self, placement: Placement, names: ActorNames, settings: Settings, number: int) -> None:
        self._actors = [_actor(placement, names, settings) for _ in range(number)]
        self._idle = list(self._actors)
        self._busy: dict[Any, tuple[Any, Suspect]] = {}  # reference to an answer -> its actor, the suspect

    @property
    def idle(self) -> int:
        """Number of actors that have no attempt."""
        return len(self._idle)

    def begin(self, suspect: Suspect) -> None:
        """Begin an attempt on an actor that is idle."""
        actor = self._idle.pop()
        self._busy[actor.try_chunk.remote(suspect.work)] = (actor, suspect)

    def next_ended(self, timeout_s: float) -> tuple[Suspect, TrialResult] | None:
        """An attempt that has ended; None if none ends within `timeout_s`."""
        import ray

        ended, _ = ray.wait(list(self._busy), timeout=timeout_s)
        if not ended:
            return None
        actor, suspect = self._busy.pop(ended[0])
        self._idle.append(actor)
        return suspect, _result(suspect, ended[0])

    def close(self) -> None:
        """End the actors."""
        import ray

        for actor in self._actors:
            ray.kill(actor)


def _actor(placement: Placement, names: ActorNames, settings: Settings) -> Any:
    import ray

    gpus = max(placement.gpus_each, placement.hearing_gpus_each)
    options: dict[str, Any] = {"num_cpus": placement.cpus_each, "num_gpus": gpus or None}
    stage = ray.remote(IsolationStage).options(max_restarts=-1, max_task_retries=0, **options)
    return stage.remote(by_name(names), settings)


def _result(suspect: Suspect, reference: Any) -> TrialResult:
    """The result of an attempt: the answer of its actor, or a failure where that raised or was lost."""
    import ray

    try:
        trial: TrialResult = ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # the actor lives on
        return TrialResult(suspect.work.chunk_id, failure=raised_failure(suspect.work, error))
    except (
        ray.exceptions.RayError
    ) as error:  # its node or process is gone, for which the chunk is not to blame
        log.warning("an isolation actor is gone and is started again: %s", error)
        return TrialResult(suspect.work.chunk_id, failure=lost_failure(suspect.work))
    return trial
