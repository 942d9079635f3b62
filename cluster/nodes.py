"""The nodes of a cluster that can take new work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cluster.global_state import draining_nodes
from cluster.inventory import Inventory


def usable_inventory() -> Inventory:
    """The resources of all nodes that live and are not being drained."""
    import ray

    return replace(inventory_of(ray.nodes(), draining_nodes()), may_grow=True)


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
