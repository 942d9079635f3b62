"""The actors of a run on Ray: a store, a coordinator and finalizers, which find each other by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from actors.coordination.answer import answer, ask, asking
from actors.coordination.coordinator import Coordinator, RunStatus
from actors.coordination.coordinator_link import CoordinatorLink
from actors.coordination.store_client import StoreActor, store_client
from actors.finalize.finalizer import Finalizer
from actors.finalize.stored_persons import are_alone, job_with
from actors.stages.stages import ActorNames
from cluster.node_placement import store_actors
from cluster.session import Session
from schemas.annotations.annotation import job_id_for
from schemas.settings.settings import Settings, config_hash
from schemas.storage.backend import ResultStore, StorageBackend
from schemas.work.attempt import Attempt, Token
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.messages import ChunkFailure
from schemas.work.progress import Finished, PlannedVideo, Snapshot, Worker
from schemas.work.retry import RetryPolicy
from vaengine.backends.backend import Errors
from vaengine.backends.tenants import TenantRecord, tenant_of, to_record
from vaengine.planning.backlog import RemainingWork
from vaengine.requests.request import RunRequest

MAX_CACHED_JOBS: Final = 10_000
TICK_SECONDS: Final = 0.25  # between two ticks of the run loop while it waits
# A finalizer keeps up with far more than 16 decode slots: its one thread commits about 100 chunks a second.
CPUS_PER_FINALIZER: Final = 16
# At once: `drain` waits beside `take`, either perhaps asked again, and `fence` beside both.
FINALIZER_CALLS: Final = 8


class CoordinatorClient:
    """The coordinator for callers of its Ray actor: an event is sent without waiting, a question is answered.

    A lost event costs a figure on the display, never a result. `require` is that of
    `actors.coordination.answer`.
    """

    def __init__(self, actor: Any, require: Callable[[], None] | None = None) -> None:
        self._actor, self._require = actor, require

    def planned(self, videos: Sequence[PlannedVideo]) -> None:
        self._actor.planned.remote(videos)

    def planned_before(self, keys: Sequence[WorkKey]) -> None:
        self._actor.planned_before.remote(keys)

    def videos_without_work(self, *, skipped: int = 0, failures: Sequence[str] = ()) -> None:
        self._actor.videos_without_work.remote(skipped=skipped, failures=failures)

    def probing_done(self) -> None:
        self._actor.probing_done.remote()

    def pause(self, *, paused: bool) -> None:
        self._actor.pause.remote(paused=paused)

    def hold(self, video_ids: Sequence[str]) -> None:
        self._actor.hold.remote(video_ids)

    def idle(self, worker: Worker) -> None:
        self._actor.idle.remote(worker)

    def left(self, chunk_id: str, failure: ChunkFailure | None = None) -> None:
        self._actor.left.remote(chunk_id, failure)

    def committed(self, spec: ChunkSpec) -> None:
        self._actor.committed.remote(spec)

    def block_committed(self, block: AudioBlock) -> None:
        self._actor.block_committed.remote(block)

    def finished(self, finished: Finished) -> None:
        self._actor.finished.remote(finished)

    def stop(self) -> None:
        self._actor.stop.remote()

    def halt(self, reason: str) -> None:
        self._actor.halt.remote(reason)

    def take_from(self, worker: Worker, reason: str) -> tuple[Token, ...]:
        taken: tuple[Token, ...] = answer(self._actor.take_from.remote(worker, reason), self._require)
        return taken

    def status(self) -> RunStatus:
        status: RunStatus = answer(self._actor.status.remote(), self._require)
        return status

    def batch(self) -> tuple[list[Attempt], Snapshot]:
        batch: tuple[list[Attempt], Snapshot] = answer(self._actor.batch.remote(), self._require)
        return batch

    def starts(self) -> Mapping[WorkKey, datetime]:
        starts: Mapping[WorkKey, datetime] = answer(self._actor.starts.remote(), self._require)
        return starts


class CoordinatorActor(Coordinator):
    """A coordinator that continues from the progress in the store when Ray restarts it."""

    def __init__(self, names: ActorNames, work: RunContext) -> None:
        import ray

        progress = store_client(ray.get_actor(names.store), work.url).progress(work.epoch)
        self._work = work
        super().__init__(
            work.settings.recovery.alone_seconds,
            worker_silent_s=work.settings.engine.worker_silent_seconds,
            known=Snapshot.from_json(progress) if progress else None,
        )

    def tenant(self) -> TenantRecord:
        """The batch of this run, as others on the cluster see it."""
        return to_record(tenant_of(self._work.batch_id, self._work.settings.engine))


class FinalizerActor(Finalizer):
    """A finalizer that finds the store and the coordinator of its run by name, at every start."""

    def __init__(self, names: ActorNames, work: RunContext, number: int) -> None:
        import ray

        store = store_client(ray.get_actor(names.store_of(number)), work.url)
        coordinator = CoordinatorClient(ray.get_actor(names.coordinator))
        job_of = job_finder(store, work.settings, work.pipelines)
        super().__init__(
            store,
            coordinator,
            work.epoch,
            work.settings,
            job_of,
            keep_runs=work.keep_runs,
            keep_complete=work.keep_complete,
        )


@dataclass(frozen=True, slots=True)
class RunContext:
    """The store, the epoch and the settings that the actors of a run work with."""

    batch_id: str
    url: str
    epoch: int
    settings: Settings
    pipelines: tuple[str, ...]
    keep_runs: bool
    keep_complete: bool


def run_context(request: RunRequest, epoch: int) -> RunContext:
    """The context of a request's run under an epoch."""
    return RunContext(
        request.batch_id or "",
        request.store_url,
        epoch,
        request.settings,
        tuple(request.pipelines),
        keep_runs=request.keep_runs,
        keep_complete=not request.replace,
    )


def job_finder(store: ResultStore, settings: Settings, pipelines: Sequence[str]) -> Callable[[WorkKey], str]:
    """A function that computes the job id of a work key.

    A restarted actor needs no message for it. A run of faces alone reads the store: its configuration hash
    depends on the stored persons of the video.
    """
    if are_alone(pipelines, settings):
        return functools.lru_cache(MAX_CACHED_JOBS)(lambda key: job_with(store, key, pipelines))
    hashes = {pipeline: config_hash(settings, pipeline) for pipeline in pipelines}
    return lambda key: job_id_for(key.video_id, hashes)


@dataclass(frozen=True, slots=True)
class RayActorGroup:
    """Handles of a run's actors on Ray."""

    names: ActorNames
    store: StorageBackend
    coordinator: CoordinatorLink
    finalizers: tuple[Any, ...]
    actors: tuple[Any, ...]  # store, coordinator and finalizers
    session: Session
    _pings: list[Any] = field(default_factory=list)  # references to answers that have not come yet

    @property
    def unavailable_errors(self) -> Errors:
        """Any error of Ray."""
        import ray

        return (ray.exceptions.RayError,)

    def finish(self, keys: Sequence[WorkKey]) -> None:
        """Have the finalizers finish these keys from stored numbers."""
        ask(
            lambda: [
                self.finalizers[self.names.finalizer_number(key.video_id)].finish.remote(key) for key in keys
            ],
            self.session.require_node,
        )

    def forget(self, keys: Sequence[WorkKey]) -> None:
        """Let these keys, which had ended, be finished once more."""
        ask(
            lambda: [finalizer.forget.remote(list(keys)) for finalizer in self.finalizers],
            self.session.require_node,
        )

    def fence(self, tokens: Sequence[Token]) -> None:
        """Have the finalizers refuse what still comes from these attempts.

        Nobody waits for it: the store refuses such a commit once the chunk is tried again.
        """
        for finalizer in self.finalizers:
            finalizer.fence.remote(list(tokens))

    def drain(self) -> Iterator[None]:
        """Yield every `TICK_SECONDS` until the finalizers are done with all they were given so far."""
        yield from asking(lambda: [finalizer.drain.remote() for finalizer in self.finalizers], TICK_SECONDS)

    def require_alive(self) -> None:
        """Raise Ray's `RayActorError` if an actor is gone for good. Waits for no actor.

        Otherwise the loss of a store would be noticed at the end of the pass only, and everything decoded
        until then would be lost.
        """
        import ray

        answered, waiting = (
            ray.wait(self._pings, num_returns=len(self._pings), timeout=0) if self._pings else ([], [])
        )
        ray.get(answered)
        self._pings[:] = waiting or [actor.ping.remote() for actor in self.actors]

    def stop(self) -> None:
        """End the actors, which would otherwise stay on a cluster that goes on running."""
        import ray

        if self.session.has_node:
            for actor in self.actors:
                ray.kill(actor)


def start_actors(run: str, session: Session, work: RunContext) -> RayActorGroup:
    """Start the actors of a run.

    All have `num_cpus=0`: a coordinator that requires a CPU can deadlock a small machine. Ray restarts an
    actor that dies and repeats its calls, so every call may be made twice. Chunks that a finalizer held in
    memory are decoded again. The store stays on this machine, where its files are, and so does the
    coordinator: no network lies between it and the driver. Finalizers, and further stores that write to a
    database server, run on any node, and on another one when theirs is lost.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(session.node_id, soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
    count = max(1, int(session.inventory.cpus // CPUS_PER_FINALIZER))
    names = ActorNames(run, count, store_actors(count, is_server=work.url.startswith("postgresql:")))
    policy = RetryPolicy.of(work.settings.recovery)
    store, *more_stores = (
        ray.remote(StoreActor)
        .options(name=names.store_of(number), scheduling_strategy="SPREAD" if number else here, **options)
        .remote(work.url, policy)
        for number in range(names.stores)
    )
    coordinator = (
        ray.remote(CoordinatorActor)
        .options(name=names.coordinator, scheduling_strategy=here, **options)
        .remote(names, work)
    )
    spread = {"max_concurrency": FINALIZER_CALLS, "scheduling_strategy": "SPREAD", **options}
    finalizers = tuple(
        ray.remote(FinalizerActor).options(name=names.finalizer(number), **spread).remote(names, work, number)
        for number in range(names.finalizers)
    )
    return RayActorGroup(
        names,
        store_client(store, work.url, session.require_node),
        CoordinatorClient(coordinator, session.require_node),
        finalizers,
        (store, coordinator, *finalizers, *more_stores),
        session,
    )


def planned_video(video_id: str, left: RemainingWork) -> PlannedVideo:
    """The remaining work of a video, for the display.

    It counts frames for a key of a vision pipeline, whole seconds for an audio key, and 0 for a key that is
    only to be finished.
    """
    chunks, blocks = left.chunks.get(video_id, ()), left.blocks.get(video_id, ())
    units: dict[WorkKey, int] = {key: 0 for key in left.to_finish if key.video_id == video_id}
    for key, count in (
        *((key, chunk.frame_count) for chunk in chunks for key in chunk.keys),
        *((block.key, block.whole_seconds) for block in blocks),
    ):
        units[key] = units.get(key, 0) + count
    return PlannedVideo(
        video_id,
        units,
        decoded=sum(chunk.frame_count for chunk in chunks),
        video_s=sum(chunk.duration_s for chunk in chunks),
        sound_s=sum(block.duration_s for block in blocks),
    )
