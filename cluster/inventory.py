"""The resources of this machine or of a Ray cluster."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from cluster.global_state import draining_nodes


@dataclass(frozen=True, slots=True)
class Node:
    """A living node of a Ray cluster, with `cpus` and `gpus` as Ray counts them.

    `gpu_bytes` is the memory of each of its GPUs, 0 for unknown. `is_draining`: it leaves soon, so nothing is
    begun on it.
    """

    node_id: str
    cpus: float
    gpus: float = 0.0
    gpu_bytes: int = 0
    is_draining: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """Resources of a Ray cluster: `cpus` and `gpus` as Ray counts them, memory in bytes."""

    nodes: int
    cpus: float
    gpus: float
    memory_bytes: int
    object_store_bytes: int
    may_grow: bool = False  # nodes may come: no CPU now is no reason to give up

    def __str__(self) -> str:
        where = "" if self.nodes == 1 else f" on {self.nodes} nodes"
        return f"{self.cpus:g} CPUs, {self.gpus:g} GPUs{where}"


def local_inventory() -> Inventory:
    """The resources of this machine, without starting Ray."""
    import psutil

    cpus = len(psutil.Process().cpu_affinity() or [0])
    gpus = visible_gpus(_gpu_devices(Path("/dev")), os.environ.get("CUDA_VISIBLE_DEVICES"))
    return Inventory(1, float(cpus), float(gpus), psutil.virtual_memory().total, 0)


def visible_gpus(devices: int, visible: str | None) -> int:
    """The number of GPUs that CUDA shows to a process, out of `devices`.

    `visible` is its CUDA_VISIBLE_DEVICES, None where that is not set. GPUs are named by number or by the
    beginning of their UUID; the first name that is no GPU hides itself and all names after it. Source: CUDA
    C++ Programming Guide, "CUDA Environment Variables".
    """
    if visible is None:
        return devices
    shown: set[str] = set()
    for name in (part.strip() for part in visible.split(",")):
        if not (name.startswith(("GPU-", "MIG-")) or (name.isdecimal() and int(name) < devices)):
            break
        shown.add(name)
    return min(devices, len(shown))


def _gpu_devices(folder: Path) -> int:
    """The number of device nodes of GPUs.

    A container has only nodes of its own GPUs, while /proc lists all GPUs of the host.
    """
    return sum(1 for path in folder.glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name))


def ray_inventory() -> Inventory:
    """The resources of the cluster that this process is connected to."""
    import ray

    resources, nodes = ray.cluster_resources(), [node for node in ray.nodes() if node["Alive"]]
    return Inventory(
        nodes=len(nodes),
        cpus=resources.get("CPU", 0.0),
        gpus=resources.get("GPU", 0.0),
        memory_bytes=int(resources.get("memory", 0)),
        object_store_bytes=int(resources.get("object_store_memory", 0)),
    )


def ray_nodes() -> tuple[Node, ...]:
    """The living nodes of the cluster that this process is connected to."""
    import ray

    draining = draining_nodes()
    return tuple(
        Node(
            node["NodeID"],
            node["Resources"].get("CPU", 0.0),
            node["Resources"].get("GPU", 0.0),
            is_draining=node["NodeID"] in draining,
        )
        for node in ray.nodes()
        if node["Alive"]
    )


def shared_memory_free_bytes() -> int:
    """Free space in /dev/shm, where Ray keeps its object store; docker gives 64 MB by default."""
    shm = Path("/dev/shm")
    return shutil.disk_usage(shm).free if shm.exists() else 0
