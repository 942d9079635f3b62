"""The backend on Ray: the actors of a run, a Dataset for frames and a pool of actors for sound."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cluster.diagnosis import Shortage, shortage
from cluster.placement import Placement, place
from cluster.processes import end_process
from cluster.session import Session
from schemas.work.progress import Worker
from vaengine.backends.actor_group import RayActorGroup, run_context, start_actors
from vaengine.backends.audio_pool import blocks_at_once, run_audio_pool
from vaengine.backends.backend import ActorGroup, Errors, TrialWorkers
from vaengine.backends.capacity import Capacity, Outgrown
from vaengine.backends.dataset import Pass, run_pass
from vaengine.backends.ray_trials import RayTrialWorkers
from vaengine.backends.tenants import run_name
from vaengine.console.output import say
from vaengine.planning.backlog import RemainingWork
from vaengine.planning.plan import block_groups, demand_of, work_items
from vaengine.requests.request import RunRequest


class RayBackend:
    """Carries out a run on the Ray cluster that this process is connected to."""

    def __init__(self, request: RunRequest, session: Session, capacity: Capacity) -> None:
        self.request, self.session = request, session
        self._capacity, self._outgrown = capacity, Outgrown()
        self._placed = self.placement

    @property
    def placement(self) -> Placement:
        """What fits on the machines as they are now; raises `PlanInfeasible`."""
        demand = demand_of(self.request.pipelines, self.request.settings)
        return place(self._capacity.now(), demand)

    def is_outgrown(self) -> bool:
        """Whether nodes or other batches came or went, so that another placement is worth another pass."""
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
        """A Dataset where there are chunks, and the audio pool where there are blocks."""
        request, names = self.request, _on_ray(actor_group).names
        placement = self._placed = self.placement
        items = work_items(left.chunks.values(), request.settings.engine.chunk_seconds)
        groups = block_groups(left.all_blocks, blocks_at_once(placement))
        works: list[Callable[[], None]] = []
        if items:
            work = Pass(items, placement, names, request.settings)
            works.append(lambda: run_pass(work, given_up, verbose=request.verbose))
        if groups:
            works.append(lambda: run_audio_pool(groups, placement, names, request.settings, given_up))
        return works

    def trial_workers(self, actor_group: ActorGroup, most: int) -> TrialWorkers:
        """Actors for up to `most` attempts at once, no more than the pool size."""
        return RayTrialWorkers(
            self.placement, _on_ray(actor_group).names, self.request.settings, min(self.pool_size, most)
        )

    def end_worker(self, worker: Worker) -> None:
        """End the process of a Ray worker that hangs, on any node; nobody waits for one that is cut off."""
        ended = (self.session, worker.node_id, worker.pid)
        threading.Thread(target=end_process, args=ended, name="end-worker", daemon=True).start()

    def shortage(self) -> Shortage:
        """The resources of the cluster that work waits for at this moment."""
        return shortage()


def _on_ray(actor_group: ActorGroup) -> RayActorGroup:
    """The group as one on Ray."""
    if not isinstance(actor_group, RayActorGroup):
        raise TypeError(f"a run on Ray has its actor group there, not {actor_group!r}")
    return actor_group
