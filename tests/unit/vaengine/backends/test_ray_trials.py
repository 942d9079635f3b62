"""Actors that try one chunk each: where one goes whose node was blind, and what happens to one cut off."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from actors.stages.stages import ActorNames
from cluster.placement import Placement
from schemas.settings.settings import Settings
from tests.support.runs.planned import PERSON_KEY, video
from vaengine.backends import ray_trials
from vaengine.backends.ray_trials import RayTrialWorkers, other_nodes
from vaengine.planning.plan import chunk_spec
from vaengine.planning.suspects import Suspect

SUSPECTS = [Suspect(chunk_spec(video(100, 25), first, first + 25, (PERSON_KEY,)), ()) for first in (0, 25)]


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for Ray: notes which actors are killed; an actor's answer is the chunk that it tries."""
    ended: list[str] = []
    names = iter("abcdef")

    def actor(*_: object, **__: object) -> Any:
        try_chunk = SimpleNamespace(remote=lambda work: work.chunk_id)
        return SimpleNamespace(name=next(names), try_chunk=try_chunk)

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(kill=lambda one: ended.append(one.name)))
    monkeypatch.setattr(ray_trials, "_actor", actor)
    return ended


def test_an_actor_that_is_cut_off_is_ended_and_replaced_and_the_others_go_on(killed: list[str]) -> None:
    workers = RayTrialWorkers(Placement(2, 2, 0.5, 0.0), ActorNames("run", 1), Settings(), 2)
    for suspect in SUSPECTS:
        workers.begin(suspect)
    assert workers.idle == 0
    assert workers.abandon(SUSPECTS[1].work.chunk_id) == SUSPECTS[1]
    assert (workers.idle, killed) == (1, ["a"])
    assert workers.abandon(SUSPECTS[1].work.chunk_id) is None
    workers.close()
    assert sorted(killed) == ["a", "b", "c"]


def node(name: str, *, alive: bool = True, cpus: float = 2) -> dict[str, Any]:
    return {"NodeID": name, "Alive": alive, "Resources": {"CPU": cpus} if cpus else {}}


def test_only_living_nodes_with_processors_that_were_not_blind_count() -> None:
    nodes = [node("blind"), node("dead", alive=False), node("head", cpus=0), node("good")]
    assert other_nodes(nodes, {"blind"}) == ["good"]
    assert other_nodes(nodes, {"blind", "good"}) == []
