"""The isolation pool on real Ray, with actors that do as they are told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.isolation.sandbox import TrialResult
from actors.stages.stages import ActorNames
from cluster.inventory import local_inventory
from cluster.placement import place
from schemas.errors import NotStarted
from schemas.pipelines import SCENE
from schemas.settings.settings import Settings
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.chunk import ChunkSpec
from schemas.work.retry import RetryPolicy
from tests.support.runs import commands, planned
from vaengine.backends.ray_trials import RayTrialWorkers
from vaengine.planning.plan import chunks_of, demand_of, work_keys
from vaengine.planning.suspects import Suspect
from vaengine.run_loop.isolation_pool import IsolationPool
from vaengine.run_loop.isolation_queue import PoolUpdate

pytestmark = pytest.mark.usefixtures("ray_session")
SETTINGS = Settings()
PLACEMENT = place(local_inventory(), demand_of((SCENE,), SETTINGS))


def chunk() -> ChunkSpec:
    clip = planned.video(100, 25)
    keys: dict[Any, Any] = {key: [] for key in work_keys(clip.video_id, (SCENE,), SETTINGS)}
    return chunks_of(clip, keys, SETTINGS)[0]


def two_suspects() -> list[Suspect]:
    return [Suspect(chunk(), ()), Suspect(replace(chunk(), start_pts=512), ())]


class Unable:
    """An actor whose process does not start."""

    def try_chunk(self, work: ChunkSpec) -> TrialResult:
        raise NotStarted(
            "actors.isolation.sandbox_process", "exit code 1", "ModuleNotFoundError: no module named av"
        )


class Slow:
    """An actor whose chunk is done once a file is there; it notes what it has begun and what it has done."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def try_chunk(self, work: ChunkSpec) -> TrialResult:
        self._note("begun")
        commands.wait_for((self._folder / "go").exists, "leave to end")
        self._note("done")
        return TrialResult(work.chunk_id)

    def _note(self, word: str) -> None:
        with (self._folder / "notes").open("a") as notes:
            notes.write(f"{word}\n")


class OneActor(RayTrialWorkers):
    """A pool of one actor."""

    def __init__(self, actor: Any) -> None:
        super().__init__(PLACEMENT, ActorNames("nobody", 1), SETTINGS, 0)
        self._actors, self._idle = [actor], [actor]


def one_actor(start: Callable[[], Any], grace_s: float = 60.0) -> IsolationPool:
    """A pool with one actor, made by `start`."""
    return IsolationPool(lambda most: OneActor(start()), RetryPolicy.of(SETTINGS.recovery), grace_s=grace_s)


def attempts_of(updates: Sequence[PoolUpdate]) -> list[Attempt]:
    return [attempt for update in updates for attempt in update.attempts]


def test_a_process_of_ours_that_does_not_start_fails_its_pipeline_and_no_other_chunk_of_it_is_tried() -> None:
    import ray

    updates = list(one_actor(lambda: ray.remote(Unable).options(num_cpus=0).remote()).run(two_suspects(), {}))
    states = [(one.state, one.failure_kind) for one in attempts_of(updates)]
    assert states == [(AttemptState.LEASED, None), (AttemptState.FAILED, "not_started")]
    (failure,) = [failure for update in updates for failure in update.failures]
    assert failure.kind == "not_started"
    cause = "exit code 1 (ModuleNotFoundError: no module named av)"
    assert f"a process of actors.isolation.sandbox_process does not start: {cause}" in failure.reason


@pytest.mark.parametrize(
    ("grace_s", "noted"), [pytest.param(60.0, ["begun", "done"], marks=pytest.mark.long), (0.0, ["begun"])]
)
def test_after_a_stop_what_is_in_work_ends_within_the_grace_and_nothing_else_begins(
    grace_s: float, noted: list[str], tmp_path: Path
) -> None:
    import ray

    notes = tmp_path / "notes"
    pool = one_actor(lambda: ray.remote(Slow).options(num_cpus=0).remote(tmp_path), grace_s)
    updates = []
    for update in pool.run(two_suspects(), {}):
        updates.append(update)
        if notes.exists():
            pool.stop()
            if grace_s:
                (tmp_path / "go").touch()
    assert notes.read_text().split() == noted
    assert [one.state for one in attempts_of(updates)] == [AttemptState.LEASED]


def test_a_stop_before_the_first_attempt_starts_no_actor() -> None:
    def start() -> Any:
        raise AssertionError("nobody is tried any more")

    pool = one_actor(start)
    for update in pool.run(two_suspects(), {}):
        assert update == PoolUpdate()
        pool.stop()


def test_an_attempt_is_handed_to_the_caller_before_it_begins_and_its_actor_ends_with_the_generator(
    tmp_path: Path,
) -> None:
    import ray

    actors: list[Any] = []

    def start() -> Any:
        actors.append(ray.remote(Slow).options(num_cpus=0).remote(tmp_path))
        return actors[-1]

    with contextlib.closing(one_actor(start).run([Suspect(chunk(), ())], {})) as updates:
        (attempt,) = next(update.attempts for update in updates if update.attempts)
        assert attempt.state is AttemptState.LEASED
        assert not (tmp_path / "notes").exists()
        next(updates)
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(actors[0].try_chunk.remote(chunk()))
