"""The actors of a run: one store, one coordinator, some finalizers; started before the Dataset, found by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.coordinator import Coordinator, PlannedVideo
from actors.finalizer import Finalizer
from actors.stages import CrewNames
from actors.store_client import StoreActor, store_client
from cluster.session import Session
from schemas.chunk import WorkKey
from schemas.settings import Settings
from schemas.store import StorageBackend
from vaengine.intake import Left

CPUS_PER_FINALIZER = 16  # decode slots one finalizer keeps up with many times over; one thread commits about 100 chunks a second


class CoordinatorClient:
    """The coordinator as its callers see it: events are sent and forgotten, questions are answered."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __getattr__(self, event: str) -> Any:
        if event.startswith("_"):
            raise AttributeError(event)
        return lambda *args, **kwargs: _sent(getattr(self._actor, event).remote(*args, **kwargs))

    def ask(self, question: str, *args: Any) -> Any:
        import ray

        return ray.get(getattr(self._actor, question).remote(*args))


def _sent(_reference: Any) -> None:
    """Nobody waits for an event: losing one costs a figure on the display, never a result."""


class FinalizerActor(Finalizer):
    """A finalizer that finds the store and the coordinator of its run by name."""

    def __init__(self, names: CrewNames, url: str, epoch: int, settings: Settings, *, keep_runs: bool) -> None:
        import ray

        store = store_client(ray.get_actor(names.store), url)
        super().__init__(store, CoordinatorClient(ray.get_actor(names.coordinator)), epoch, settings, keep_runs=keep_runs)


@dataclass(frozen=True, slots=True)
class Crew:
    """Handles of a run's actors."""

    names: CrewNames
    store: StorageBackend
    coordinator: CoordinatorClient
    finalizers: tuple[Any, ...]
    actors: tuple[Any, ...]  # all of them

    def expect(self, jobs: Mapping[str, str]) -> None:
        """Tell every finalizer which job each video (key) belongs to."""
        import ray

        ray.get([finalizer.expect.remote(dict(jobs)) for finalizer in self.finalizers])

    def finish(self, keys: Sequence[WorkKey]) -> None:
        """Have these keys finished from stored numbers."""
        import ray

        ray.get([self.finalizers[self.names.finalizer_number(key.video_id)].finish.remote(key) for key in keys])

    def draining(self) -> list[Any]:
        """References that resolve when everything handed to the finalizers so far is done."""
        return [finalizer.drain.remote() for finalizer in self.finalizers]

    def alive(self, pings: list[Any]) -> list[Any]:
        """Raises Ray's `RayActorError` once an actor has died; takes and returns the questions that wait for their answer.

        Without it a dead store would be noticed at the end of the pass, everything decoded until then for nothing.
        """
        import ray

        answered, waiting = ray.wait(pings, num_returns=len(pings), timeout=0) if pings else ([], [])
        ray.get(answered)
        return waiting or [actor.ping.remote() for actor in self.actors]

    def dismiss(self) -> None:
        """End these actors; on a Ray that goes on running they would stay."""
        import ray

        for actor in self.actors:
            ray.kill(actor)


def start_crew(run: str, session: Session, url: str, epoch: int, settings: Settings, *, keep_runs: bool) -> Crew:
    """Start a run's actors, `num_cpus=0` all of them: a coordinator that asks for a CPU can deadlock a small machine.

    All stay on this machine: the store's files are here, and a finalizer talks to nothing else. None is restarted by Ray: what one
    held is decoded again in the next pass, from the manifest.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(session.node_id, soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "scheduling_strategy": here}
    names = CrewNames(run, max(1, int(session.inventory.cpus // CPUS_PER_FINALIZER)))
    store = ray.remote(StoreActor).options(name=names.store, **options).remote(url)
    coordinator = ray.remote(Coordinator).options(name=names.coordinator, **options).remote()
    finalizers = tuple(
        ray.remote(FinalizerActor)
        .options(name=names.finalizer(number), max_concurrency=2, **options)  # `drain` waits while `take` goes on
        .remote(names, url, epoch, settings, keep_runs=keep_runs)
        for number in range(names.finalizers)
    )
    return Crew(names, store_client(store, url), CoordinatorClient(coordinator), finalizers, (store, coordinator, *finalizers))


def planned(video_id: str, left: Left) -> PlannedVideo:
    """What is to do of a video, for the display: frames of each key, seconds of one that listens, 0 of one that is only to be finished."""
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
