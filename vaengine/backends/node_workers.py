"""The workers of a run on one node of a cluster: Ray actors that stay on it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from actors.stages.cluster_workers import DecodeWorker, VisionWorker
from actors.stages.stages import ActorNames, by_name
from cluster.node_placement import NodePlacement
from schemas.settings.settings import Settings
from schemas.work.progress import Worker
from vaengine.planning.list_schedule import PaceClock
from vaengine.planning.plan import WorkItem

PREFETCHED: Final = 2  # items of a decoder: one that it reads, and one that waits there or for models
MAX_STARTS: Final = 8  # of the decoders of a node without one that becomes ready between
GPU_MESSAGES: Final = 8  # of 8 pictures, two batches of 32 for a model on a GPU
GPU_BATCHES: Final = 6  # of so many messages: one in each of three steps, one before each of them

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Decoder:
    """A decoder; `worker` is its process, None until it is ready, and `items` what it has, by reference."""

    actor: Any
    ready: Any  # a reference to its first answer
    worker: Worker | None = None
    items: dict[Any, WorkItem] = field(default_factory=dict)
    clock: PaceClock = field(default_factory=PaceClock)

    @property
    def references(self) -> list[Any]:
        return [*self.items, *([self.ready] if self.worker is None else [])]

    def take(self, item: WorkItem, models: Sequence[Any]) -> None:
        self.items[self.actor.decode.remote(item.chunks, models)] = item
        self.clock.took(item.duration_s, time.monotonic())

    def answered(self, reference: Any, value: Any) -> None:
        if reference == self.ready:
            self.worker = value
        else:
            del self.items[reference]
            self.clock.ended(time.monotonic())


@dataclass(slots=True, eq=False)
class NodeWorkers:
    """Decoders and models of one node. Of a node that is leaving, what is in work ends and nothing begins."""

    placement: NodePlacement
    names: ActorNames
    settings: Settings
    models: list[Any]
    decoders: list[Decoder] = field(default_factory=list)
    is_leaving: bool = False
    _starts_left: int = 0

    @classmethod
    def start(cls, placement: NodePlacement, names: ActorNames, settings: Settings) -> NodeWorkers:
        """Start the models; nobody waits for them. Decoders start as the node is followed."""
        models = [_vision(placement, names, settings) for _ in range(placement.vision_actors)]
        return cls(placement, names, settings, models, _starts_left=placement.decode_slots + MAX_STARTS)

    @property
    def node_id(self) -> str:
        return self.placement.node_id

    def follow(self, placement: NodePlacement | None) -> None:
        """Have as many decoders as the node has slots now: none begins more where it is leaving (None).

        Decoders at work are left to end. Models stay as they were begun.
        """
        self.is_leaving = placement is None
        if placement is None:
            return
        self.placement = replace(self.placement, decode_slots=placement.decode_slots)
        surplus = max(0, len(self.decoders) - placement.decode_slots)
        for decoder in [one for one in self.decoders if not one.items][:surplus]:
            self.drop(decoder)
        self._refill()

    def _refill(self) -> None:
        """Start decoders that are missing; those that were lost only `MAX_STARTS` times in a row."""
        if any(decoder.worker for decoder in self.decoders):
            self._starts_left = self.placement.decode_slots + MAX_STARTS
        number = min(self.placement.decode_slots - len(self.decoders), self._starts_left)
        for _ in range(number):
            self._starts_left -= 1
            self.decoders.append(_decoder(self.placement, self.names, self.settings))

    @property
    def is_spent(self) -> bool:
        """Whether decoders were lost so often in a row that no other is started."""
        return not self.decoders and not self._starts_left

    def drop(self, decoder: Decoder) -> None:
        """End a decoder that is lost or silent; what it held is nobody's."""
        import ray

        if decoder in self.decoders:  # of one that is lost each item is
            self.decoders.remove(decoder)
            ray.kill(decoder.actor)

    def end(self) -> None:
        """End all actors; those of a node that is gone have ended."""
        import ray

        for actor in (*self.models, *(decoder.actor for decoder in self.decoders)):
            ray.kill(actor)


def _on(placement: NodePlacement) -> dict[str, Any]:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(placement.node_id, soft=False)
    return {"num_cpus": placement.cpus_each, "scheduling_strategy": here, "max_task_retries": 0}


def _decoder(placement: NodePlacement, names: ActorNames, settings: Settings) -> Decoder:
    import ray

    stage = ray.remote(DecodeWorker).options(max_restarts=0, max_concurrency=PREFETCHED, **_on(placement))
    silent_s = settings.engine.worker_silent_seconds
    actor = stage.remote(by_name(names, silent_s), silent_s)
    return Decoder(actor, actor.identity.remote())


def _vision(placement: NodePlacement, names: ActorNames, settings: Settings) -> Any:
    """Ray starts it again when it dies: decoders everywhere have its handle."""
    import ray

    gpus = placement.vision_gpus_each
    messages = GPU_MESSAGES if gpus else 1
    calls = GPU_BATCHES * messages if gpus else 1
    options = _on(placement) | {"num_gpus": gpus or None, "max_concurrency": calls}
    stage = ray.remote(VisionWorker).options(max_restarts=-1, **options)
    connect = by_name(names, settings.engine.worker_silent_seconds)
    return stage.remote(connect, settings, messages, overlapped=bool(gpus))
