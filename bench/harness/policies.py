"""The policies of many nodes in pure Python: placement, and pulls of pages of videos."""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
import psutil

from cluster.inventory import Node
from cluster.node_placement import place_nodes
from cluster.placement import Demand
from schemas.work.chunk import ChunkSpec
from vaengine.planning.work_queue import WorkQueue

VIDEO_CHUNK_S: Final = 15.0  # of video in a chunk
PAGE_CHUNKS: Final = 10_000


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
