"""The backend on Ray: the actors of a run, a Dataset for frames and a pool of actors for sound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from actors.stages.stages import ActorNames
from cluster.autoscaling import PendingTasks, most_resources
from cluster.diagnosis import Shortage, shortage
from cluster.inventory import ray_nodes
from cluster.node_placement import place_nodes, whole
from cluster.placement import Placement, place
from cluster.processes import end_process
from cluster.session import Session
from schemas.work.progress import Worker
from vaengine.backends.actor_group import RayActorGroup, run_context, start_actors
from vaengine.backends.audio_pool import blocks_at_once, run_audio_pool
from vaengine.backends.backend import ActorGroup, Errors, TrialWorkers
from vaengine.backends.capacity import Capacity, Outgrown
from vaengine.backends.chunk_pool import ChunkPool
from vaengine.backends.dataset import Pass, run_pass
from vaengine.backends.ray_trials import RayTrialWorkers
from vaengine.backends.resource_requests import ResourceRequests
from vaengine.backends.tenants import run_name
from vaengine.console.output import say
from vaengine.planning.backlog import RemainingWork
from vaengine.planning.plan import block_groups, demand_of, work_items
from vaengine.planning.work_queue import WorkQueue
from vaengine.requests.executor_choice import OF_ITS_OWN
from vaengine.requests.request import RunRequest


class RayBackend:
    """Carries out a run on the Ray cluster that this process is connected to.

    Frames go through a Dataset; on somebody else's cluster they may go through a pool that follows its nodes.
    """

    def __init__(self, request: RunRequest, session: Session, capacity: Capacity) -> None:
        self.request, self.session = request, session
        self._demand = demand_of(request.pipelines, request.settings)
        self._capacity, self._outgrown = capacity, Outgrown()
        self._placed = self.placement
        self._pool: ChunkPool | None = None
        self._requests: ResourceRequests | None = None
        if capacity.now().cpus < 1:
            say("the cluster has no CPU at this moment: the run waits for nodes")

    @property
    def placement(self) -> Placement:
        """What fits on the machines as they are now; raises `PlanInfeasible`."""
        return place(self._capacity.now(), self._demand)

    def is_outgrown(self) -> bool:
        """Whether nodes or other batches came or went, so that another placement is worth another pass.

        The chunk pool follows them by itself.
        """
        if self._pool is not None:
            return False
        if is_outgrown := self._outgrown.look(self._placed, self.placement):
            say(f"the machines of the batch have changed: it goes on with {self._capacity.now()}")
        return is_outgrown

    @property
    def lost_actor_errors(self) -> Errors:
        """The error for an actor that Ray cannot restart."""
        import ray

        return (ray.exceptions.RayActorError,)

    @property
    def pool_size(self) -> int:
        """Number of actors with models in a pass, or of decode slots where there are none.

        An actor of the isolation pool both decodes and runs the models.
        """
        placement = self.placement
        return max(placement.vision_actors, placement.hearing_actors) or placement.decode_slots

    def start_actors(self, epoch: int) -> RayActorGroup:
        """Start the actors of a run, named after its batch and epoch."""
        return start_actors(
            run_name(self.request.batch_id or "", epoch), self.session, run_context(self.request, epoch)
        )

    def pass_works(
        self, left: RemainingWork, actor_group: ActorGroup, given_up: threading.Event
    ) -> list[Callable[[], None]]:
        """A Dataset or the chunk pool where there are chunks, and the audio pool where there are blocks."""
        request, names = self.request, _on_ray(actor_group).names
        self._placed = self.placement
        placement = self._audio_placement()
        groups = block_groups(left.all_blocks, blocks_at_once(placement))
        works = [self._chunk_work(left, names, given_up)] if left.chunks else []
        if groups:
            works.append(lambda: run_audio_pool(groups, placement, names, request.settings, given_up))
        return works

    def _chunk_work(
        self, left: RemainingWork, names: ActorNames, given_up: threading.Event
    ) -> Callable[[], None]:
        request, chunk_s = self.request, self.request.settings.engine.chunk_seconds
        if self._has_pool:
            waiting, pool = WorkQueue(left.chunks.values(), chunk_s), self._pool_of(names)
            return lambda: pool.run(waiting, given_up)
        if self._is_on_cluster:
            nodes, slots = ray_nodes(), self._placed.decode_slots
            self._resource_requests().follow(len(left.all_chunks), slots, slots, nodes, time.monotonic())
        work = Pass(work_items(left.chunks.values(), chunk_s), self._placed, names, request.settings)
        return lambda: run_pass(work, given_up, verbose=request.verbose)

    def trial_workers(self, actor_group: ActorGroup, most: int) -> TrialWorkers:
        """Actors for up to `most` attempts at once, no more than the pool size.

        They take the place of the chunk pool.
        """
        self._end_pool()
        return RayTrialWorkers(
            self.placement, _on_ray(actor_group).names, self.request.settings, min(self.pool_size, most)
        )

    def end_worker(self, worker: Worker) -> None:
        """End the process of a Ray worker that hangs, on any node; nobody waits for one that is cut off."""
        if self._pool is not None:
            self._pool.abandon(worker)
        ended = (self.session, worker.node_id, worker.pid)
        threading.Thread(target=end_process, args=ended, name="end-worker", daemon=True).start()

    def shortage(self) -> Shortage:
        """The resources of the cluster that work waits for at this moment."""
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
        """Beside the chunk pool, audio actors request what is left of each node; no more than the share."""
        placed = place_nodes(ray_nodes(), self._demand) if self._has_pool else ()
        if not placed:
            return self._placed
        share = min(whole(placed).hearing_actors, self._placed.hearing_actors)
        return replace(whole(placed), hearing_actors=share)

    def _pool_of(self, names: ActorNames) -> ChunkPool:
        """The pool of these actors; one of earlier actors ends."""
        if self._pool is None or self._pool.names != names:
            self._end_pool()
            requests = self._resource_requests()
            self._pool = ChunkPool(
                names,
                self.request.settings,
                self._demand,
                requests,
                slots=lambda: self.placement.decode_slots,
            )
        return self._pool

    def _end_pool(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _resource_requests(self) -> ResourceRequests:
        if self._requests is None:
            engine, uses_gpu = self.request.settings.engine, self._demand.uses_gpu
            self._requests = ResourceRequests(
                most_resources(), engine, uses_gpu=uses_gpu, wait_for=PendingTasks().wait_for
            )
        return self._requests


def _on_ray(actor_group: ActorGroup) -> RayActorGroup:
    """The group as one on Ray."""
    if not isinstance(actor_group, RayActorGroup):
        raise TypeError(f"a run on Ray has its actor group there, not {actor_group!r}")
    return actor_group
