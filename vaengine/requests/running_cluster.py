"""What a request asks of a cluster that runs already: which one it is, and a store that both can reach."""

from __future__ import annotations

from dataclasses import replace

from cluster.connection.address import RAY_CLIENT, ClusterAddress
from cluster.connection.connect import running_cluster
from schemas.errors import ClusterUnreachable
from vaengine.requests.executor_choice import EITHER, RUNNING_RAY
from vaengine.requests.request import RunRequest


def found_cluster(request: RunRequest) -> RunRequest:
    """The request with the cluster that `auto` means in its place, or EITHER where none runs, and why."""
    if request.cluster != RUNNING_RAY:
        return request
    text = request.cluster_text or f"--cluster {RUNNING_RAY}"
    if found := running_cluster():
        return replace(request, cluster=found.address, cluster_text=f"{text}, found by {found.origin}")
    return replace(request, cluster=EITHER, cluster_text=f"{text}: no cluster runs here")


def require_shared_store(request: RunRequest) -> None:
    """Raises `ClusterUnreachable` where this machine and the cluster would each have a store of its own.

    Through Ray Client this machine is outside of the cluster, and what writes the store is inside.
    """
    where = ClusterAddress.parse(request.cluster)
    if where.kind != RAY_CLIENT or where.is_loopback or request.store_url.startswith("postgresql:"):
        return
    raise ClusterUnreachable(
        request.cluster,
        "through Ray Client the store has to be a database that both reach; give --db postgresql://..., or "
        "hand the batch over with `vaengine cluster submit`",
    )
