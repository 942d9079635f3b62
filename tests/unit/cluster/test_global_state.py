"""What a cluster's control store alone knows is taken for unknown through Ray Client, which does not tell."""

from __future__ import annotations

import pytest
import ray.util.client
from ray._private.state import state

from cluster.autoscaling import Resources, most_resources
from cluster.global_state import draining_nodes, max_resources


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "get_draining_nodes", lambda: {"a": 0})
    monkeypatch.setattr(state, "get_max_resources_from_cluster_config", lambda: {"CPU": 64.0})


@pytest.mark.usefixtures("told")
def test_the_control_store_says_which_nodes_leave_and_what_may_come() -> None:
    assert list(draining_nodes()) == ["a"]
    assert most_resources() == Resources(64)


@pytest.mark.usefixtures("told")
def test_through_ray_client_no_node_leaves_and_nothing_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray.util.client.ray, "is_connected", lambda: True)
    assert list(draining_nodes()) == []
    assert dict(max_resources()) == {}
    assert most_resources() is None


def test_where_nobody_has_said_what_may_come_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "get_max_resources_from_cluster_config", lambda: None)
    assert dict(max_resources()) == {}
