"""Benchmark of many nodes: the engine with workers of known speed, and the policies at 1,000 nodes."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from bench.harness.large_plan import SOURCES, one_line_videos
from bench.harness.policies import policy_figures
from bench.harness.report import Part, table

TITLE = "Many nodes and many videos"
ABOUT = "What one process does for all nodes and all videos, measured without as many machines."
PLAN: Final = "bench.harness.large_plan"
NODES: Final = (1, 2, 4, 8, 16)
STORES: Final = ("sqlite", "postgresql")
CHUNKS_PER_NODE: Final = 20
# Of a decoder for a chunk. The stand-ins take 0.4 s of the measuring machine's processors for each.
CHUNK_S: Final = 16.0
VIDEOS, QUICK_VIDEOS = 1_000_000, 10_000
TIMEOUT_S: Final = 7200
SIMULATED: Final = (
    "One node of Ray stands for all, with a decoder and a model for each. Every decoder sleeps a known time "
    "for a chunk, every model a twentieth of it for a batch, so that the measuring machine is not the limit: "
    "this is the efficiency of the policy. Ray, the pool, coordinator, finalizers and store are the real "
    "ones. The time counts from the moment when every node was at work to the last commit, against the time "
    "of the sleeps alone. The processor time of driver, coordinator, finalizers and store for a chunk says "
    "where the limit is: one processor for these carries its reciprocal in chunks a second."
)
TITLES: Final = (
    *("nodes", "engine.scheduler", "store", "decoder's s a chunk", "chunks", "ideal s", "measured s"),
    *("efficiency", "engine's processor s a chunk", "load of the machine"),
)


def measure_parts(
    rounds: int, *, only: Sequence[str], quick: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Figures of the policies, of a plan, and of the engine on nodes; each as soon as it is known."""
    videos = QUICK_VIDEOS if quick else VIDEOS
    if "policy" in only:
        yield "policy", policy_figures(nodes=100 if quick else 1000, videos=videos)
    if "plan" in only:
        yield "plan", plan_figures(videos)
    if "nodes" in only:
        yield "nodes", {"runs": list(engine_runs(rounds, quick=quick))}


def engine_runs(rounds: int, *, quick: bool) -> Iterator[dict[str, Any]]:
    """The engine on 1 to 16 nodes and two stores, on nodes of different speed, and by Ray Data.

    Each size is run `rounds` times, and the run of median efficiency is kept, with the efficiencies of all.
    """
    sizes, chunks = ((1, 2), 12) if quick else (NODES, CHUNKS_PER_NODE)
    for store in STORES:
        for nodes in sizes:
            yield median_of(rounds, functools.partial(engine_on, nodes, chunks, store=store))
    yield median_of(rounds, functools.partial(engine_on, sizes[-2], chunks, fast=2.5))
    yield engine_on(sizes[-2], chunks, scheduler="dataset")


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


def policy_text(policy: Mapping[str, Any]) -> str:
    """The figures of the policies."""
    return (
        f"{policy['nodes']:,} nodes and {policy['videos']:,} videos: placement "
        f"{policy['placement_s']:.3f} s, {policy['decisions_per_s']:,.0f} pulls a second, "
        f"{policy['memory_mb']:.0f} MB more at the end, makespan {policy['over_best']:.3f} of the "
        f"optimum ({policy['over_best_mixed']:.3f} where a quarter is 2.5 times as fast)."
    )


def plan_text(plan: Mapping[str, Any]) -> str:
    """The figures of a plan; seconds of the whole where it was planned without a pause."""
    others = [f"{told['first_work_s']:.1f} s from a {name}" for name, told in plan.get("others", {}).items()]
    resident = [size for planned, size in plan["resident_bytes"] if planned]
    texts = [
        f"{plan['videos']:,} files of one line in folders, a stand-in for the prober: all found after "
        f"{plan['found_s']:.1f} s, first work after {plan['first_work_s']:.1f} s"
        + (f" ({', '.join(others)})" if others else "")
        + f". The driver with the coordinator in it, until all are planned: {min(resident) / 1e6:.0f} to "
        f"{max(resident) / 1e6:.0f} MB, {resident[-1] / 1e6:.0f} at the end; "
        f"{max(plan['peak_bytes'].values()) / 1e6:.0f} MB at most."
    ]
    if "planned_s" in plan:
        texts.append(f"All planned after {plan['planned_s']:.0f} s.")
    if "about" in plan:
        texts.append(f"Measured {plan['about']}.")
    return " ".join(texts)


def nodes_text(measured: Mapping[str, Any]) -> str:
    """How the engine is measured on simulated nodes, and the table of its runs."""
    return f"{SIMULATED}\n\n{table(TITLES, [_row(run) for run in measured['runs']])}"


def _row(run: Mapping[str, Any]) -> list[str]:
    return [
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


REPORTED_PARTS: Final = {
    "policy": Part("The policies alone", policy_text),
    "plan": Part("The plan alone", plan_text),
    "nodes": Part("The engine on a simulated cluster", nodes_text),
}
