"""The backend without Ray: coordinator, finalizer and store in this process, chunks in child processes."""

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
from schemas.pipelines import AUDIO, PERSON
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

NONE_GONE: Final[Errors] = ()  # what lives in this process is not gone before it


@dataclass(frozen=True, slots=True)
class LocalActorGroup:
    """A run's coordinator, its one finalizer and its store in this process."""

    store: StorageBackend
    coordinator: CoordinatorLink
    finalizer: Finalizer
    connect: Callable[[Worker], StageLinks]
    _store_call: ThreadCall = field(repr=False)

    @property
    def gone(self) -> Errors:
        return NONE_GONE

    def finish(self, keys: Sequence[WorkKey]) -> None:
        """Have these keys finished from stored numbers."""
        for key in keys:
            self.finalizer.finish(key)

    def forget(self, keys: Sequence[WorkKey]) -> None:
        """These keys ended and are asked for again."""
        self.finalizer.forget(keys)

    def fence(self, tokens: Sequence[Token]) -> None:
        """Have the finalizer refuse what still comes from these attempts."""
        self.finalizer.fence(tokens)

    def drain(self) -> Iterator[None]:
        """Yield every `TICK_SECONDS` until everything handed to the finalizer so far is done."""
        done = self.finalizer.drained()
        while not done.wait(TICK_SECONDS):
            yield

    def require_alive(self) -> None:
        """Nothing: what lives in this process is there."""

    def dismiss(self) -> None:
        """End the finalizer's thread and close the store."""
        self.finalizer.close()
        self._store_call.close()


class LocalProcesses:
    """The child processes of a run without Ray.

    The first is started when the pool is asked for or warmed up.
    """

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        self._workers: LocalWorkers | None = None

    def workers(self) -> LocalWorkers:
        """The pool, which is made when it is first asked for; raises `PlanInfeasible`."""
        if self._workers is None:
            here, request = local_inventory(), self._request
            placement = place(here, demand_of(request.pipelines, request.settings))
            self._workers = LocalWorkers(request.settings, worker_count(placement, here.cpus))
        return self._workers

    def warm_up(self) -> None:
        """Start as many processes as there will be work for: for the parts of each video, and for its
        sound.
        """
        request = self._request
        pictures = parts_of_each(request) if any(pipeline != AUDIO for pipeline in request.pipelines) else 0
        self.workers().warm_up(len(request.inputs) * (pictures + (AUDIO in request.pipelines)))

    def close(self) -> None:
        """End the processes."""
        if self._workers is not None:
            self._workers.close()


class LocalBackend:
    """Carries out a run in this process and up to one child process for each chunk in work."""

    def __init__(self, request: RunRequest, processes: LocalProcesses) -> None:
        self.request = request
        self.session = Session(local_inventory(), started=False, node_id="")
        self._workers = processes.workers()

    @property
    def actors_lost(self) -> Errors:
        """Nothing is lost but with this process."""
        return NONE_GONE

    @property
    def pool_size(self) -> int:
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
        """One thread that hands chunks and blocks to the workers, in turns."""
        local, works = _in_process(actor_group), ordered(left, self.request.settings.engine.chunk_seconds)
        if not works:
            return []
        return [lambda: run_local_pass(works, self._workers, local.connect, local.coordinator, given_up)]

    def trial_workers(self, actor_group: ActorGroup, most: int) -> TrialWorkers:
        """Workers for up to `most` attempts at once."""
        return LocalTrialWorkers(self._workers, _in_process(actor_group).connect, most)

    def end_worker(self, worker: Worker) -> None:
        """Nothing: a thread here ends its own child process once that is silent for too long."""

    def shortage(self) -> Shortage:
        """The processors of this machine, all of which the run may use."""
        return Shortage({"CPU": self.session.inventory.cpus}, {"CPU": self.session.inventory.cpus})


def worker_count(placement: Placement, cpus: float) -> int:
    """As many as chunks may be in work at once, at most one for each processor: a child computes on one
    thread.
    """
    return max(1, min(placement.decode_slots, math.floor(cpus)))


def ordered(left: RemainingWork, chunk_s: float) -> list[Work]:
    """Chunks as they are begun, and a block of sound after each, so that both end about together."""
    chunks = [chunk for item in work_items(left.chunks.values(), chunk_s) for chunk in item.chunks]
    pairs = zip_longest(chunks, left.all_blocks)
    return [work for pair in pairs for work in pair if work is not None]


def _actor_group(work: RunContext) -> LocalActorGroup:
    call = ThreadCall(work.url, RetryPolicy.of(work.settings.recovery))
    store = StoreClient(call, work.url)
    told = store.progress(work.epoch)
    coordinator = Coordinator(
        work.settings.recovery.alone_seconds, known=Snapshot.from_json(told) if told else None
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
        store, coordinator, finalizer, lambda worker: DirectLinks(coordinator, finalizer, worker), call
    )


def _warm_up(pipelines: Sequence[str]) -> None:
    """Import what the finalizer needs while the first chunks are in work: a second, and two more for
    tracks.
    """
    importlib.import_module("actors.finalize.person_rows")
    if PERSON in pipelines:
        warm_up()


def _in_process(actor_group: ActorGroup) -> LocalActorGroup:
    if not isinstance(actor_group, LocalActorGroup):
        raise TypeError(f"a run in this process has its actor group here, not {actor_group!r}")
    return actor_group
