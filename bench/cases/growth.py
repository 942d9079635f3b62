"""Benchmark of growth: ten times the videos, and one long video against the same pictures in short ones."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.cases.memory import profile_of, render_video
from bench.fixtures.copies import copy_with_mark
from bench.harness.report import table

TITLE = "Ten times the videos, and one of three hours"
CLIPS, QUICK_CLIPS = 60, 12
CLIP_S: Final = 10
TIMES: Final = 10
LONG_S, QUICK_LONG_S = 10_800, 600
PIECE_S: Final = 60
PATTERNS: Final = 6
ROLES: Final = ("driver", "coordinator")


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """Each batch once, whatever the rounds; raises `RuntimeError` if one fails, or if Ray spilled objects."""
    clips, long_s = (QUICK_CLIPS, QUICK_LONG_S) if quick else (CLIPS, LONG_S)
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        batches = {
            "few": clips_of(folder / "few", clips, CLIP_S),
            "many": clips_of(folder / "many", TIMES * clips, CLIP_S),
            "short": clips_of(folder / "short", long_s // PIECE_S, PIECE_S),
            "long": folder / "long",
        }
        batches["long"].mkdir()
        render_video(batches["long"] / "long.mp4", long_s)
        profiles = {name: profile_of([batch], folder / f"{name}-out") for name, batch in batches.items()}
    return {
        "clips": clips,
        "long_s": long_s,
        "profiles": profiles,
        "many_over_few": profiles["many"]["wall_s"] / profiles["few"]["wall_s"],
        "long_over_short": profiles["long"]["wall_s"] / profiles["short"]["wall_s"],
    }


def clips_of(folder: Path, number: int, seconds: int) -> Path:
    """Write clips of a few patterns, none with the content of another; returns the folder."""
    folder.mkdir()
    for index in range(min(PATTERNS, number)):
        render_video(folder / f"clip{index:05}.mp4", seconds, seed=index)
    for index in range(PATTERNS, number):
        copy_with_mark(folder / f"clip{index % PATTERNS:05}.mp4", folder / f"clip{index:05}.mp4")
    return folder


def described(measured: Mapping[str, Any]) -> str:
    """The case's table."""
    about = {
        "few": f"{measured['clips']} clips of {CLIP_S} s",
        "many": f"{TIMES * measured['clips']} clips of {CLIP_S} s",
        "short": f"{measured['long_s'] // PIECE_S} clips of {PIECE_S} s",
        "long": f"one video of {measured['long_s']} s",
    }
    rows = [_row(text, measured["profiles"][name]) for name, text in about.items()]
    titles = ["", "whole command s", *(f"{role}, MiB early and late" for role in ROLES), "object store MiB"]
    return "\n\n".join(
        [
            "Scenes and persons (one frame a second, HOG) of 320 x 240 at 10 frames a second, on Ray.",
            table(titles, rows),
            f"{TIMES} times the videos take {measured['many_over_few']:.2f} times as long; one long video "
            f"takes {measured['long_over_short']:.2f} of the same pictures in clips of {PIECE_S} s. Ray "
            "spilled nothing.",
        ]
    )


def _row(text: str, profile: Mapping[str, Any]) -> Sequence[str]:
    memory = [
        f"{role['early']:.0f}, {role['late']:.0f}" if (role := profile["roles"].get(name)) else ""
        for name in ROLES
    ]
    return [text, f"{profile['wall_s']:.1f}", *memory, f"{profile['object_store_most_mib']:.0f}"]
