"""Benchmark of many nodes: the engine with workers of known speed, and the policies at 1,000 nodes."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from bench.harness.large_plan import SOURCES, one_line_videos
from bench.harness.policies import policy_figures
from bench.harness.report import table

TITLE = "Many nodes"
PLAN: Final = "bench.harness.large_plan"
NODES: Final = (1, 2, 4, 8, 16)
STORES: Final = ("sqlite", "postgresql")
CHUNKS_PER_NODE: Final = 20
# Of a decoder for a chunk. The stand-ins take 0.4 s of the measuring machine's processors for each.
CHUNK_S: Final = 16.0
VIDEOS: Final = 1_000_000
TIMEOUT_S: Final = 7200


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """Efficiencies on 1 to 16 nodes and two stores, on mixed ones, and figures of the policies and of a plan.

    Each size is run `rounds` times, and the run of median efficiency is kept, with the efficiencies of all.
    """
    sizes, chunks, videos = ((1, 2), 12, 10_000) if quick else (NODES, CHUNKS_PER_NODE, VIDEOS)
    return {
        "policy": policy_figures(nodes=100 if quick else 1000, videos=videos),
        "plan": plan_figures(videos),
        "equal": [
            median_of(rounds, functools.partial(engine_on, nodes, chunks, store=store))
            for store in STORES
            for nodes in sizes
        ],
        "mixed": median_of(rounds, functools.partial(engine_on, sizes[-2], chunks, fast=2.5)),
        "dataset": engine_on(sizes[-2], chunks, scheduler="dataset"),
    }


def plan_figures(videos: int) -> dict[str, Any]:
    """The plan of so many files of one line, and how soon work begins where lists name them."""
    with one_line_videos(videos) as sources:
        others = {name: told_by(PLAN, sources[name], "first") for name in SOURCES[1:]}
        return {**told_by(PLAN, sources[SOURCES[0]]), "others": others}


def median_of(rounds: int, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The run of median efficiency, with the efficiencies of all."""
    runs = sorted((run() for _ in range(rounds)), key=lambda one: float(one["efficiency"]))
    return {**runs[len(runs) // 2], "efficiencies": [one["efficiency"] for one in runs]}


def engine_on(
    nodes: int, chunks_per_node: int, *, fast: float = 1.0, scheduler: str = "pool", store: str = "sqlite"
) -> dict[str, Any]:
    """A run of the engine on so many nodes, in a process of its own, which Ray's node keeps for itself."""
    return told_by("bench.harness.simulated_nodes", nodes, chunks_per_node, fast, scheduler, store, CHUNK_S)


def told_by(module: str, *arguments: object) -> dict[str, Any]:
    """The last line of a module that runs in a process of its own."""
    words = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_S)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables, and how they were measured."""
    runs = [*measured["equal"], measured["mixed"], measured["dataset"]]
    rows = [
        [
            str(run["nodes"]) + (f", a quarter {run['fast']:g} times as fast" if run["fast"] != 1.0 else ""),
            run["scheduler"],
            run["store"],
            f"{run['chunk_s']:g}",
            str(run["chunks"]),
            f"{run['ideal_s']:.0f}",
            f"{run['wall_s']:.0f}",
            f"{run['efficiency']:.3f}",
            f"{run['engine_cpu_s_per_chunk']:.3f}",
            f"{run['load_average'][0]:.0f} to {run['load_average'][1]:.0f}",
        ]
        for run in runs
    ]
    policy, plan = measured["policy"], measured["plan"]
    others = plan["others"].items()
    return "\n\n".join(
        [
            "The engine on a simulated cluster: one node of Ray stands for all, with a decoder and a "
            "model for each. Every decoder sleeps a known time for a chunk, every model a twentieth of it "
            "for a batch, so that the measuring machine is not the limit: this is the efficiency of the "
            "policy. Ray, the pool, coordinator, finalizers and store are the real ones. The time counts "
            "from the moment when every node was at work to the last commit, against the time of the "
            "sleeps alone. The processor time of driver, coordinator, finalizers and store for a chunk "
            "says where the limit is: one processor for these carries its reciprocal in chunks a second.",
            table(
                [
                    "nodes",
                    "engine.scheduler",
                    "store",
                    "decoder's s a chunk",
                    "chunks",
                    "ideal s",
                    "measured s",
                    "efficiency",
                    "engine's processor s a chunk",
                    "load of the machine",
                ],
                rows,
            ),
            f"The policies alone, {policy['nodes']:,} nodes and {policy['videos']:,} videos: placement "
            f"{policy['placement_s']:.3f} s, {policy['decisions_per_s']:,.0f} pulls a second, "
            f"{policy['memory_mb']:.0f} MB more at the end, makespan {policy['over_best']:.3f} of the "
            f"optimum ({policy['over_best_mixed']:.3f} where a quarter is 2.5 times as fast).",
            f"The plan alone, {plan['videos']:,} files of one line, a stand-in for the prober: first work "
            f"after {plan['first_work_s']:.1f} s from a folder ("
            + ", ".join(f"{told['first_work_s']:.1f} s from a {name}" for name, told in others)
            + f"), all planned after {plan['planned_s']:.0f} s, {plan['bytes_per_video']:.0f} bytes a video "
            f"in the driver with the coordinator in it, {plan['peak_bytes']['ended'] / 1e6:.0f} MB at most.",
        ]
    )
