"""What the machines offer, as values."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Inventory:
    """Resources of a Ray cluster: `cpus` and `gpus` as Ray counts them, memory in bytes."""

    nodes: int
    cpus: float
    gpus: float
    memory_bytes: int
    object_store_bytes: int

    def __str__(self) -> str:
        where = "" if self.nodes == 1 else f" on {self.nodes} nodes"
        return f"{self.cpus:g} CPUs, {self.gpus:g} GPUs{where}"


def local_inventory() -> Inventory:
    """This machine, without starting Ray."""
    import psutil

    cpus = len(psutil.Process().cpu_affinity() or [0])
    return Inventory(1, float(cpus), float(len(list(Path("/proc/driver/nvidia/gpus").glob("*")))), psutil.virtual_memory().total, 0)


def ray_inventory() -> Inventory:
    """The cluster this process is connected to."""
    import ray

    resources, nodes = ray.cluster_resources(), [node for node in ray.nodes() if node["Alive"]]
    return Inventory(
        nodes=len(nodes),
        cpus=resources.get("CPU", 0.0),
        gpus=resources.get("GPU", 0.0),
        memory_bytes=int(resources.get("memory", 0)),
        object_store_bytes=int(resources.get("object_store_memory", 0)),
    )


def shared_memory_free_bytes() -> int:
    """Room in /dev/shm, where Ray keeps its object store; docker gives 64 MB unless told otherwise."""
    shm = Path("/dev/shm")
    return shutil.disk_usage(shm).free if shm.exists() else 0
