"""Finds the batches that work on a cluster: each is known by its coordinator, while that lives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from cluster.inventory import Inventory
from cluster.nodes import usable_inventory
from cluster.shares import Tenant, share_of
from schemas.settings.settings import EngineSettings

ANSWER_SECONDS: Final = 3.0
RUN: Final = "vaengine-{batch_id}-{epoch}"  # the name of a run, with which those of its actors begin
_COORDINATOR: Final = re.compile(RUN.format(batch_id=".+", epoch=r"\d+") + "-coordinator")

TenantRecord = tuple[str, float, float, float]  # plain, since batches may be of several versions


def run_name(batch_id: str, epoch: int) -> str:
    """The name of a run, with which the names of its actors begin."""
    return RUN.format(batch_id=batch_id, epoch=epoch)


def tenant_of(batch_id: str, engine: EngineSettings) -> Tenant:
    """A batch as it shares a cluster with others."""
    return Tenant(batch_id, engine.priority, engine.max_cpus, engine.max_gpus)


def to_record(tenant: Tenant) -> TenantRecord:
    """What its coordinator tells of a batch."""
    return tenant.batch_id, tenant.priority, tenant.max_cpus, tenant.max_gpus


def tenants(own: Tenant) -> list[Tenant]:
    """All batches on the cluster, `own` among them. One whose coordinator does not answer is left out."""
    others = {tenant.batch_id: tenant for tenant in _others(own.batch_id)}
    return [own, *(others[batch_id] for batch_id in sorted(others))]


def share_beside_others(own: Tenant) -> Inventory:
    """What a batch may use of the cluster at this moment."""
    return share_of(own.batch_id, tenants(own), usable_inventory())


def is_coordinator(name: str, *, beside: str) -> bool:
    """Whether an actor of this name is the coordinator of another batch than `beside`."""
    own = re.compile(RUN.format(batch_id=re.escape(beside), epoch=r"\d+") + "-coordinator")
    return bool(_COORDINATOR.fullmatch(name)) and not own.fullmatch(name)


def _others(own_id: str) -> Iterator[Tenant]:
    import ray

    questions = list(_questions(own_id))
    answered, _ = (
        ray.wait(questions, num_returns=len(questions), timeout=ANSWER_SECONDS) if questions else ([], [])
    )
    for question in answered:
        try:
            yield Tenant(*ray.get(question))
        except ray.exceptions.RayError:  # it ends at this moment
            continue


def _questions(own_id: str) -> Iterator[Any]:
    import ray
    from ray.util import list_named_actors

    for actor in list_named_actors(all_namespaces=True):
        if is_coordinator(actor["name"], beside=own_id):
            try:
                yield ray.get_actor(actor["name"], namespace=actor["namespace"]).tenant.remote()
            except ValueError:  # gone since
                continue
