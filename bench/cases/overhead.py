"""Benchmark of the engine's overhead over a handwritten loop on the same clips and cores."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench.harness import engine_process
from bench.harness.report import spread, table
from bench.harness.timing import Times, in_turns, timed
from bench.rivals.handwritten_loop import OneProcessPerCore, one_process, warm
from vaengine.demo import SHOTS, Shot, render_demo_clip

TITLE = "Overhead over a bare loop"
N_CLIPS: Final = 16
PIPELINES: Final = "scene,person"
# The loop's own, whatever weights are on this machine: with them preset embedded would take another model.
SETTINGS: Final = ("person.detector=hog", "person.track_match=0.8")


def clips(folder: Path) -> list[Path]:
    """Write different clips of 12 s, made of the demo's shots."""
    return [render_demo_clip(folder / f"clip{number:02}.mp4", shots(number)) for number in range(N_CLIPS)]


def shots(number: int) -> list[Shot]:
    """The demo's shots, rotated by `number`.

    In every second four clips the shots run backwards. In the second eight they have the other length.
    """
    first, total_s = number % len(SHOTS), sum(shot.seconds for shot in SHOTS[:2])
    rotated = [*SHOTS[first:], *SHOTS[:first]]
    if number // 4 % 2:
        rotated = [replace(shot, first=shot.last, last=shot.first) for shot in rotated]
    return [replace(shot, seconds=total_s - shot.seconds) for shot in rotated] if number >= 8 else rotated


def measure(rounds: int) -> dict[str, Any]:
    """The wall seconds of the engine and of both loops, in turns.

    Raises `RuntimeError` if their numbers of rows differ.
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
        times_by_name = in_turns({**loops, "engine, whole process": engine}, rounds)
    per_core.close()
    rows = engine.rows.union(*(loop.rows for loop in loops.values()))
    if len(rows) != 1:
        raise RuntimeError(f"loop and engine do not agree on the number of rows: {sorted(rows)}")
    working, steady = Times(tuple(engine.working)), Times(tuple(engine.steady))
    bare = times_by_name["loop, one process per core"]
    return {
        "clips": len(material),
        "video_s": sum(shot.seconds for shot in SHOTS) * len(material),
        "rows": rows.pop(),
        "processes": cores,
        "times": {name: times.to_data() for name, times in times_by_name.items()}
        | {
            "engine, first chunk to last commit": working.to_data(),
            "engine, at its steady pace": steady.to_data(),
        },
        "steady_over_loop_per_core": steady.over(bare).to_data(),
        "working_over_loop_per_core": working.over(bare).to_data(),
        "whole_process_over_loop_per_core": times_by_name["engine, whole process"].over(bare).to_data(),
    }


class Loop:
    """A measurement of a loop over all clips; `rows` has its numbers of rows."""

    def __init__(self, work: Callable[[Sequence[Path]], int], material: Sequence[Path]) -> None:
        self._work, self._material = work, material
        self.rows: set[int] = set()

    def __call__(self) -> float:
        return timed(lambda: self.rows.add(self._work(self._material)))


class EngineOverhead:
    """A measurement of a run over all clips, each into a new folder.

    A call returns the time of the whole process. `working` and `steady` have the times of the work alone.
    """

    def __init__(self, folder: Path, material: Sequence[Path]) -> None:
        self._folder, self._material = folder, material
        self.working: list[float] = []
        self.steady: list[float] = []
        self.rows: set[int] = set()

    def __call__(self) -> float:
        out = self._folder / f"out{len(self.working)}"
        began_s = time.perf_counter()
        result = engine_process.run(out, self._material, SETTINGS, PIPELINES)
        seconds = time.perf_counter() - began_s
        self.working.append(result["working_s"])
        self.steady.append(result["steady_s"])
        self.rows.add(stored_rows(out / "batch_processing.db"))
        return seconds


def stored_rows(database: Path) -> int:
    """The number of annotations in a store."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(database)) as store:
        return int(store.execute("SELECT COUNT(*) FROM annotations").fetchone()[0])


def described(measured: Mapping[str, Any]) -> str:
    """The case's table, and what it compares."""
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
