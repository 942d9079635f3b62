"""The engine on a simulated cluster, whose nodes have one decoder and one model of known speed each.

`python -m bench.harness.simulated_nodes NODES CHUNKS_PER_NODE FAST SCHEDULER STORE CHUNK_S` prints
JSON.

One node of Ray stands for all: workers, pool, coordinator, finalizers and store are the real ones, and
workers are started for each simulated node. What Ray itself runs on each machine is there once: it would take
the processors of the machine that measures.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from bench.harness.databases import server
from bench.harness.slow_workers import NODE, environment
from cluster.inventory import Node
from cluster.node_placement import NodePlacement
from schemas.work.progress import Snapshot

BATCH_SHARE: Final = 0.05  # of a chunk's time, for a model and a message of 8 pictures
VIDEO_CHUNK_S: Final = 15.0  # of video in a chunk
FPS: Final = 4
STORE_BYTES: Final = 300_000_000  # of Ray's objects
# Roles by the titles of Ray's workers; each has one thread that works, and bounds the chunks a second.
ROLES: Final = {
    "StoreActor": "store",
    "CoordinatorActor": "coordinator",
    "FinalizerActor": "finalizer",
    "DecodeWorker": "workers",
    "VisionWorker": "workers",
}
ENGINE: Final = ("driver", "store", "coordinator", "finalizer")


@dataclass(slots=True)
class Pace:
    """Listens to a run: when all nodes were at work, what was done by then, and the last commit."""

    slots: int
    began: tuple[float, int] | None = None
    last: tuple[float, int] = (0.0, 0)
    cpu_s: list[Counter[str]] = field(default_factory=list)  # by role, as it began and at the end

    def __call__(self, snapshot: Snapshot) -> None:
        now, done = time.monotonic(), snapshot.frames_done
        if done > self.last[1]:
            self.last = (now, done)
        if self.began is None and snapshot.in_work >= self.slots and done > 0:
            self.began = (now, done)
            self.cpu_s.append(cpu_seconds())
            psutil.cpu_percent()  # from here on
        elif len(self.cpu_s) == 1 and done == snapshot.frames_total:
            self.cpu_s.append(cpu_seconds())

    def cpu_s_per_chunk(self, chunks: float) -> dict[str, float]:
        """Processor seconds of each role for a chunk."""
        before, after = self.cpu_s
        return {role: (after[role] - before[role]) / chunks for role in after}


def cpu_seconds() -> Counter[str]:
    """Processor seconds of this process and of those below it, by role."""
    driver = psutil.Process()
    used = Counter({"driver": sum(driver.cpu_times()[:2])})
    for process in driver.children(recursive=True):
        try:
            title = " ".join(process.cmdline())
            used[role_of(title)] += sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return used


def role_of(title: str) -> str:
    """The role of a process by its title; `ray` for what Ray runs itself."""
    return next((role for name, role in ROLES.items() if f"ray::{name}" in title), "ray")


@contextmanager
def simulated_cluster(nodes: int, fast: float, chunk_s: float) -> Iterator[tuple[str, float]]:
    """A cluster of so many nodes with a processor each, of which a quarter is `fast` times as fast.

    A decoder takes `chunk_s` seconds for a chunk.

    Yields its address and the sum of the speeds.
    """
    import ray
    from ray.cluster_utils import Cluster

    options: dict[str, Any] = {"num_cpus": nodes, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={**options, "include_dashboard": False})
    names = [f"{number:056x}" for number in range(nodes)]
    speeds = dict.fromkeys(names[: nodes // 4], fast) if fast != 1.0 else {}
    try:
        times = environment(chunk_s, chunk_s * BATCH_SHARE, speeds)
        ray.init(cluster.address, runtime_env=times, logging_level="ERROR")
        stand_in_for([Node(name, 1.0) for name in names])
        yield cluster.address, sum(speeds.get(name, 1.0) for name in names)
    finally:
        ray.shutdown()
        cluster.shutdown()


def stand_in_for(nodes: list[Node]) -> None:
    """Have the chunk pool of this process see these nodes, and start their workers wherever it can."""
    from vaengine.backends import chunk_pool, node_workers, ray_backend

    def on(placement: NodePlacement) -> dict[str, Any]:
        told = {"env_vars": {NODE: placement.node_id}}
        return {"num_cpus": placement.cpus_each, "runtime_env": told, "max_task_retries": 0}

    vars(node_workers)["_on"] = on
    vars(ray_backend)["ChunkPool"] = functools.partial(chunk_pool.ChunkPool, nodes=lambda: nodes)


def clip(path: Path, chunks: int) -> Path:
    """A video of `chunks` chunks, with a keyframe at each second, tiny pictures, and a content of its own."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.gop_size = 64, 48, FPS
        stream.pix_fmt = "yuv420p"
        noise = np.random.default_rng(zlib.crc32(path.name.encode()))
        for number in range(int(chunks * VIDEO_CHUNK_S * FPS)):
            picture = np.full((48, 64, 3), number % 200, np.uint8)
            picture[:8, :8] = noise.integers(0, 255, (8, 8, 3))
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def lengths(chunks: int) -> list[int]:
    """Lengths of videos in chunks: one with a third of all, and short ones."""
    long = max(1, chunks // 3)
    return [long, *([4] * ((chunks - long) // 4)), *([1] * ((chunks - long) % 4))]


def run_engine(
    nodes: int, chunks_per_node: int, fast: float, scheduler: str, store: str, chunk_s: float
) -> dict[str, Any]:
    """The engine on so many nodes, scenes and persons, into SQLite or PostgreSQL."""
    from vaengine.execution.engine import Engine
    from vaengine.requests.run_options import RunOptions, resolve_request

    with tempfile.TemporaryDirectory(prefix="va-scale-") as name, database(store) as url:
        folder = Path(name)
        each = lengths(nodes * chunks_per_node)
        paths = [clip(folder / f"{number}.mp4", chunks) for number, chunks in enumerate(each)]
        load_before = os.getloadavg()[0]
        with simulated_cluster(nodes, fast, chunk_s) as (address, speed):
            options = RunOptions(
                paths=tuple(map(str, paths)),
                out=str(folder / "out"),
                db=url,
                pipelines="scene,person",
                cluster=address,
                files=False,
                settings=("preset=embedded", f"engine.scheduler={scheduler}"),
            )
            pace = Pace(nodes)
            report = Engine(resolve_request(options).request, listener=pace).run()
            machine_busy = psutil.cpu_percent() / 100
    if pace.began is None or len(pace.cpu_s) < 2 or report.completed != len(paths):
        raise RuntimeError(f"not all nodes were at work, or videos are missing: {report}")
    wall_s = pace.last[0] - pace.began[0]
    share = (pace.last[1] - pace.began[1]) / pace.last[1]
    ideal_s = sum(each) * chunk_s / speed * share
    cpu_s = pace.cpu_s_per_chunk(sum(each) * share)
    return {
        "nodes": nodes,
        "scheduler": scheduler,
        "store": store,
        "fast": fast,
        "chunks": sum(each),
        "chunk_s": chunk_s,
        "batch_s": chunk_s * BATCH_SHARE,
        "ideal_s": ideal_s,
        "wall_s": wall_s,
        "efficiency": ideal_s / wall_s,
        "cpu_s_per_chunk": cpu_s,
        "engine_cpu_s_per_chunk": sum(cpu_s.get(role, 0.0) for role in ENGINE),
        "whole_run_s": report.wall_s,
        "machine_busy": machine_busy,
        "load_average": [load_before, os.getloadavg()[0]],
    }


@contextmanager
def database(store: str) -> Iterator[str | None]:
    """The URL of an empty database of PostgreSQL; None for SQLite, which lies in the folder of results."""
    with server() if store == "postgresql" else nullcontext() as made:
        yield made() if made is not None else None


if __name__ == "__main__":
    count, each, factor, kind, where, service = sys.argv[1:]
    # With Ray's own niceness of 15 workers wake up late, which would count as the engine's delay.
    os.environ.update({"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"})
    sys.stdout.write(
        json.dumps(run_engine(int(count), int(each), float(factor), kind, where, float(service))) + "\n"
    )
