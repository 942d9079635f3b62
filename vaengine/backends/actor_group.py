"""The actors of a run: a store, a coordinator and finalizers, started first and found by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from actors.coordination.answer import answer
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
from schemas.work.attempt import Attempt
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.messages import ChunkFailure
from schemas.work.progress import Finished, PlannedVideo, Snapshot, Worker
from schemas.work.retry import RetryPolicy
from vaengine.backends.backend import Errors
from vaengine.planning.backlog import RemainingWork
from vaengine.requests.request import RunRequest

JOBS_REMEMBERED: Final = 10_000
TICK_SECONDS: Final = 0.25  # from one look at what is waited for to the next
# decode slots one finalizer keeps up with many times over; one thread commits about 100 chunks a second
CPUS_PER_FINALIZER: Final = 16


class CoordinatorClient:
    """The coordinator as a Ray actor's callers see it: events are sent and forgotten, questions are answered.

    Nobody waits for an event: losing one costs a figure on the display, never a result. `require` as in
    `actors.coordination.answer`.
    """

    def __init__(self, actor: Any, require: Callable[[], None] | None = None) -> None:
        self._actor, self._require = actor, require

    def planned(self, videos: Sequence[PlannedVideo]) -> None:
        self._actor.planned.remote(videos)

    def planned_before(self, keys: Sequence[WorkKey]) -> None:
        self._actor.planned_before.remote(keys)

    def settled(self, *, skipped: int = 0, failures: Sequence[str] = ()) -> None:
        self._actor.settled.remote(skipped=skipped, failures=failures)

    def probing_done(self) -> None:
        self._actor.probing_done.remote()

    def hold(self, video_ids: Sequence[str]) -> None:
        self._actor.hold.remote(video_ids)

    def idle(self, worker: Worker) -> None:
        self._actor.idle.remote(worker)

    def left(self, chunk_id: str, failure: ChunkFailure | None = None) -> None:
        self._actor.left.remote(chunk_id, failure)

    def committed(self, spec: ChunkSpec) -> None:
        self._actor.committed.remote(spec)

    def heard(self, block: AudioBlock) -> None:
        self._actor.heard.remote(block)

    def finished(self, finished: Finished) -> None:
        self._actor.finished.remote(finished)

    def stop(self) -> None:
        self._actor.stop.remote()

    def halt(self, reason: str) -> None:
        self._actor.halt.remote(reason)

    def standing(self) -> RunStatus:
        found: RunStatus = answer(self._actor.standing.remote(), self._require)
        return found

    def batch(self) -> tuple[list[Attempt], Snapshot]:
        found: tuple[list[Attempt], Snapshot] = answer(self._actor.batch.remote(), self._require)
        return found

    def starts(self) -> Mapping[WorkKey, datetime]:
        found: Mapping[WorkKey, datetime] = answer(self._actor.starts.remote(), self._require)
        return found


class CoordinatorActor(Coordinator):
    """A coordinator that goes on from what was recorded of it when Ray starts it anew."""

    def __init__(self, names: ActorNames, url: str, epoch: int, silent_s: float) -> None:
        import ray

        told = store_client(ray.get_actor(names.store), url).progress(epoch)
        super().__init__(silent_s, known=Snapshot.from_json(told) if told else None)


class FinalizerActor(Finalizer):
    """A finalizer that finds the store and the coordinator of its run by name, at its first start as at
    any other.
    """

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
    """What the actors of a run work on."""

    url: str
    epoch: int
    settings: Settings
    pipelines: tuple[str, ...]
    keep_runs: bool
    keep_complete: bool


def run_context(request: RunRequest, epoch: int) -> RunContext:
    """What the actors of a run work on."""
    return RunContext(
        request.store_url,
        epoch,
        request.settings,
        tuple(request.pipelines),
        keep_runs=request.keep_runs,
        keep_complete=not request.replace,
    )


def job_finder(store: ResultStore, settings: Settings, pipelines: Sequence[str]) -> Callable[[WorkKey], str]:
    """The job of a work key, worked out: nobody has to be told, however often an actor is started again.

    With faces alone, whose configuration is that of a video's stored persons, the store is asked.
    """
    if are_alone(pipelines, settings):
        return functools.lru_cache(JOBS_REMEMBERED)(lambda key: job_with(store, key, pipelines))
    hashes = {pipeline: config_hash(settings, pipeline) for pipeline in pipelines}
    return lambda key: job_id_for(key.video_id, hashes)


@dataclass(frozen=True, slots=True)
class RayActorGroup:
    """Handles of a run's actors on Ray."""

    names: ActorNames
    store: StorageBackend
    coordinator: CoordinatorLink
    finalizers: tuple[Any, ...]
    actors: tuple[Any, ...]  # all of them
    session: Session
    _pings: list[Any] = field(default_factory=list)  # questions that wait for their answer

    @property
    def gone(self) -> Errors:
        import ray

        return (ray.exceptions.RayError,)

    def finish(self, keys: Sequence[WorkKey]) -> None:
        """Have these keys finished from stored numbers."""
        answer(
            [self.finalizers[self.names.finalizer_number(key.video_id)].finish.remote(key) for key in keys],
            self.session.require_node,
        )

    def forget(self, keys: Sequence[WorkKey]) -> None:
        """These keys ended and are asked for again."""
        answer(
            [finalizer.forget.remote(list(keys)) for finalizer in self.finalizers], self.session.require_node
        )

    def drain(self) -> Iterator[None]:
        """Yield every `TICK_SECONDS` until everything handed to the finalizers so far is done."""
        yield from until_ready([finalizer.drain.remote() for finalizer in self.finalizers])

    def require_alive(self) -> None:
        """Raises Ray's `RayActorError` once an actor is gone for good.

        Without it a store that cannot be started again would be noticed at the end of the pass, everything
        decoded until then for nothing.
        """
        import ray

        answered, waiting = (
            ray.wait(self._pings, num_returns=len(self._pings), timeout=0) if self._pings else ([], [])
        )
        ray.get(answered)
        self._pings[:] = waiting or [actor.ping.remote() for actor in self.actors]

    def dismiss(self) -> None:
        """End these actors; on a Ray that goes on running they would stay."""
        import ray

        if self.session.has_node:
            for actor in self.actors:
                ray.kill(actor)


def until_ready(references: list[Any]) -> Iterator[None]:
    """Yield every `TICK_SECONDS` until Ray has an answer to each reference; raises what one of them
    raises.
    """
    import ray

    while ray.wait(references, num_returns=len(references), timeout=TICK_SECONDS)[1]:
        yield
    ray.get(references)


def start_actors(run: str, session: Session, work: RunContext) -> RayActorGroup:
    """Start a run's actors, `num_cpus=0` all of them: a coordinator that asks for a CPU can deadlock a small
    machine.

    Ray starts each again that dies and repeats what it was asked; every call may be made twice. What a
    finalizer held is decoded again. The store stays on this machine, where its files are; the others, and
    further stores that write to a database server, may be anywhere, and move when their node is lost.
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
        .options(name=names.coordinator, **options)
        .remote(names, work.url, work.epoch, work.settings.recovery.alone_seconds)
    )
    finalizers = tuple(
        ray.remote(FinalizerActor)
        .options(
            name=names.finalizer(number), max_concurrency=2, scheduling_strategy="SPREAD", **options
        )  # `drain` waits beside `take`
        .remote(names, work, number)
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
    """What is to do of a video, for the display: frames of each key, seconds of one that listens, 0 of
    one that is only to be finished.
    """
    chunks, blocks = left.chunks.get(video_id, ()), left.blocks.get(video_id, ())
    frames: dict[WorkKey, int] = {key: 0 for key in left.to_finish if key.video_id == video_id}
    for key, count in (
        *((key, chunk.frame_count) for chunk in chunks for key in chunk.keys),
        *((one.key, one.whole_seconds) for one in blocks),
    ):
        frames[key] = frames.get(key, 0) + count
    return PlannedVideo(
        video_id,
        frames,
        decoded=sum(chunk.frame_count for chunk in chunks),
        video_s=sum(chunk.duration_s for chunk in chunks),
        sound_s=sum(block.duration_s for block in blocks),
    )
