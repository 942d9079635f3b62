"""Divides a cluster between the batches that work on it: weighted max-min fairness, pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cluster.inventory import Inventory

LEAST_CPUS: Final = 1.0  # of a batch, however many share the cluster: with less it could do nothing


@dataclass(frozen=True, slots=True)
class Tenant:
    """A batch on a cluster, with its weight against others and its own limits (0: none)."""

    batch_id: str
    priority: float = 1.0
    max_cpus: float = 0.0
    max_gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.priority <= 0 or self.max_cpus < 0 or self.max_gpus < 0:
            raise ValueError(f"a priority is above 0 and a limit is not negative: {self}")


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody may have of a resource: a weight against others, and an upper bound."""

    weight: float
    most: float


def share_of(batch_id: str, tenants: Sequence[Tenant], cluster: Inventory) -> Inventory:
    """The part of `cluster` that a batch may use beside the others; of GPUs whole ones, or less than one."""
    own = {tenant.batch_id: tenant for tenant in tenants}[batch_id]
    others = max(1, len(tenants))
    cpus = fair_shares(
        cluster.cpus, {one.batch_id: Claim(one.priority, one.max_cpus or math.inf) for one in tenants}
    )
    gpus = fair_shares(
        cluster.gpus, {one.batch_id: Claim(one.priority, one.max_gpus or math.inf) for one in tenants}
    )
    own_gpus = gpus[own.batch_id]
    return replace(
        cluster,
        cpus=min(cluster.cpus, max(LEAST_CPUS, cpus[own.batch_id])),
        gpus=math.floor(own_gpus) if own_gpus >= 1 else own_gpus,
        object_store_bytes=cluster.object_store_bytes // others,
    )


def fair_shares(total: float, claims: Mapping[str, Claim]) -> dict[str, float]:
    """The share of each claim: in proportion to weights; what one may not have goes to the others."""
    shares: dict[str, float] = {}
    open_claims = dict(claims)
    while open_claims:
        left = total - sum(shares.values())
        weights = sum(claim.weight for claim in open_claims.values())
        offers = {name: left * claim.weight / weights for name, claim in open_claims.items()}
        bounded = {name for name, claim in open_claims.items() if claim.most <= offers[name]}
        for name in bounded or set(open_claims):
            shares[name] = min(offers[name], open_claims.pop(name).most)
    return shares
