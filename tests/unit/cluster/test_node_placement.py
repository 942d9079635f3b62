"""What each node of a cluster works on."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.inventory import Node
from cluster.node_placement import gpu_shares, place_nodes, store_actors, vision_nodes
from cluster.placement import Demand

GIB = 1 << 30
PERSONS = Demand(0, vision=True, uses_gpu=True)
ALL = Demand(0, vision=True, uses_gpu=True, hearing=True, hears_on_gpu=True)
MEASURED = Demand(
    0,
    vision=True,
    uses_gpu=True,
    hearing=True,
    hears_on_gpu=True,
    vision_gpu_bytes=2 * GIB,
    hearing_gpu_bytes=6 * GIB,
)

nodes = st.lists(
    st.builds(
        Node,
        st.uuids().map(str),
        st.integers(0, 192).map(float),
        st.integers(0, 8).map(float),
        st.sampled_from([0, 24 * GIB, 80 * GIB]),
        st.booleans(),
    ),
    max_size=8,
)
demands = st.builds(
    Demand, st.integers(0, 32), st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans()
)


@given(nodes, demands)
def test_everything_fits_on_its_node_and_nothing_is_begun_on_one_that_leaves(
    there: list[Node], demand: Demand
) -> None:
    by_id = {node.node_id: node for node in there}
    placed = place_nodes(there, demand)
    assert {one.node_id for one in placed} == {
        node.node_id for node in there if node.cpus >= 1 and not node.is_draining
    }
    for one in placed:
        node = by_id[one.node_id]
        asked = one.decode_slots + one.vision_actors + one.audio_actors
        assert asked * one.cpus_each <= max(0.0, node.cpus - 0.5) + 1e-9
        assert one.vision_gpus_each <= 1.0
        assert one.vision_actors == 0 or one.vision_gpus_each * one.vision_actors <= max(node.gpus, 1)


@given(nodes, demands)
def test_workers_bound_all_slots_and_each_slot_stays(there: list[Node], demand: Demand) -> None:
    total = sum(one.decode_slots for one in place_nodes(there, demand))
    free = sum(one.decode_slots for one in place_nodes(there, Demand(0, demand.vision, demand.uses_gpu)))
    assert not demand.workers or total <= demand.workers
    if demand == Demand(demand.workers, demand.vision, demand.uses_gpu):
        assert total == (min(free, demand.workers) if demand.workers else free)


@pytest.mark.parametrize(
    ("node", "demand", "slots", "vision", "audio"),
    [
        (Node("a", 16, 1), PERSONS, 15, (1, 1.0), (0, 0.0)),
        (Node("a", 16, 4), PERSONS, 12, (4, 1.0), (0, 0.0)),
        (Node("a", 4, 8), PERSONS, 1, (8, 1.0), (0, 0.0)),
        (Node("a", 16, 1), ALL, 14, (1, 0.5), (1, 0.5)),
        (Node("a", 16, 1, 24 * GIB), MEASURED, 14, (1, 0.25), (1, 0.75)),
        (Node("a", 16, 1, 8 * GIB), MEASURED, 14, (1, 1.0), (1, 1.0)),
        (Node("a", 16, 6, 8 * GIB), MEASURED, 10, (4, 1.0), (2, 1.0)),
        (Node("a", 8, 0), Demand(0, vision=True), 8, (8, 0.0), (0, 0.0)),
        (Node("a", 8, 0), Demand(0, vision=False), 8, (0, 0.0), (0, 0.0)),
        (Node("a", 8, 0), Demand(0, vision=True, hearing=True), 8, (8, 0.0), (4, 0.0)),
        (Node("a", 8, 0), Demand(0, vision=False, hearing=True, pictures=False), 8, (0, 0.0), (8, 0.0)),
    ],
)
def test_one_node(
    node: Node, demand: Demand, slots: int, vision: tuple[int, float], audio: tuple[int, float]
) -> None:
    (placed,) = place_nodes([node], demand)
    assert placed.decode_slots == slots
    assert (placed.vision_actors, placed.vision_gpus_each) == vision
    assert (placed.audio_actors, placed.audio_gpus_each) == audio


def test_nodes_without_gpus_decode_and_listen_for_those_with_one() -> None:
    demand = Demand(0, vision=True, uses_gpu=True, hearing=True)
    gpu, cpu = place_nodes([Node("gpu", 8, 1), Node("cpu", 32)], demand)
    assert (gpu.vision_actors, gpu.decode_slots) == (1, 7)
    assert (cpu.vision_actors, cpu.decode_slots, cpu.audio_actors) == (0, 32, 16)
    assert vision_nodes([gpu, cpu], "cpu") == ("gpu",)
    assert vision_nodes([gpu, cpu], "gpu") == ("gpu",), "pictures stay on their node"


def test_few_workers_are_near_the_models() -> None:
    placed = place_nodes([Node("cpu", 32), Node("gpu", 8, 1)], Demand(1, vision=True, uses_gpu=True))
    assert {one.node_id: one.decode_slots for one in placed} == {"gpu": 1, "cpu": 0}


def test_a_head_that_offers_no_processor_has_no_work() -> None:
    assert [one.node_id for one in place_nodes([Node("head", 0), Node("a", 4)], PERSONS)] == ["a"]


def test_a_kind_that_is_alone_takes_the_whole_gpu() -> None:
    assert gpu_shares(24 * GIB, MEASURED, vision=True, audio=False).vision == 1.0


@pytest.mark.parametrize(
    ("finalizers", "is_server", "stores"), [(1, True, 1), (4, True, 4), (250, True, 16), (8, False, 1)]
)
def test_a_server_has_several_writers_and_a_file_one(finalizers: int, is_server: bool, stores: int) -> None:
    assert store_actors(finalizers, is_server=is_server) == stores


def test_a_thousand_nodes_are_placed_in_a_moment() -> None:
    there = [Node(str(number), 32, float(number % 2)) for number in range(1000)]
    began = time.perf_counter()
    placed = place_nodes(there, ALL)
    assert time.perf_counter() - began < 1.0
    assert sum(one.vision_actors for one in placed) == 500
