"""Decides what each node of a cluster works on: pure arithmetic over its nodes and the demand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from cluster.inventory import Node
from cluster.placement import SPARE_CPUS, Demand, Placement

GPU_ROOM: Final = 0.9  # the share of a GPU's memory that is planned with; CUDA and fragments take the rest


@dataclass(frozen=True, slots=True)
class NodePlacement:
    """Slots and actors of one node, and the resources that each requests from Ray.

    Shares of a CPU are for admission only, as in `Placement`.
    """

    node_id: str
    decode_slots: int
    vision_actors: int = 0
    audio_actors: int = 0
    cpus_each: float = 0.0
    vision_gpus_each: float = 0.0
    audio_gpus_each: float = 0.0


@dataclass(frozen=True, slots=True)
class GpuShares:
    """The share of a GPU that an actor of each kind requests."""

    vision: float
    audio: float
    together: bool  # both kinds fit on one GPU


def place_nodes(
    nodes: Sequence[Node], demand: Demand, *, gpus_may_come: bool = False
) -> tuple[NodePlacement, ...]:
    """What each node works on; nodes without a CPU for work, and nodes that leave, are left out.

    Models that use GPUs have one actor on each GPU. Nodes without a GPU then decode for those with one, and
    listen. Where no node has a GPU, each node has its own models. `demand.workers` bounds the decode slots
    of all nodes: nodes with models come first, so that pictures stay where they are decoded. `gpus_may_come`:
    an autoscaler may add nodes with GPUs, and models wait for them.
    """
    there = [node for node in nodes if not node.is_draining and node.cpus >= 1]
    has_gpus = gpus_may_come or any(node.gpus >= 1 for node in there)
    on_gpus, hears_on_gpus = demand.uses_gpu and has_gpus, demand.hears_on_gpu and has_gpus
    placed = [_place(node, demand, on_gpus=on_gpus, hears_on_gpus=hears_on_gpus) for node in there]
    return _bounded(placed, demand.workers) if demand.workers else tuple(placed)


def _place(node: Node, demand: Demand, *, on_gpus: bool, hears_on_gpus: bool) -> NodePlacement:
    cpus, gpus = math.floor(node.cpus), math.floor(node.gpus)
    shares = gpu_shares(node.gpu_bytes, demand, vision=on_gpus, audio=hears_on_gpus)
    audio_gpus, vision_gpus = _gpus_of_each(gpus, shares, vision=on_gpus, audio=hears_on_gpus)
    vision = vision_gpus if on_gpus else cpus if demand.vision else 0
    audio = audio_gpus if hears_on_gpus else _listeners(cpus, demand) if demand.hearing else 0
    beside = (vision if on_gpus else 0) + (audio if hears_on_gpus else 0)
    decode = max(1, cpus - beside)
    share = min(1.0, (node.cpus - SPARE_CPUS) / (decode + vision + audio))
    return NodePlacement(
        node.node_id,
        decode,
        vision,
        audio,
        math.floor(share * 1000) / 1000,
        shares.vision if vision_gpus else 0.0,
        shares.audio if audio_gpus else 0.0,
    )


def _listeners(cpus: int, demand: Demand) -> int:
    """Half of the processors listen beside decoders, all of them where there are no pictures."""
    return max(1, cpus // 2 if demand.pictures else cpus)


def gpu_shares(gpu_bytes: int, demand: Demand, *, vision: bool, audio: bool) -> GpuShares:
    """Shares of a GPU with `gpu_bytes` by the measured memory of the models, in hundredths.

    Two kinds share a GPU if both fit; of unknown memory it is believed. A kind that is alone takes all.
    """
    if not (vision and audio):
        return GpuShares(1.0 if vision else 0.0, 1.0 if audio else 0.0, together=False)
    room = gpu_bytes * GPU_ROOM
    seeing, hearing = demand.vision_gpu_bytes, demand.hearing_gpu_bytes
    if not (room and seeing and hearing):
        return GpuShares(0.5, 0.5, together=True)
    if seeing + hearing > room:
        return GpuShares(1.0, 1.0, together=False)
    share = max(0.01, min(0.99, round(seeing / (seeing + hearing), 2)))
    return GpuShares(share, round(1.0 - share, 2), together=True)


def _gpus_of_each(gpus: int, shares: GpuShares, *, vision: bool, audio: bool) -> tuple[int, int]:
    """Numbers of GPUs for audio and for vision actors.

    Kinds that do not fit together have GPUs of their own, a third of them audio. Of a single GPU the audio
    actor waits until vision is done.
    """
    if shares.together or not (vision and audio):
        return (gpus if audio else 0), (gpus if vision else 0)
    hearing = max(1, gpus // 3) if gpus else 0
    return hearing, max(min(1, gpus), gpus - hearing)


def _bounded(placed: Sequence[NodePlacement], workers: int) -> tuple[NodePlacement, ...]:
    """At most `workers` decode slots, dealt out one by one, to nodes with models first."""
    ordered = sorted(placed, key=lambda one: -one.vision_actors)
    slots = dict.fromkeys((one.node_id for one in ordered), 0)
    while sum(slots.values()) < min(workers, sum(one.decode_slots for one in placed)):
        for one in ordered:
            if slots[one.node_id] < one.decode_slots and sum(slots.values()) < workers:
                slots[one.node_id] += 1
    return tuple(replace(one, decode_slots=slots[one.node_id]) for one in placed)


def vision_nodes(placed: Sequence[NodePlacement], node_id: str) -> tuple[str, ...]:
    """Nodes whose vision actors look at what is decoded on a node: itself, else all that have some."""
    with_models = tuple(one.node_id for one in placed if one.vision_actors)
    return (node_id,) if node_id in with_models else with_models


def whole(placed: Sequence[NodePlacement]) -> Placement:
    """All nodes as one, for pools that Ray spreads; an actor requests what it finds on any of the nodes."""
    return Placement(
        sum(one.decode_slots for one in placed),
        sum(one.vision_actors for one in placed),
        min(one.cpus_each for one in placed),
        max(one.vision_gpus_each for one in placed),
        sum(one.audio_actors for one in placed),
        max(one.audio_gpus_each for one in placed),
    )


def store_actors(finalizers: int, *, is_server: bool) -> int:
    """Several writers for a database server, up to 16; a file has one, on the node of its disk."""
    return min(16, finalizers) if is_server else 1
