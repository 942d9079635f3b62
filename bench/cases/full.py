"""Benchmark of all four pipelines, beside the ceilings of its parts."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.cases.comparisons import CLUSTERS, FACE, WITHOUT_RAY, YOLO, hearing
from bench.fixtures.short_clips import FACES, FPS, MOTION, short_clips
from bench.fixtures.speech_files import speech_file
from bench.harness import ceilings, engine_process
from bench.harness.ceilings import DECODE, MODELS, STORAGE, TOGETHER
from bench.harness.report import table
from bench.harness.timing import Times
from bench.rivals.process_per_core import CORES

TITLE = "All four pipelines, and what their parts cost alone"
CLIPS, QUICK_CLIPS, SECONDS = 12, 4, 12
PIPELINES: Final = ("scene", "person", "face", "audio")
WORKING, STEADY = "first chunk to last commit", "at its steady pace"


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """The wall seconds of the engine after its start, and of each part alone, in turns.

    Raises `FileNotFoundError` without the clips and the weights, and `RuntimeError` if a clip fails.
    """
    count = QUICK_CLIPS if quick else CLIPS
    clusters = WITHOUT_RAY if quick else CLUSTERS
    settings = (*YOLO, *FACE, *hearing())
    parts: dict[str, list[float]] = {part: [] for part in ceilings.PARTS}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in clusters}
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        clips = talking_clips(folder, count)
        for number in range(rounds):
            for who, cluster in clusters.items():
                out = folder / f"out{number}-{cluster}"
                runs[who].append(_run(out, clips, settings, cluster))
            for part, seconds in ceilings.run(CORES, PIPELINES, settings, clips).items():
                parts[part].append(seconds)
    return {
        "clips": count,
        "frames": count * SECONDS * FPS,
        "ceilings": {part: Times(tuple(seconds)).to_data() for part, seconds in parts.items()},
        "engine": {who: _figures(own, parts) for who, own in runs.items()},
    }


def _run(out: Path, clips: Sequence[Path], settings: Sequence[str], cluster: str) -> dict[str, Any]:
    result = engine_process.run(out, clips, settings, ",".join(PIPELINES), cluster=cluster)
    if result["failed"]:
        raise RuntimeError(f"the engine failed on {result['failed']} of {len(clips)} clips")
    return result


def talking_clips(folder: Path, count: int) -> list[Path]:
    """Clips of people in motion and of faces, with English speech."""
    sound = speech_file(folder / "speech.wav", count * SECONDS)
    (folder / "clips").mkdir()
    return short_clips(folder / "clips", count, SECONDS, sources=(FACES, *MOTION), sound=sound)


def _figures(runs: Sequence[Mapping[str, Any]], parts: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Seconds of the engine, and its efficiency over each ceiling, round by round.

    Without the steady pace where a run has too few commits to tell it.
    """
    seconds = {WORKING: Times(tuple(run["working_s"] for run in runs))}
    if all("steady_s" in run for run in runs):
        seconds[STEADY] = Times(tuple(run["steady_s"] for run in runs))
    return {
        **{how: times.to_data() for how, times in seconds.items()},
        "efficiency": {
            part: {how: Times(tuple(alone)).over(times).to_data() for how, times in seconds.items()}
            for part, alone in parts.items()
        },
    }


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables."""
    ceilings_rows = [
        [part, f"{times['median']:.2f}", f"{measured['frames'] / times['median']:.0f}"]
        for part, times in measured["ceilings"].items()
    ]
    rows = [
        [
            f"{who}, {how}",
            f"{own[how]['median']:.2f}",
            f"{measured['frames'] / own[how]['median']:.0f}",
            *(f"{own['efficiency'][part][how]['median']:.2f}" for part in (DECODE, MODELS, TOGETHER)),
        ]
        for who, own in measured["engine"].items()
        for how in (WORKING, STEADY)
        if how in own
    ]
    return "\n\n".join(
        [
            f"{measured['clips']} clips of {SECONDS} s, 640 x 360 at {FPS} frames a second, with speech: "
            "scenes in every frame, YOLO11n at 5 frames a second, SCRFD-500M and MobileFaceNet at 2, Whisper "
            "tiny.en. "
            "The parts alone run in one process per core, warm; storage in one. On processors decoder and "
            f"models share the cores, so `{TOGETHER}` is what bounds a run.",
            table(["part alone", "median s", "frames/s"], ceilings_rows),
            table(
                ["", "median s", "frames/s", f"over {DECODE}", f"over {MODELS}", f"over {TOGETHER}"],
                rows,
            ),
            f"{STORAGE.capitalize()}: every value committed and every row made final, on one core.",
        ]
    )
