"""Benchmark of the engine's overhead over a handwritten loop, on the same clips and the same cores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.harness.report import spread, table
from bench.harness.timing import Times, in_turns, timed
from bench.rivals.handwritten_loop import OneProcessPerCore, one_process, warm
from vaengine.demo import SHOTS, Shot, render_demo_clip

TITLE = "Overhead over a bare loop"
N_CLIPS = 16


def clips(folder: Path) -> list[Path]:
    """Distinct clips of 12 s: the demo's shots in another order, run backwards, or the long ones short."""
    return [render_demo_clip(folder / f"clip{number:02}.mp4", shots(number)) for number in range(N_CLIPS)]


def shots(number: int) -> list[Shot]:
    """The demo's shots, turned by `number`; in every second four run backwards; in the second eight of
    the other length.
    """
    first, whole = number % len(SHOTS), sum(shot.seconds for shot in SHOTS[:2])
    turned = [*SHOTS[first:], *SHOTS[:first]]
    if number // 4 % 2:
        turned = [replace(shot, first=shot.last, last=shot.first) for shot in turned]
    return [replace(shot, seconds=whole - shot.seconds) for shot in turned] if number >= 8 else turned


def measure(rounds: int) -> dict[str, Any]:
    """Wall seconds of the engine and of both loops, in turns; raises `RuntimeError` where their numbers
    of rows differ.
    """
    cores = len(os.sched_getaffinity(0))
    warm()
    per_core = OneProcessPerCore(cores)
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        material = clips(folder)
        engine = EngineOverhead(folder, material)
        loops = {
            "loop, one process": Loop(one_process, material),
            "loop, one process per core": Loop(per_core, material),
        }
        taken = in_turns({**loops, "engine, whole process": engine}, rounds)
    per_core.close()
    rows = engine.rows.union(*(loop.rows for loop in loops.values()))
    if len(rows) != 1:
        raise RuntimeError(f"loop and engine do not agree on the number of rows: {sorted(rows)}")
    working, steady = Times(tuple(engine.working)), Times(tuple(engine.steady))
    bare = taken["loop, one process per core"]
    return {
        "clips": len(material),
        "video_s": sum(shot.seconds for shot in SHOTS) * len(material),
        "rows": rows.pop(),
        "processes": cores,
        "times": {loop: times.to_data() for loop, times in taken.items()}
        | {
            "engine, first chunk to last commit": working.to_data(),
            "engine, at its steady pace": steady.to_data(),
        },
        "steady_over_loop_per_core": steady.over(bare).to_data(),
        "working_over_loop_per_core": working.over(bare).to_data(),
        "whole_process_over_loop_per_core": taken["engine, whole process"].over(bare).to_data(),
    }


class Loop:
    """A loop over all clips; the numbers of rows it came to are kept beside its time."""

    def __init__(self, work: Callable[[Sequence[Path]], int], material: Sequence[Path]) -> None:
        self._work, self._material = work, material
        self.rows: set[int] = set()

    def __call__(self) -> float:
        return timed(lambda: self.rows.add(self._work(self._material)))


class EngineOverhead:
    """A run over all clips into a new folder each time; the time of the work alone is kept beside that of
    the whole process.
    """

    def __init__(self, folder: Path, material: Sequence[Path]) -> None:
        self._folder, self._material = folder, material
        self.working: list[float] = []
        self.steady: list[float] = []
        self.rows: set[int] = set()

    def __call__(self) -> float:
        out = self._folder / f"out{len(self.working)}"
        began = time.perf_counter()
        words = [sys.executable, "-m", "bench.harness.engine_process", str(out), *map(str, self._material)]
        run = subprocess.run(words, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - began
        told = json.loads(run.stdout.splitlines()[-1])
        self.working.append(told["working_s"])
        self.steady.append(told["steady_s"])
        self.rows.add(stored_rows(out / "batch_processing.db"))
        return seconds


def stored_rows(database: Path) -> int:
    """Rows of annotations in a store."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(database)) as store:
        return int(store.execute("SELECT COUNT(*) FROM annotations").fetchone()[0])


def described(measured: Mapping[str, Any]) -> str:
    """The case's table, and what is compared with what."""
    bare = measured["times"]["loop, one process per core"]["median"]
    rows = [
        [name, *spread(times), f"{times['median'] / bare:.2f}x"] for name, times in measured["times"].items()
    ]
    steady, working = measured["steady_over_loop_per_core"], measured["working_over_loop_per_core"]
    return "\n\n".join(
        [
            f"{measured['clips']} clips of 12 s (640 x 480, 25 fps), both pipelines, preset embedded, "
            f"{measured['processes']} processes;"
            f" the same {measured['rows']} rows from all of them.",
            table(["", "min s", "median s", "max s", "to the loop per core"], rows),
            "Ratios to the loop with one process per core, round by round: the engine at its steady pace"
            f" {steady['min']:.2f} to {steady['max']:.2f} (median {steady['median']:.2f}), from its first "
            "chunk to its last commit"
            f" {working['min']:.2f} to {working['max']:.2f} (median {working['median']:.2f}). The loops are "
            "timed warm; the engine's"
            " workers import their libraries after the first chunk has begun, which its steady pace (after "
            "the first quarter of the"
            " frames, the tail included) leaves out.",
        ]
    )
