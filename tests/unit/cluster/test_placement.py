"""Placement: any number of workers starts on any machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.inventory import Inventory
from cluster.placement import MIB, Demand, object_store_bytes, place
from schemas.errors import PlanInfeasible


def machine(cpus: float, gpus: float = 0) -> Inventory:
    return Inventory(1, cpus, gpus, 24 * 1024 * MIB, 2 * 1024 * MIB)


@given(
    cpus=st.integers(1, 256),
    gpus=st.integers(0, 16),
    workers=st.integers(0, 32),
    vision=st.booleans(),
    uses_gpu=st.booleans(),
)
def test_everything_placed_fits_and_workers_are_an_upper_bound(
    cpus: int, gpus: int, workers: int, vision: bool, uses_gpu: bool
) -> None:
    placed = place(machine(cpus, gpus), Demand(workers, vision, uses_gpu))
    assert placed.decode_slots >= 1
    assert (placed.decode_slots + placed.vision_actors) * placed.cpus_each <= cpus - 0.5 + 1e-9
    assert placed.cpus_each > 0
    assert placed.vision_actors * placed.gpus_each <= gpus + 1e-9
    assert not workers or placed.decode_slots <= workers
    assert (placed.vision_actors > 0) == vision


def test_without_a_cpu_nothing_is_placed_and_the_reason_is_said() -> None:
    with pytest.raises(PlanInfeasible, match="0 CPUs"):
        place(machine(0), Demand(1, True))


def test_where_nodes_may_come_work_for_one_cpu_waits_for_them() -> None:
    scaled_to_zero = replace(machine(0), may_grow=True)
    assert place(scaled_to_zero, Demand(8, True)).decode_slots == 2
    assert place(scaled_to_zero, Demand(0, True)) == place(machine(1), Demand(0, True))


def test_one_vision_actor_for_each_gpu() -> None:
    placed = place(machine(32, 4), Demand(0, True, uses_gpu=True))
    assert (placed.vision_actors, placed.gpus_each) == (4, 1.0)


@given(cpus=st.integers(1, 256), gpus=st.integers(0, 16), workers=st.integers(0, 32))
def test_gpus_change_nothing_for_a_model_that_does_not_use_them(cpus: int, gpus: int, workers: int) -> None:
    placed = place(machine(cpus, gpus), Demand(workers, True))
    assert placed == place(machine(cpus, 0), Demand(workers, True, uses_gpu=True))
    assert placed.gpus_each == 0


def test_a_detector_on_processors_has_an_actor_for_each_cpu_beside_a_gpu() -> None:
    assert place(machine(16, 1), Demand(0, True)).vision_actors == 16


def test_the_object_store_stays_within_shared_memory_and_a_third_of_memory() -> None:
    placed = place(machine(64), Demand(32, True))
    assert object_store_bytes(placed, 32 * MIB, 24 * 1024 * MIB, 1024 * MIB) <= 0.9 * 1024 * MIB
    assert object_store_bytes(placed, 32 * MIB, 8 * 1024 * MIB, 64 * MIB) <= 0.3 * 8 * 1024 * MIB, (
        "64 MB of /dev/shm: Ray uses /tmp"
    )
