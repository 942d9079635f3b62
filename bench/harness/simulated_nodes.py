"""A cluster on one machine whose nodes have one decoder and one model each, and the policies without any.

`python -m bench.harness.simulated_nodes NODES CHUNKS_PER_NODE FAST SCHEDULER` runs the engine on it and
prints JSON.
"""

from __future__ import annotations

import heapq
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from bench.harness.slow_workers import environment
from cluster.inventory import Node
from cluster.node_placement import place_nodes
from cluster.placement import Demand
from schemas.work.chunk import ChunkSpec
from schemas.work.progress import Snapshot
from vaengine.planning.work_queue import WorkQueue

CHUNK_S: Final = 4.0  # of a decoder for a chunk
BATCH_S: Final = 0.2  # of a model for a message of 8 pictures
VIDEO_CHUNK_S: Final = 15.0  # of video in a chunk
FPS: Final = 4
NODE_STORE_BYTES: Final = 80_000_000
PAGE_CHUNKS: Final = 10_000


@dataclass(slots=True)
class Pace:
    """Listens to a run: when all nodes were at work, what was done by then, and the last commit."""

    slots: int
    began: tuple[float, int] | None = None
    last: tuple[float, int] = (0.0, 0)
    snapshots: list[tuple[float, int, int]] = field(default_factory=list)

    def __call__(self, snapshot: Snapshot) -> None:
        now, done = time.monotonic(), snapshot.frames_done
        self.snapshots.append((now, done, snapshot.in_work))
        if self.began is None and snapshot.in_work >= self.slots and done > 0:
            self.began = (now, done)
            psutil.cpu_percent()  # from here on
        if done > self.last[1]:
            self.last = (now, done)


@contextmanager
def simulated_cluster(nodes: int, fast: float) -> Iterator[tuple[str, float]]:
    """A cluster of so many nodes with a processor each, of which a quarter is `fast` times as fast.

    Yields its address and the sum of the speeds.
    """
    import ray
    from ray.cluster_utils import Cluster

    options: dict[str, Any] = {"num_cpus": 1, "object_store_memory": NODE_STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={**options, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(**options, wait=True)
        ids = sorted(str(node.node_id) for node in cluster.list_all_nodes())
        speeds = dict.fromkeys(ids[: nodes // 4], fast) if fast != 1.0 else {}
        ray.init(cluster.address, runtime_env=environment(CHUNK_S, BATCH_S, speeds), logging_level="ERROR")
        yield cluster.address, sum(speeds.get(node_id, 1.0) for node_id in ids)
    finally:
        ray.shutdown()
        cluster.shutdown()


def clip(path: Path, chunks: int) -> Path:
    """A video of `chunks` chunks, with a keyframe at each second, tiny pictures, and a content of its own."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.gop_size = 64, 48, FPS
        stream.pix_fmt = "yuv420p"
        noise = np.random.default_rng(abs(hash(path.name)) % 2**32)
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


def run_engine(nodes: int, chunks_per_node: int, fast: float, scheduler: str) -> dict[str, Any]:
    """The engine on so many nodes, scenes and persons, into SQLite."""
    from vaengine.execution.engine import Engine
    from vaengine.requests.run_options import RunOptions, resolve_request

    with tempfile.TemporaryDirectory(prefix="va-scale-") as name:
        folder = Path(name)
        each = lengths(nodes * chunks_per_node)
        paths = [clip(folder / f"{number}.mp4", chunks) for number, chunks in enumerate(each)]
        with simulated_cluster(nodes, fast) as (address, speed):
            options = RunOptions(
                paths=tuple(map(str, paths)),
                out=str(folder / "out"),
                pipelines="scene,person",
                cluster=address,
                files=False,
                settings=("preset=embedded", f"engine.scheduler={scheduler}"),
            )
            pace = Pace(nodes)
            report = Engine(resolve_request(options).request, listener=pace).run()
            machine_busy = psutil.cpu_percent() / 100
    if pace.began is None or report.completed != len(paths):
        raise RuntimeError(f"not all nodes were at work, or videos are missing: {report}")
    wall_s = pace.last[0] - pace.began[0]
    share = (pace.last[1] - pace.began[1]) / pace.last[1]
    ideal_s = sum(each) * CHUNK_S / speed * share
    return {
        "nodes": nodes,
        "scheduler": scheduler,
        "fast": fast,
        "chunks": sum(each),
        "chunk_s": CHUNK_S,
        "batch_s": BATCH_S,
        "ideal_s": ideal_s,
        "wall_s": wall_s,
        "efficiency": ideal_s / wall_s,
        "whole_run_s": report.wall_s,
        "machine_busy": machine_busy,
        "load_average": os.getloadavg()[0],
    }


def policy_figures(nodes: int, videos: int) -> dict[str, Any]:
    """Placement of nodes and pulls of pages of videos, in pure Python."""
    there = [Node(str(number), 4.0) for number in range(nodes)]
    began_s = time.process_time()
    placed = place_nodes(there, Demand(0, vision=True))
    placement_s = time.process_time() - began_s
    slots = sum(one.decode_slots for one in placed)
    memory = psutil.Process().memory_info().rss
    equal, pulls, pulling_s = _makespan([1.0] * slots, videos)
    mixed, _, _ = _makespan([2.5 if slot % 4 == 0 else 1.0 for slot in range(slots)], videos)
    return {
        "nodes": nodes,
        "videos": videos,
        "slots": slots,
        "placement_s": placement_s,
        "decisions_per_s": pulls / pulling_s,
        "memory_mb": (psutil.Process().memory_info().rss - memory) / 1e6,
        "over_best": equal,
        "over_best_mixed": mixed,
    }


def _makespan(speeds: Sequence[float], videos: int) -> tuple[float, int, float]:
    """Makespan over the optimum where each worker pulls when it is free, pulls, and processor seconds.

    Videos come in pages as in a run, and a page begins when the one before has been handed out.
    """
    free = [(0.0, worker) for worker in range(len(speeds))]
    heapq.heapify(free)
    total_s = end_s = pulling_s = 0.0
    pulls = 0
    for first in range(0, videos, PAGE_CHUNKS):
        page = [[_one_line(number)] for number in range(first, min(videos, first + PAGE_CHUNKS))]
        began_s = time.process_time()
        queue = WorkQueue(page, VIDEO_CHUNK_S)
        while queue:
            length_s = queue.next(len(speeds)).duration_s
            pulls += 1
            now_s, worker = heapq.heappop(free)
            now_s += length_s / speeds[worker]
            total_s, end_s = total_s + length_s, max(end_s, now_s)
            heapq.heappush(free, (now_s, worker))
        pulling_s += time.process_time() - began_s
    return end_s / (total_s / sum(speeds)), pulls, pulling_s


def _one_line(number: int) -> ChunkSpec:
    """A video of one chunk, of 5 to 15 s."""
    none = np.zeros(0, np.int64)
    length = 5 + number % 11
    facts = (f"v{number}", "/videos/v.mp4", 0, Fraction(1), 0, 0, 640, 360, 0, length)
    return ChunkSpec(*facts, 0, length, None, none, 0, (), ())


if __name__ == "__main__":
    count, each, factor, kind = sys.argv[1:]
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    sys.stdout.write(json.dumps(run_engine(int(count), int(each), float(factor), kind)) + "\n")
