"""Decides how many decode slots and model actors fit on the machines: pure arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cluster.inventory import Inventory
from schemas.errors import PlanInfeasible

SPARE_CPUS = 0.5  # driver, coordinator, finalizer and store request no CPU from Ray but use some
MAX_SLOTS_PER_CPU = 2  # more decoders only take memory: decoding is bound by the processor
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Demand:
    """The models and workers that a run needs.

    `workers`: upper bound of chunks in work at once, 0 for one per CPU. `vision`: whether a model needs
    pictures. `uses_gpu`: whether that model runs on GPUs where there are any. `hearing` and `hears_on_gpu`
    say the same of audio models. Without `pictures` only sound is decoded. `vision_gpu_bytes` and
    `hearing_gpu_bytes` are the measured GPU memory of a process with its models, 0 for unknown.
    """

    workers: int
    vision: bool
    uses_gpu: bool = False
    hearing: bool = False
    hears_on_gpu: bool = False
    pictures: bool = True
    vision_gpu_bytes: int = 0
    hearing_gpu_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """Numbers of slots and actors, and the resources that each requests from Ray.

    Shares of a CPU are for admission only: they bound how many start, not how fast one runs.
    """

    decode_slots: int
    vision_actors: int
    cpus_each: float
    gpus_each: float
    hearing_actors: int = 0
    hearing_gpus_each: float = 0.0

    def __str__(self) -> str:
        actors = ((self.vision_actors, "vision"), (self.hearing_actors, "hearing"))
        return ", ".join(
            [
                f"{self.decode_slots} decode slots",
                *(f"{number} {kind} actors" for number, kind in actors if number),
            ]
        )


def place(inventory: Inventory, demand: Demand) -> Placement:
    """Fits `demand` on `inventory`; 1 to 32 workers fit on any machine with a CPU.

    Raises `PlanInfeasible`.
    """
    if inventory.cpus < 1 and not inventory.may_grow:
        raise PlanInfeasible(f"Ray offers {inventory.cpus:g} CPUs", "start the cluster with at least one")
    cpus = inventory.cpus if inventory.cpus >= 1 else 1.0  # an autoscaler that has scaled to zero
    wanted = demand.workers or math.floor(cpus)
    decode = max(1, min(wanted, math.ceil(cpus * MAX_SLOTS_PER_CPU)))
    gpus = inventory.gpus if demand.uses_gpu else 0.0
    vision = _vision_actors(cpus, gpus, decode) if demand.vision else 0
    audio = _audio_actors(inventory, demand, decode) if demand.hearing else 0
    share = min(1.0, (cpus - SPARE_CPUS) / (decode + vision + audio))
    gpus_each, hearing_gpus_each = _gpu_shares(
        inventory.gpus, vision if gpus else 0, audio if demand.hears_on_gpu else 0
    )
    return Placement(decode, vision, math.floor(share * 1000) / 1000, gpus_each, audio, hearing_gpus_each)


def _vision_actors(cpus: float, gpus: float, decode_slots: int) -> int:
    """One actor per GPU; without a GPU, one per CPU.

    Each runs single-threaded, so that results do not depend on the number of threads.
    """
    return math.floor(gpus) or max(1, min(math.floor(cpus), decode_slots))


def _audio_actors(inventory: Inventory, demand: Demand, slots: int) -> int:
    """One actor per GPU; without a GPU, half of the CPUs, or all of them where no pictures are decoded.

    There are at most as many as `slots`.
    """
    if demand.hears_on_gpu and inventory.gpus >= 1:
        return math.floor(inventory.gpus)
    cpus = math.floor(inventory.cpus)
    return max(1, min(slots, cpus // 2 if demand.pictures else cpus))


def _gpu_shares(gpus: float, vision: int, audio: int) -> tuple[float, float]:
    """The share of a GPU that a vision actor and an audio actor request; two kinds share each GPU evenly."""
    if not gpus or not vision + audio:
        return 0.0, 0.0
    share = 0.5 if vision and audio else 1.0
    return (min(share, gpus / vision) if vision else 0.0), (min(share, gpus / audio) if audio else 0.0)


def object_store_bytes(placement: Placement, block_bytes: int, memory_bytes: int, shm_free_bytes: int) -> int:
    """Room for three blocks per slot and actor and a fifth more, within limits.

    The limits are 30 % of memory and the free space of /dev/shm.
    """
    blocks = 3 * (placement.decode_slots + placement.vision_actors) + 2
    wanted = int(blocks * block_bytes * 1.2)
    limit = min(
        int(memory_bytes * 0.3),
        int(shm_free_bytes * 0.9) if shm_free_bytes > 256 * MIB else int(memory_bytes * 0.3),
    )
    return max(128 * MIB, min(wanted, limit))
