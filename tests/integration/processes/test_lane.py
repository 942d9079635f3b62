"""The isolation lane on real Ray, with cells that do as they are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
from schemas.work.retry import GiveUp
from tests.support import commands
from tests.unit.vaengine.planning import test_plan
from vaengine.execution.isolation_pool import IsolationPool
from vaengine.planning.plan import chunks_of, demand_of, work_keys
from vaengine.planning.suspects import Suspect

pytestmark = pytest.mark.usefixtures("ray_session")
SETTINGS = Settings()


def chunk() -> ChunkSpec:
    clip = test_plan.video(100, 25)
    return chunks_of(clip, {key: [] for key in work_keys(clip.video_id, (SCENE,), SETTINGS)}, SETTINGS)[0]


@dataclass
class Told:
    """What the lane found out; the run is over as soon as `over` says so, and `tick` happens at each look."""

    is_over: Callable[[], bool] = lambda: False
    ticks: Callable[[], None] = lambda: None
    attempts: list[Attempt] = field(default_factory=list)
    given_up: list[GiveUp] = field(default_factory=list)

    def record(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def give_up(self, suspect: Suspect, decision: GiveUp) -> None:
        self.given_up.append(decision)

    def wanted(self, suspect: Suspect) -> bool:
        return True

    def tick(self) -> None:
        self.ticks()

    def over(self) -> bool:
        return self.is_over()


class Unable:
    """A cell whose process does not start."""

    def try_chunk(self, work: ChunkSpec) -> TrialResult:
        raise NotStarted(
            "actors.isolation.sandbox_process", "exit code 1", "ModuleNotFoundError: no module named av"
        )


class Slow:
    """A cell whose chunk is done once a file is there; it notes what it has begun and what it has done."""

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


def lane(cell: Callable[[], Any], told: Told, grace_s: float = 60.0) -> IsolationPool:
    """With one cell, made by `cell`."""
    placement = replace(
        place(local_inventory(), demand_of((SCENE,), SETTINGS)), vision_actors=1, hearing_actors=0
    )
    made = IsolationPool(placement, ActorNames("nobody", 1), SETTINGS, told, grace_s=grace_s)
    made._actor = cell  # type: ignore[method-assign]
    return made


def test_a_process_of_ours_that_does_not_start_is_told_as_that_and_not_tried_again(tmp_path: Path) -> None:
    import ray

    told = Told()
    lane(lambda: ray.remote(Unable).options(num_cpus=0).remote(), told).run([Suspect(chunk(), ())], {})
    ended = [one for one in told.attempts if one.state is not AttemptState.LEASED]
    assert [(one.state, one.failure_kind) for one in ended] == [(AttemptState.FAILED, "not_started")]
    (decision,) = told.given_up
    assert decision.kind == "not_started"
    assert (
        "a process of actors.isolation.sandbox_process does not start: exit code 1 (ModuleNotFoundError: no "
        "module named av)" in decision.reason
    )


@pytest.mark.parametrize(("grace_s", "noted"), [(60.0, ["begun", "done"]), (0.0, ["begun"])])
def test_after_a_stop_what_is_in_work_ends_within_the_grace_and_nothing_else_begins(
    grace_s: float, noted: list[str], tmp_path: Path
) -> None:
    import ray

    notes = tmp_path / "notes"
    told = Told(
        is_over=notes.exists, ticks=lambda: (tmp_path / "go").touch() if grace_s and notes.exists() else None
    )
    suspects = [Suspect(chunk(), ()), Suspect(replace(chunk(), start_pts=512), ())]
    lane(lambda: ray.remote(Slow).options(num_cpus=0).remote(tmp_path), told, grace_s).run(suspects, {})
    assert notes.read_text().split() == noted
    assert [one.state for one in told.attempts] == [AttemptState.LEASED]
