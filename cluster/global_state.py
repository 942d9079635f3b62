"""What only the control store of a cluster knows. Ray Client does not pass it on: then nothing is known.

Ray has no public function for either; its own Ray Train and its dashboard ask here as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def draining_nodes() -> Collection[str]:
    """Ids of the nodes that are being drained: they leave soon."""
    state = _state()
    draining: Collection[str] = state.get_draining_nodes() if state else ()
    return draining


def max_resources() -> Mapping[str, float]:
    """Resources that the autoscaler of the cluster may add up to, by name; empty where nobody has said so."""
    state = _state()
    most: Mapping[str, float] | None = state.get_max_resources_from_cluster_config() if state else None
    return most or {}


def _state() -> Any:
    """The state of the cluster that this process is connected to; None through Ray Client."""
    import ray.util.client
    from ray._private.state import state

    return None if ray.util.client.ray.is_connected() else state
