"""Diagnoses what a Ray cluster lacks: free resources, waiting tasks, pending actors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SHOWN_RESOURCES: Final = ("CPU", "GPU", "memory", "object_store_memory")
GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Shortage:
    """The resources of a cluster at one moment.

    `waiting`: requested resources, and how many tasks and actors wait for them; `pending`: actors that are
    not started, by class.
    """

    total: Mapping[str, float]
    free: Mapping[str, float]
    waiting: tuple[tuple[str, int], ...] = ()
    pending: Mapping[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The shortage as lines of text; the last line says what to do."""
        resources = ", ".join(
            f"{_amount(name, self.free.get(name, 0.0))} of {_amount(name, self.total[name])} {name}"
            for name in self._known
        )
        lines = [f"free: {resources or 'nothing at all'}"]
        lines += [
            f"actor {name}: {number} wait to be started" for name, number in sorted(self.pending.items())
        ]
        lines += [f"{number} wait for {bundle}" for bundle, number in self.waiting]
        if self.waiting or self.pending:
            lines.append(
                "cure: fewer --workers, more CPUs or GPUs for the cluster, or end what else runs on it (`ray "
                "status` lists it)"
            )
        return lines

    @property
    def _known(self) -> list[str]:
        return [name for name in SHOWN_RESOURCES if name in self.total]


def shortage() -> Shortage:
    """The present shortage of the cluster that this process is connected to."""
    import ray
    from ray.autoscaler.v2.sdk import get_cluster_status

    demands = get_cluster_status(ray.get_runtime_context().gcs_address).resource_demands.ray_task_actor_demand
    counted = (bundle for demand in demands for bundle in demand.bundles_by_count)
    waiting = tuple((_bundle(bundle.bundle), bundle.count) for bundle in counted)
    return Shortage(ray.cluster_resources(), ray.available_resources(), waiting, _pending_actors())


def _pending_actors() -> dict[str, int]:
    # The public state API asks the dashboard, which a local run does not start.
    from ray._private.state import actors

    states = actors().values()
    return dict(
        Counter(
            actor["ActorClassName"]
            for actor in states
            if actor["State"] in ("PENDING_CREATION", "DEPENDENCIES_UNREADY")
        )
    )


def _bundle(resources: Mapping[str, float]) -> str:
    return (
        " and ".join(f"{_amount(name, amount)} {name}" for name, amount in sorted(resources.items()))
        or "no resource (a start that hangs)"
    )


def _amount(name: str, amount: float) -> str:
    return f"{amount / GIB:.1f} GiB" if "memory" in name else f"{amount:g}"
