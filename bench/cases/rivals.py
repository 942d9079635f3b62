"""Benchmark of whole commands that find persons in every frame of short clips: the engine and its rivals.

The shape is that of the public video benchmark of Daft and of Ray Data: many short clips, one small detector.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.cases.overhead import stored_rows
from bench.fixtures.short_clips import FPS, short_clips
from bench.harness.in_process import NEURAL
from bench.harness.report import spread, table
from bench.harness.timing import in_turns
from bench.rivals.ultralytics_detection import CONFIDENCE
from bench.rivals.ultralytics_loop import WEIGHTS

TITLE = "Persons in every frame of short clips, whole commands"
CLIPS, SECONDS = 24, 4
SETTINGS: Final = (*NEURAL, "person.sample_fps=240", f"person.min_confidence={CONFIDENCE}")
ENGINE, ON_RAY = "vaengine", "vaengine, on Ray"
MOST_DIFFERENT: Final = 0.02  # of the boxes: decoders convert colours in their own ways
TIMEOUT_S: Final = 1800


@dataclass(slots=True)
class WholeCommand:
    """A measurement of a command from its start to its end; `boxes` has what it found each time."""

    words: Callable[[], Sequence[str]]
    found: Callable[[str], int]
    boxes: set[int] = field(default_factory=set)

    def __call__(self) -> float:
        words, began_s = self.words(), time.perf_counter()
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=TIMEOUT_S)
        seconds = time.perf_counter() - began_s
        if done.returncode:
            raise RuntimeError(f"{words[:5]} ended with {done.returncode}: {done.stderr[-2000:]}")
        self.boxes.add(self.found(done.stdout))
        return seconds


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """The wall seconds of each, in turns, and the boxes that they found.

    Raises `FileNotFoundError` without the clips and the weights, and `RuntimeError` where boxes differ.
    """
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        (folder / "clips").mkdir()
        clips = short_clips(folder / "clips", 4 if quick else CLIPS, SECONDS)
        commands = commands_over(clips, folder)
        times = in_turns(commands, rounds)
    boxes = {name: sorted(command.boxes) for name, command in commands.items()}
    require_same(boxes)
    return {
        "clips": len(clips),
        "frames": len(clips) * SECONDS * FPS,
        "boxes": boxes,
        "times": {name: seconds.to_data() for name, seconds in times.items()},
        "over_engine": {
            name: seconds.over(times[ENGINE]).to_data() for name, seconds in times.items() if name != ENGINE
        },
    }


def require_same(boxes: Mapping[str, Sequence[int]]) -> None:
    """Raise `RuntimeError` where the numbers of boxes differ by more than decoders make them differ."""
    counts = {count for own in boxes.values() for count in own}
    if max(counts) - min(counts) > MOST_DIFFERENT * max(counts):
        raise RuntimeError(f"not all have found the same: {boxes}")


def commands_over(clips: Sequence[Path], folder: Path) -> dict[str, WholeCommand]:
    """The engine without Ray and on it, and its rivals, over the same clips."""
    paths, cores = list(map(str, clips)), len(os.sched_getaffinity(0))
    rival = [sys.executable, "-m"]
    loop = [*rival, "bench.rivals.ultralytics_detection"]
    return {
        ENGINE: engine(clips, folder, "none"),
        ON_RAY: engine(clips, folder, "local"),
        "ultralytics, one process": WholeCommand(lambda: [*loop, "1", str(WEIGHTS), *paths], int),
        "ultralytics, one process per core": WholeCommand(
            lambda: [*loop, str(cores), str(WEIGHTS), *paths], int
        ),
        "Ray Data": WholeCommand(
            lambda: [*rival, "bench.rivals.ray_data_detection", str(WEIGHTS), *paths], int
        ),
    }


def engine(clips: Sequence[Path], folder: Path, cluster: str) -> WholeCommand:
    """`vaengine run` over the clips, each time into a new folder."""
    outs: list[Path] = []

    def words() -> list[str]:
        outs.append(Path(tempfile.mkdtemp(prefix=f"{cluster}-", dir=folder)))
        run = [
            str(Path(sys.executable).with_name("vaengine")),
            "run",
            *map(str, clips),
            "--out",
            str(outs[-1]),
        ]
        options = ["--pipelines", "person", "--cluster", cluster, "--no-files"]
        return [*run, *options, *(word for setting in SETTINGS for word in ("--set", setting))]

    return WholeCommand(words, lambda _: stored_rows(outs[-1] / "batch_processing.db", "person_detection"))


def described(measured: Mapping[str, Any]) -> str:
    """The case's table."""
    rows = [
        [
            name,
            *spread(times),
            f"{measured['over_engine'][name]['median']:.2f}" if name != ENGINE else "1.00",
            ", ".join(map(str, measured["boxes"][name])),
        ]
        for name, times in measured["times"].items()
    ]
    return (
        f"{measured['clips']} clips of {SECONDS} s, {measured['frames']:,} frames, YOLO11n in each of them; "
        "seconds from the start of a command to its end, start and models included.\n\n"
        + table(["", "min s", "median s", "max s", "over the engine", "boxes"], rows)
    )
