"""The backend on Ray: a pool of chunks follows the machines itself, a Dataset is begun anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.stages.stages import ActorNames
from cluster.inventory import Inventory
from schemas.pipelines import SCENE
from tests.support.runs import runs
from vaengine.backends import capacity, ray_backend
from vaengine.backends.capacity import Capacity
from vaengine.backends.ray_backend import RayBackend

FOUR = Inventory(1, 4.0, 0.0, 1 << 34, 1 << 30)


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RayBackend:
    monkeypatch.setattr(capacity, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(ray_backend, "most_resources", lambda: None)
    request = runs.request([], tmp_path, pipelines=[SCENE], cluster="10.0.0.1:6379")
    session: Any = SimpleNamespace()
    return RayBackend(request, session, Capacity(FOUR))


def grow(backend: RayBackend, cpus: float) -> None:
    backend._capacity._take(replace(FOUR, nodes=2, cpus=cpus))


def test_a_pass_over_a_dataset_is_outgrown_by_machines_that_come(backend: RayBackend) -> None:
    assert not backend.is_outgrown()
    grow(backend, 8.0)
    assert backend.is_outgrown()


def test_a_pool_is_never_outgrown_and_has_as_many_slots_as_the_share_of_the_batch(
    backend: RayBackend,
) -> None:
    pool = backend._pool_of(ActorNames("run", 1))
    assert pool._slots() == 4
    grow(backend, 8.0)
    assert not backend.is_outgrown()
    assert pool._slots() == 8
    backend.close()
    assert backend.is_outgrown()
