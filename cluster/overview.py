"""What a cluster that runs offers and lacks, asked without joining it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.connection.address import CONTROL_STORE, ClusterAddress
from cluster.connection.connect import facts_of, reachable, resolved
from cluster.connection.versions import Versions
from schemas.errors import ClusterUnreachable


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node: its address, what it is doing ("RUNNING", "IDLE", "pending", "failed"), its resources."""

    address: str
    state: str
    total: Mapping[str, float] = field(default_factory=dict)
    free: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterOverview:
    """The nodes of a cluster, those that are still starting, and what waits for resources, with numbers."""

    address: str
    versions: Versions
    job_server: str | None
    nodes: tuple[NodeState, ...]
    waiting: tuple[tuple[Mapping[str, float], int], ...] = ()


def cluster_overview(address: str) -> ClusterOverview:
    """The overview of the cluster at HOST:PORT or "auto"; raises `ClusterUnreachable`."""
    where = resolved(address)
    if where.kind != CONTROL_STORE:
        raise ClusterUnreachable(address, "this takes HOST:PORT of the head, or auto")
    reachable(str(where))
    facts = facts_of(where)
    from ray.autoscaler.v2.sdk import get_cluster_status

    try:
        status = get_cluster_status(where.target)
    except (RuntimeError, OSError) as error:
        raise ClusterUnreachable(address, f"{error}; check `ray status`") from error
    return _overview(where, facts.versions, facts.job_server, status)


def _overview(
    where: ClusterAddress, versions: Versions, job_server: str | None, status: Any
) -> ClusterOverview:
    nodes = [
        NodeState(node.ip_address, node.node_status or "", node.total_resources(), node.available_resources())
        for node in [*status.active_nodes, *status.idle_nodes]
    ]
    nodes += [NodeState(node.ip_address or node.instance_id, "pending") for node in status.pending_nodes]
    nodes += [NodeState(node.ip_address or node.instance_id, "failed") for node in status.failed_nodes]
    demands = (
        (bundle.bundle, bundle.count)
        for demand in status.resource_demands.ray_task_actor_demand
        for bundle in demand.bundles_by_count
    )
    return ClusterOverview(str(where), versions, job_server, tuple(nodes), tuple(demands))
