"""Pictures of a run on a cluster: decoders on each node pull chunks, models near them look at pictures.

Unlike a Dataset the pool stays from pass to pass, takes in nodes that come, lets go of those that leave, and
gives up what a silent worker holds.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from actors.stages.stages import ActorNames
from cluster.inventory import Node, ray_nodes
from cluster.node_placement import NodePlacement, place_nodes, vision_nodes
from cluster.placement import Demand
from cluster.session import until_the_session_ends
from schemas.settings.settings import Settings
from schemas.work.progress import Worker
from vaengine.backends.node_workers import PREFETCHED, Decoder, NodeWorkers
from vaengine.backends.resource_requests import ResourceRequests
from vaengine.planning.list_schedule import shares, usual_pace
from vaengine.planning.work_queue import WorkQueue

END_CHUNKS: Final = 4  # for each decoder: with fewer waiting, whoever would end one first takes it
LOOK_SECONDS: Final = 0.5  # from one look at whether to go on to the next
NODES_SECONDS: Final = 2.0  # from one look at the nodes to the next

log = logging.getLogger(__name__)


class ChunkPool:
    """The decoders and models of one run on all nodes. `run` works on one thread; `abandon` is for any.

    `slots` says how many decoders the run may have at this moment, None for as many as there is room for.
    """

    def __init__(
        self,
        names: ActorNames,
        settings: Settings,
        demand: Demand,
        requests: ResourceRequests,
        nodes: Callable[[], Sequence[Node]] = ray_nodes,
        slots: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.names = names
        self._settings, self._demand, self._requests = settings, demand, requests
        self._look_at_nodes, self._slots = nodes, slots
        self._nodes: dict[str, NodeWorkers] = {}
        self._placed: tuple[NodePlacement, ...] = ()
        self._looked_s = -NODES_SECONDS
        self._last_error: Exception | None = None
        self._abandoned: queue.SimpleQueue[Worker] = queue.SimpleQueue()

    @until_the_session_ends()
    def run(self, waiting: WorkQueue, given_up: threading.Event) -> None:
        """Have every chunk tried; returns then, or soon after `given_up` is set.

        What a worker held that is lost is missing from the manifest, and no worker waits for it. Raises what
        Ray raised last where no node can start a decoder.
        """
        self._drop_held()
        while (waiting or self._busy) and not given_up.is_set():
            self._drop_abandoned()
            self._follow_nodes(waiting)
            self._hand_out(waiting)
            self._collect()
            self._require_decoders()

    def abandon(self, worker: Worker) -> None:
        """Give up what a worker holds: it is silent, or is being ended."""
        self._abandoned.put(worker)

    def close(self) -> None:
        """End all workers."""
        for node in self._nodes.values():
            node.end()
        self._nodes = {}
        self._looked_s = -NODES_SECONDS

    def _require_decoders(self) -> None:
        """Raises what Ray raised last where no node starts decoders; without nodes some may still come."""
        nodes = self._nodes.values()
        if self._last_error and nodes and all(node.is_spent for node in nodes):
            raise self._last_error

    @property
    def _busy(self) -> bool:
        return any(decoder.items for decoder in self._decoders())

    def _decoders(self) -> Iterator[Decoder]:
        for node in self._nodes.values():
            yield from node.decoders

    def _follow_nodes(self, waiting: WorkQueue) -> None:
        """Start workers on nodes that have come, and end those of nodes that have gone."""
        now_s = time.monotonic()
        if now_s - self._looked_s < NODES_SECONDS:
            return
        self._looked_s = now_s
        there = self._look_at_nodes()
        demand = replace(self._demand, workers=self._slots() or self._demand.workers)
        self._placed = place_nodes(there, demand, gpus_may_come=self._requests.may_add_gpus)
        placed = {one.node_id: one for one in self._placed}
        alive = {node.node_id for node in there}
        for node_id in [node_id for node_id in self._nodes if node_id not in alive]:
            log.warning("node %s is gone", node_id[:8])
            self._nodes.pop(node_id).end()
        for node_id in placed.keys() - self._nodes.keys():
            self._nodes[node_id] = NodeWorkers.start(placed[node_id], self.names, self._settings)
        for node_id, node in self._nodes.items():
            node.follow(placed.get(node_id))
        decoders = list(self._decoders())
        busy = sum(bool(decoder.items) for decoder in decoders)
        self._requests.follow(len(waiting), len(decoders), busy, there, now_s)

    def _hand_out(self, waiting: WorkQueue) -> None:
        """An item for each decoder that is free, then one in advance for each, as far as its share goes."""
        models = {node.node_id: self._models(node) for node in self._nodes.values() if not node.is_leaving}
        ready = [
            (decoder, models[node_id])
            for node_id in models
            if models[node_id] or not self._demand.vision  # nodes with models may be on their way
            for decoder in self._nodes[node_id].decoders
            if decoder.worker is not None
        ]
        left = _shares(waiting, [decoder for decoder, _ in ready])
        # Whoever is ready first must not take what those that are still starting will be there for.
        slots = sum(1 for _ in self._decoders())
        for held in range(PREFETCHED):
            for number, (decoder, own_models) in enumerate(ready):
                if waiting and len(decoder.items) == held and left[number]:
                    decoder.take(waiting.next(slots), own_models)
                    left[number] -= 1

    def _models(self, node: NodeWorkers) -> list[Any]:
        """Models for what is decoded on a node: its own, else those of all nodes that have some."""
        sources = vision_nodes(self._placed, node.node_id)
        return [model for source in sources if source in self._nodes for model in self._nodes[source].models]

    def _collect(self) -> None:
        """Wait for an answer, and take all that are there."""
        import ray

        by_reference = {
            reference: (node, decoder)
            for node in self._nodes.values()
            for decoder in node.decoders
            for reference in decoder.references
        }
        if not by_reference:
            time.sleep(LOOK_SECONDS)  # a cluster that is scaled to zero, or has lost its last node
            return
        done, rest = ray.wait(list(by_reference), num_returns=1, timeout=LOOK_SECONDS)
        done += ray.wait(rest, num_returns=len(rest), timeout=0)[0] if done and rest else []
        for reference in done:
            node, decoder = by_reference[reference]
            try:
                decoder.answered(reference, ray.get(reference))
            except ray.exceptions.RayError as error:
                log.warning("a decoder of node %s is gone: %s", node.node_id[:8], str(error).split("\n")[0])
                node.drop(decoder)
                self._last_error = error

    def _drop_held(self) -> None:
        """End decoders that still hold what an earlier pass was given up with."""
        for node in self._nodes.values():
            for decoder in [one for one in node.decoders if one.items]:
                node.drop(decoder)

    def _drop_abandoned(self) -> None:
        while not self._abandoned.empty():
            worker = self._abandoned.get()
            for node in self._nodes.values():
                for decoder in [one for one in node.decoders if one.worker == worker]:
                    node.drop(decoder)


def _shares(waiting: WorkQueue, decoders: Sequence[Decoder]) -> list[int]:
    """How many items each decoder may take: all it can hold, but at the end what it would end first."""
    if len(waiting) > END_CHUNKS * len(decoders):
        return [PREFETCHED] * len(decoders)
    pace, now_s = usual_pace([decoder.clock for decoder in decoders]), time.monotonic()
    loads = [decoder.clock.load(pace, now_s) for decoder in decoders]
    return shares(len(waiting), waiting.chunk_s, loads)
