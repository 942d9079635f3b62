"""The backend without Ray: coordinator, finalizer and store in this process, work in child processes."""

from __future__ import annotations

import importlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

from actors.coordination.coordinator import Coordinator
from actors.coordination.coordinator_link import CoordinatorLink
from actors.coordination.links import DirectLinks, StageLinks
from actors.coordination.store_client import StoreClient, ThreadCall
from actors.finalize.finalizer import Finalizer
from actors.persons.tracking import warm_up
from cluster.diagnosis import Shortage
from cluster.inventory import local_inventory
from cluster.placement import Placement, place
from cluster.session import Session
from schemas.pipelines import AUDIO, PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import Token
from schemas.work.chunk import WorkKey
from schemas.work.progress import Snapshot, Worker
from schemas.work.retry import RetryPolicy
from vaengine.backends.actor_group import TICK_SECONDS, RunContext, job_finder, run_context
from vaengine.backends.backend import ActorGroup, Errors, TrialWorkers
from vaengine.backends.local_workers import LocalTrialWorkers, LocalWorkers, run_local_pass
from vaengine.planning.backlog import RemainingWork
from vaengine.planning.local_plan import parts_of_each
from vaengine.planning.plan import demand_of, work_items
from vaengine.planning.suspects import Work
from vaengine.requests.request import RunRequest

NO_ERRORS: Final[Errors] = ()  # actors in this process cannot be gone while it runs


@dataclass(frozen=True, slots=True)
class LocalActorGroup:
    """The coordinator, the one finalizer and the store of a run in this process."""

    store: StorageBackend
    coordinator: CoordinatorLink
    finalizer: Finalizer
    connect: Callable[[Worker], StageLinks]
    _store_call: ThreadCall = field(repr=False)

    @property
    def unavailable_errors(self) -> Errors:
        """None: the actors are in this process."""
        return NO_ERRORS

    def finish(self, keys: Sequence[WorkKey]) -> None:
        """Have the finalizer finish these keys from stored numbers."""
        for key in keys:
            self.finalizer.finish(key)

    def forget(self, keys: Sequence[WorkKey]) -> None:
        """Let these keys, which had ended, be finished once more."""
        self.finalizer.forget(keys)

    def fence(self, tokens: Sequence[Token]) -> None:
        """Have the finalizer refuse what still comes from these attempts."""
        self.finalizer.fence(tokens)

    def drain(self) -> Iterator[None]:
        """Yield every `TICK_SECONDS` until the finalizer is done with all it was given so far."""
        done = self.finalizer.drained()
        while not done.wait(TICK_SECONDS):
            yield

    def require_alive(self) -> None:
        """Do nothing: the actors are in this process."""

    def stop(self) -> None:
        """End the finalizer's thread and close the store."""
        self.finalizer.close()
        self._store_call.close()


class LocalProcesses:
    """The child processes of a run without Ray, started when they are first needed."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        self._workers: LocalWorkers | None = None

    def workers(self) -> LocalWorkers:
        """The pool of workers, made at the first call; raises `PlanInfeasible`."""
        if self._workers is None:
            here, request = local_inventory(), self._request
            placement = place(here, demand_of(request.pipelines, request.settings))
            self._workers = LocalWorkers(request.settings, worker_count(placement, here.cpus))
        return self._workers

    def warm_up(self) -> None:
        """Start one process for each part of a video and one for its sound, at most the size of the pool."""
        request = self._request
        has_vision = any(pipeline != AUDIO for pipeline in request.pipelines)
        parts_per_video = (parts_of_each(request) if has_vision else 0) + (AUDIO in request.pipelines)
        self.workers().warm_up(len(request.inputs) * parts_per_video)

    def close(self) -> None:
        """End the processes."""
        if self._workers is not None:
            self._workers.close()


class LocalBackend:
    """Carries out a run in this process and a child process for each chunk that is tried at once."""

    def __init__(self, request: RunRequest, processes: LocalProcesses) -> None:
        self.request = request
        self.session = Session(local_inventory(), started=False, node_id="")
        self._workers = processes.workers()

    @property
    def lost_actor_errors(self) -> Errors:
        """None: the actors end with this process."""
        return NO_ERRORS

    @property
    def pool_size(self) -> int:
        """Number of workers."""
        return self._workers.number

    def start_actors(self, epoch: int) -> LocalActorGroup:
        """Open the store and make the actors of a run."""
        return _actor_group(run_context(self.request, epoch))

    def is_outgrown(self) -> bool:
        """Never: this machine stays as it is."""
        return False

    def pass_works(
        self, left: RemainingWork, actor_group: ActorGroup, given_up: threading.Event
    ) -> list[Callable[[], None]]:
        """One function that hands chunks and blocks to the workers; none where nothing is left."""
        local, work = _in_process(actor_group), ordered(left, self.request.settings.engine.chunk_seconds)
        if not work:
            return []
        return [lambda: run_local_pass(work, self._workers, local.connect, local.coordinator, given_up)]

    def trial_workers(self, actor_group: ActorGroup, most: int) -> TrialWorkers:
        """Workers for up to `most` attempts at once."""
        return LocalTrialWorkers(self._workers, _in_process(actor_group).connect, most)

    def end_worker(self, worker: Worker) -> None:
        """Do nothing: each thread ends its own child process when that is silent for too long."""

    def shortage(self) -> Shortage:
        """The processors of this machine, all of them free for the run."""
        return Shortage({"CPU": self.session.inventory.cpus}, {"CPU": self.session.inventory.cpus})


def worker_count(placement: Placement, cpus: float) -> int:
    """Number of workers: one for each decode slot, at most one for each processor.

    A child process computes on one thread.
    """
    return max(1, min(placement.decode_slots, math.floor(cpus)))


def ordered(left: RemainingWork, chunk_s: float) -> list[Work]:
    """Chunks and blocks of sound in turns, in the order in which they are begun.

    Both kinds then end at about the same time.
    """
    chunks = [chunk for item in work_items(left.chunks.values(), chunk_s) for chunk in item.chunks]
    pairs = zip_longest(chunks, left.all_blocks)
    return [work for pair in pairs for work in pair if work is not None]


def _actor_group(work: RunContext) -> LocalActorGroup:
    store_call = ThreadCall(work.url, RetryPolicy.of(work.settings.recovery))
    store = StoreClient(store_call, work.url)
    progress = store.progress(work.epoch)
    coordinator = Coordinator(
        work.settings.recovery.alone_seconds, known=Snapshot.from_json(progress) if progress else None
    )
    finalizer = Finalizer(
        store,
        coordinator,
        work.epoch,
        work.settings,
        job_finder(store, work.settings, work.pipelines),
        keep_runs=work.keep_runs,
        keep_complete=work.keep_complete,
    )
    threading.Thread(target=_warm_up, args=(work.pipelines,), daemon=True).start()
    return LocalActorGroup(
        store, coordinator, finalizer, lambda worker: DirectLinks(coordinator, finalizer, worker), store_call
    )


def _warm_up(pipelines: Sequence[str]) -> None:
    """Import the finalizer's libraries while the first chunks are in work.

    It takes half a second, as much again for scenes and two more for tracks.
    """
    importlib.import_module("actors.finalize.person_rows")
    if not {SCENE, PERSON}.isdisjoint(pipelines):
        importlib.import_module("actors.vision.scene_scores")
    if PERSON in pipelines:
        warm_up()


def _in_process(actor_group: ActorGroup) -> LocalActorGroup:
    """The group as one of this process."""
    if not isinstance(actor_group, LocalActorGroup):
        raise TypeError(f"a run in this process has its actor group here, not {actor_group!r}")
    return actor_group
