"""The backend on Ray: the actors of a run, a Dataset for frames and a pool of actors for sound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from cluster.diagnosis import Shortage, shortage
from cluster.placement import Placement
from cluster.processes import end_process
from cluster.session import Session
from schemas.work.progress import Worker
from vaengine.backends.actor_group import RayActorGroup, run_context, start_actors
from vaengine.backends.audio_pool import blocks_at_once, run_audio_pool
from vaengine.backends.backend import ActorGroup, Errors, TrialWorkers
from vaengine.backends.dataset import Pass, run_pass
from vaengine.backends.ray_trials import RayTrialWorkers
from vaengine.planning.backlog import RemainingWork
from vaengine.planning.plan import block_groups, work_items
from vaengine.requests.request import RunRequest


@dataclass(frozen=True, slots=True)
class RayBackend:
    """Carries out a run on the Ray cluster that this process is connected to."""

    request: RunRequest
    session: Session
    placement: Placement

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
            f"vaengine-{self.request.batch_id}-{epoch}", self.session, run_context(self.request, epoch)
        )

    def pass_works(
        self, left: RemainingWork, actor_group: ActorGroup, given_up: threading.Event
    ) -> list[Callable[[], None]]:
        """A Dataset where there are chunks, and the audio pool where there are blocks."""
        request, placement, names = self.request, self.placement, _on_ray(actor_group).names
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
        """End the process of a Ray worker that hangs, on any node."""
        end_process(self.session, worker.node_id, worker.pid)

    def shortage(self) -> Shortage:
        """The resources of the cluster that work waits for at this moment."""
        return shortage()


def _on_ray(actor_group: ActorGroup) -> RayActorGroup:
    """The group as one on Ray."""
    if not isinstance(actor_group, RayActorGroup):
        raise TypeError(f"a run on Ray has its actor group there, not {actor_group!r}")
    return actor_group
