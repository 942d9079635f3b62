"""Where an attempt goes whose node did not see the path."""

from __future__ import annotations

from typing import Any

from vaengine.backends.ray_trials import other_nodes


def node(name: str, *, alive: bool = True, cpus: float = 2) -> dict[str, Any]:
    return {"NodeID": name, "Alive": alive, "Resources": {"CPU": cpus} if cpus else {}}


def test_only_living_nodes_with_processors_that_were_not_blind_count() -> None:
    nodes = [node("blind"), node("dead", alive=False), node("head", cpus=0), node("good")]
    assert other_nodes(nodes, {"blind"}) == ["good"]
    assert other_nodes(nodes, {"blind", "good"}) == []
