"""Workers on Ray that try one chunk alone: actors that each watch a child process."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from actors.isolation.sandbox import IsolationStage, TrialResult
from actors.stages.stages import ActorNames, by_name
from cluster.placement import Placement
from schemas.errors import NodeCannotSee
from schemas.settings.settings import Settings
from vaengine.backends.trial_failure import lost_failure, raised_failure
from vaengine.planning.suspects import Suspect

NODE_TIMEOUT_S: Final = 10.0  # in which an actor says where it is
NODE_ID_LABEL: Final = "ray.io/node-id"  # that Ray gives each node

log = logging.getLogger(__name__)


class RayTrialWorkers:
    """A pool of Ray actors, each with a child process that holds one chunk."""

    def __init__(self, placement: Placement, names: ActorNames, settings: Settings, number: int) -> None:
        self._start = functools.partial(_actor, placement, names, settings)
        self._actors = [self._start() for _ in range(number)]
        self._idle = list(self._actors)
        # reference to an answer -> its actor, the suspect
        self._busy: dict[Any, tuple[Any, Suspect]] = {}
        self._blind_nodes: set[str] = set()  # that did not see a path

    @property
    def idle(self) -> int:
        """Number of actors that have no attempt."""
        return len(self._idle)

    def begin(self, suspect: Suspect) -> None:
        """Begin an attempt on an actor that is idle."""
        actor = self._idle.pop()
        self._busy[actor.try_chunk.remote(suspect.work)] = (actor, suspect)

    def abandon(self, chunk_id: str) -> Suspect | None:
        """Wait no more for an attempt; another actor takes the place of the one that had it."""
        for reference, (actor, suspect) in self._busy.items():
            if suspect.work.chunk_id == chunk_id:
                del self._busy[reference]
                self._idle.append(self._replaced(actor))
                return suspect
        return None

    def next_ended(self, timeout_s: float) -> tuple[Suspect, TrialResult] | None:
        """An attempt that has ended; None if none ends within `timeout_s`."""
        import ray

        ended, _ = ray.wait(list(self._busy), timeout=timeout_s)
        if not ended:
            return None
        actor, suspect = self._busy.pop(ended[0])
        trial = _result(suspect, ended[0])
        if trial.failure is not None and trial.failure.kind == NodeCannotSee.kind:
            actor = self._moved(actor)
        self._idle.append(actor)
        return suspect, trial

    def _moved(self, actor: Any) -> Any:
        """An actor on a node that was not blind so far; the same one where there is no other node."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):  # lost: it is started again wherever there is room
            self._blind_nodes.add(ray.get(actor.node_id.remote(), timeout=NODE_TIMEOUT_S))
        return self._replaced(actor) if other_nodes(ray.nodes(), self._blind_nodes) else actor

    def _replaced(self, actor: Any) -> Any:
        """Another actor in place of this one, on a node that was not blind so far where there is one."""
        import ray

        blind = self._blind_nodes
        is_elsewhere = bool(blind and other_nodes(ray.nodes(), blind))
        ray.kill(actor)
        self._actors.remove(actor)
        self._actors.append(self._start(elsewhere_than=blind if is_elsewhere else ()))
        return self._actors[-1]

    def close(self) -> None:
        """End the actors."""
        import ray

        for actor in self._actors:
            ray.kill(actor)


def other_nodes(nodes: Iterable[Mapping[str, Any]], blind: Collection[str]) -> list[str]:
    """Ids of the nodes, as `ray.nodes` has them, that live, have processors and are not `blind`."""
    return [
        node["NodeID"]
        for node in nodes
        if node["Alive"] and node.get("Resources", {}).get("CPU") and node["NodeID"] not in blind
    ]


def _actor(
    placement: Placement, names: ActorNames, settings: Settings, *, elsewhere_than: Collection[str] = ()
) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeLabelSchedulingStrategy, NotIn

    gpus = max(placement.gpus_each, placement.hearing_gpus_each)
    options: dict[str, Any] = {"num_cpus": placement.cpus_each, "num_gpus": gpus or None}
    if elsewhere_than:
        options["scheduling_strategy"] = NodeLabelSchedulingStrategy(
            hard={NODE_ID_LABEL: NotIn(*sorted(elsewhere_than))}
        )
    stage = ray.remote(IsolationStage).options(max_restarts=-1, max_task_retries=0, **options)
    return stage.remote(by_name(names, settings.engine.worker_silent_seconds), settings)


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
