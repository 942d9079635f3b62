"""Benchmark of start-up: the time to the first stored row, and to the answer of a command that reads."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.harness.report import spread, table
from bench.harness.timing import Times, command, in_turns
from vaengine.demo import render_demo_clip

TITLE = "Start-up"
BIN = Path(sys.executable).parent
POLL_SECONDS = 0.02
TIMEOUT_SECONDS = 180.0
MOMENTS = {
    "run_begun": "SELECT 1 FROM runs LIMIT 1",
    "first_chunk": "SELECT 1 FROM chunks LIMIT 1",
    "first_row": "SELECT 1 FROM annotations LIMIT 1",
}
BARE = "Ray, started and ended, and the model loaded"
# On a Ray of its own, and without Ray: by the names of their figures.
CLUSTERS = {"run": "local", "run_without_ray": "none"}
QUICK_CLUSTERS = {"run_without_ray": "none"}
READER_ROUNDS = 7  # at least: they take a second
READERS = {
    "typer and sqlalchemy": [sys.executable, "-c", "import typer, sqlalchemy"],
    "vaengine --help": [str(BIN / "vaengine"), "--help"],
}
PARTS = {
    "import ray.data": [sys.executable, "-c", "import ray.data"],
    "Ray, started and ended": [
        sys.executable,
        "-c",
        "from cluster.session import session\nwith session(): pass",
    ],
    BARE: [
        sys.executable,
        "-c",
        "from actors.persons.hog import HogDetector\nfrom cluster.session import session\n"
        "with session(): HogDetector()",
    ],
}


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """The wall seconds from the start of a command, measured in turns; a quick one is without runs on Ray."""
    clusters = QUICK_CLUSTERS if quick else CLUSTERS
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as folder:
        clip = render_demo_clip(Path(folder) / "demo.mp4")
        runs: dict[str, list[dict[str, float]]] = {cluster: [] for cluster in clusters.values()}
        for number in range(rounds):
            for cluster, moments in runs.items():
                moments.append(first_rows(clip, Path(folder) / f"out{number}-{cluster}", cluster))
        out = Path(folder) / f"out0-{clusters['run_without_ray']}"
        status = [str(BIN / "vaengine"), "status", "--out", str(out)]
        readers = in_turns(
            {name: command(words) for name, words in {**READERS, "vaengine status": status}.items()},
            rounds if quick else max(rounds, READER_ROUNDS),
        )
        parts = in_turns({name: command(words) for name, words in PARTS.items()}, rounds)
    base = readers["typer and sqlalchemy"]
    return {
        **{name: _moments(runs[cluster]) for name, cluster in clusters.items()},
        "readers": {name: times.to_data() for name, times in readers.items()},
        "readers_over_imports": {
            name: times.over(base).to_data() for name, times in readers.items() if times is not base
        },
        "parts": {name: times.to_data() for name, times in parts.items()},
        "whole_over_bare": {
            name: Times(tuple(run["end"] for run in own)).over(parts[BARE]).to_data()
            for name, own in runs.items()
        },
    }


def _moments(runs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    return {moment: Times(tuple(run[moment] for run in runs)).to_data() for moment in runs[0]}


def first_rows(clip: Path, out: Path, cluster: str) -> dict[str, float]:
    """The seconds from the command to each of `MOMENTS`, as another process sees it, and to the run's end.

    Raises `RuntimeError` if the run fails or a moment does not come.
    """
    began_s = time.perf_counter()
    command: list[str | Path] = [
        BIN / "vaengine",
        "run",
        clip,
        "--out",
        out,
        "--preset",
        "embedded",
        "--cluster",
        cluster,
    ]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    times_s: dict[str, float] = {}
    while (
        len(times_s) < len(MOMENTS) and run.poll() is None and time.perf_counter() - began_s < TIMEOUT_SECONDS
    ):
        for moment, query in MOMENTS.items():
            if moment not in times_s and has_row(out / "batch_processing.db", query):
                times_s[moment] = time.perf_counter() - began_s
        time.sleep(POLL_SECONDS)
    _, stderr = run.communicate(timeout=TIMEOUT_SECONDS)
    if run.returncode != 0 or len(times_s) < len(MOMENTS):
        raise RuntimeError(
            f"the run ended with {run.returncode} and stored {sorted(times_s)}: {stderr[-2000:]}"
        )
    return {**times_s, "end": time.perf_counter() - began_s}


def has_row(database: Path, query: str) -> bool:
    """Whether a query has a row yet; a database without its tables has none."""
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as store:
            return store.execute(query).fetchone() is not None
    except sqlite3.OperationalError:
        return False


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables."""
    titles = ["from the command to", "min s", "median s", "max s"]
    names = {
        "run_begun": "the run noted in the store",
        "first_chunk": "the first chunk committed",
        "first_row": "the first row of annotations",
    }
    run = [
        [names.get(moment, "the end of the run") + suffix, *spread(times)]
        for key, suffix in (("run", ""), ("run_without_ray", ", without Ray"))
        for moment, times in measured.get(key, {}).items()
    ]
    readers = [
        [f"`{name}`", *spread(times, 3), ratio(measured, name)] for name, times in measured["readers"].items()
    ]
    parts = [[f"`{name}` alone", *spread(times)] for name, times in measured["parts"].items()]
    first = table(titles, [*run, *parts])
    second = table(["command", "min s", "median s", "max s", "over the imports"], readers)
    bare = measured.get("whole_over_bare", {})
    third = (
        f"The whole command over `{BARE}`: {bare['none']['median']:.2f} without Ray, "
        f"{bare['local']['median']:.2f} on Ray.\n\n"
        if bare
        else ""
    )
    about = (
        "The demo clip (12 s, without sound) and a run that is told of no pipelines, so all four; preset "
        "embedded, bytecode compiled."
    )
    return f"{about}\n\n{first}\n\n{third}{second}"


def ratio(measured: Mapping[str, Any], name: str) -> str:
    """The median ratio to the bare imports, round by round."""
    over = measured["readers_over_imports"].get(name)
    return f"{over['median']:.2f}x" if over else "1"
