"""A run on Ray: its actors as Ray actors, frames as a Dataset, sound in a pool of actors beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from actors.stages.stages import ActorNames
from cluster.autoscaling import most_resources
from cluster.diagnosis import Shortage, shortage
from cluster.inventory import ray_nodes
from cluster.node_placement import place_nodes, whole
from cluster.placement import Placement
from cluster.processes import end_process
from cluster.session import Session
from schemas.work.progress import Worker
from vaengine.backends.actor_group import RayActorGroup, run_context, start_actors
from vaengine.backends.audio_pool import blocks_at_once, run_audio_pool
from vaengine.backends.backend import ActorGroup, Errors, TrialWorkers
from vaengine.backends.chunk_pool import ChunkPool
from vaengine.backends.dataset import Pass, run_pass
from vaengine.backends.ray_trials import RayTrialWorkers
from vaengine.backends.resource_requests import ResourceRequests
from vaengine.planning.backlog import RemainingWork
from vaengine.planning.plan import block_groups, demand_of, work_items
from vaengine.planning.work_queue import WorkQueue
from vaengine.requests.executor_choice import OF_ITS_OWN
from vaengine.requests.request import RunRequest


class RayBackend:
    """Carries out a run on the Ray that this process is connected to.

    Pictures are a Dataset; on somebody else's cluster they may be a pool that follows its nodes.
    """

    def __init__(self, request: RunRequest, session: Session, placement: Placement) -> None:
        self.request, self.session, self.placement = request, session, placement
        self._demand = demand_of(request.pipelines, request.settings)
        self._pool: ChunkPool | None = None
        self._requests: ResourceRequests | None = None

    @property
    def actors_lost(self) -> Errors:
        """An actor that Ray cannot start again."""
        import ray

        return (ray.exceptions.RayActorError,)

    @property
    def pool_size(self) -> int:
        """As many as there would be models at work; beside nothing else, decoding and models share an
        actor.
        """
        place = self.placement
        return max(place.vision_actors, place.hearing_actors) or place.decode_slots

    def start_actors(self, epoch: int) -> RayActorGroup:
        """Start the actors of a run."""
        return start_actors(
            f"vaengine-{self.request.batch_id}-{epoch}", self.session, run_context(self.request, epoch)
        )

    def pass_works(
        self, left: RemainingWork, actor_group: ActorGroup, given_up: threading.Event
    ) -> list[Callable[[], None]]:
        """The Dataset or the pool of chunks where there are some, the pool of blocks where there are some."""
        request, place, names = self.request, self._audio_placement(), _on_ray(actor_group).names
        groups = block_groups(left.all_blocks, blocks_at_once(place))
        works = [self._chunk_work(left, names, given_up)] if left.chunks else []
        if groups:
            works.append(lambda: run_audio_pool(groups, place, names, request.settings, given_up))
        return works

    def _chunk_work(
        self, left: RemainingWork, names: ActorNames, given_up: threading.Event
    ) -> Callable[[], None]:
        request, chunk_s = self.request, self.request.settings.engine.chunk_seconds
        if self._has_pool:
            waiting, pool = WorkQueue(left.chunks.values(), chunk_s), self._pool_of(names)
            return lambda: pool.run(waiting, given_up)
        if self._is_on_cluster:
            nodes, slots = ray_nodes(), self.placement.decode_slots
            self._resource_requests().follow(len(left.all_chunks), slots, slots, nodes, time.monotonic())
        work = Pass(work_items(left.chunks.values(), chunk_s), self.placement, names, request.settings)
        return lambda: run_pass(work, given_up, verbose=request.verbose)

    def trial_workers(self, actor_group: ActorGroup, most: int) -> TrialWorkers:
        """Actors for up to `most` attempts at once; they take the place of the pool."""
        self._end_pool()
        return RayTrialWorkers(
            self.placement, _on_ray(actor_group).names, self.request.settings, min(self.pool_size, most)
        )

    def end_worker(self, worker: Worker) -> None:
        """End a Ray worker that hangs, wherever it is; nobody waits for what it holds."""
        if self._pool is not None:
            self._pool.abandon(worker)
        end_process(self.session, worker.node_id, worker.pid)

    def shortage(self) -> Shortage:
        """Who waits for which resources of the cluster."""
        return shortage()

    def close(self) -> None:
        """End the pool, and release what was requested from an autoscaler."""
        self._end_pool()
        if self._requests is not None:
            self._requests.release()

    @property
    def _is_on_cluster(self) -> bool:
        """Whether the Ray is somebody else's; one of the run's own has one node, and no autoscaler."""
        return self.request.cluster not in OF_ITS_OWN

    @property
    def _has_pool(self) -> bool:
        """Whether workers pull chunks."""
        return self._is_on_cluster and self.request.settings.engine.scheduler == "pool"

    def _audio_placement(self) -> Placement:
        """Beside a pool listeners request what is left of each node."""
        placed = place_nodes(ray_nodes(), self._demand) if self._has_pool else ()
        return whole(placed) if placed else self.placement

    def _pool_of(self, names: ActorNames) -> ChunkPool:
        """The pool of these actors; one of earlier actors ends."""
        if self._pool is None or self._pool.names != names:
            self._end_pool()
            requests = self._resource_requests()
            self._pool = ChunkPool(names, self.request.settings, self._demand, requests)
        return self._pool

    def _end_pool(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _resource_requests(self) -> ResourceRequests:
        if self._requests is None:
            engine, uses_gpu = self.request.settings.engine, self._demand.uses_gpu
            self._requests = ResourceRequests(most_resources(), engine, uses_gpu=uses_gpu)
        return self._requests


def _on_ray(actor_group: ActorGroup) -> RayActorGroup:
    if not isinstance(actor_group, RayActorGroup):
        raise TypeError(f"a run on Ray has its actor group there, not {actor_group!r}")
    return actor_group
