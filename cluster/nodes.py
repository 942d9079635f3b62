"""The nodes of a cluster that can take new work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cluster.inventory import Inventory


def usable_inventory() -> Inventory:
    """The resources of all nodes that live and are not being drained."""
    import ray

    return inventory_of(ray.nodes(), _draining_nodes())


def _draining_nodes() -> Collection[str]:
    """Ids of nodes that are being drained; none through Ray Client, which does not tell."""
    import ray.util.client
    from ray._private.state import state

    if ray.util.client.ray.is_connected():
        return ()
    # Ray names draining nodes nowhere else; its own Ray Train asks here as well.
    draining: Collection[str] = state.get_draining_nodes()
    return draining


def inventory_of(nodes: Sequence[Mapping[str, Any]], draining: Collection[str]) -> Inventory:
    """The sum over the nodes (as `ray.nodes` tells of them) that can take new work."""
    usable = [node["Resources"] for node in nodes if node["Alive"] and node["NodeID"] not in draining]

    def total(name: str) -> float:
        return float(sum(resources.get(name, 0.0) for resources in usable))

    return Inventory(
        nodes=len(usable),
        cpus=total("CPU"),
        gpus=total("GPU"),
        memory_bytes=int(total("memory")),
        object_store_bytes=int(total("object_store_memory")),
    )
