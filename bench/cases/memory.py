"""Benchmark of memory: a video of two hours, and two thousand clips of a second."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import psutil

from bench.fixtures.copies import copy_with_mark
from bench.harness.fault_injection import ROLES
from bench.harness.report import table

TITLE = "Memory"
FPS: Final = 10
SIZE: Final = (320, 240)  # width, height
SCENE_SECONDS: Final = 20
LONG_SECONDS, CLIPS = 7200, 2000
QUICK_LONG_SECONDS, QUICK_CLIPS = 300, 60
SAMPLE_SECONDS: Final = 1.0
MIB: Final = 1 << 20
ON_RAY: Final = ("--cluster", "local")
SPILLED: Final = "session_*/ray_spilled_objects_*"


@dataclass(slots=True)
class MemoryProfile:
    """The private memory of each role over time, in MiB, as the sum of its processes.

    `store_mib` is the memory that the object store has touched.
    """

    resident_mib: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    store_mib: list[float] = field(default_factory=list)

    def sample(self, driver: int) -> None:
        """Add the memory of all processes of a driver at this moment.

        The driver is the command's process and the one that it has made of itself to do the work.
        """
        role_mib: dict[str, float] = defaultdict(float)
        command = ""
        for process in _process_tree(driver):
            try:
                memory, title = process.memory_info(), " ".join(process.cmdline())
            except psutil.Error:
                continue
            if title.endswith("raylet") or process.name() == "raylet":
                self.store_mib.append(memory.shared / MIB)
            command = command or title
            role = next(
                (role for role, prefix in ROLES.items() if title.startswith(prefix)),
                "driver" if title == command else None,
            )
            if role is not None:
                role_mib[role] += (memory.rss - memory.shared) / MIB
        for role, mib in role_mib.items():
            self.resident_mib[role].append(mib)

    def summary(self) -> dict[str, Any]:
        """The median of the second and of the last quarter of each role's time, and the maximum."""
        long_lived = {role: series for role, series in self.resident_mib.items() if len(series) >= 8}
        return {
            "roles": {
                role: {"early": _quarter(series, 1), "late": _quarter(series, 3), "most": max(series)}
                for role, series in long_lived.items()
            },
            "object_store_most_mib": max(self.store_mib, default=0.0),
        }


def _quarter(series: Sequence[float], number: int) -> float:
    """The median of a quarter, counted from 0."""
    length = len(series) // 4
    return float(np.median(series[number * length : (number + 1) * length]))


def _process_tree(driver: int) -> Iterator[psutil.Process]:
    try:
        root = psutil.Process(driver)
        yield from (root, *root.children(recursive=True))
    except psutil.NoSuchProcess:
        return


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """Both batches once, whatever the rounds.

    Raises `RuntimeError` if a batch fails, or if Ray spilled objects.
    """
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        long_s, number = (QUICK_LONG_SECONDS, QUICK_CLIPS) if quick else (LONG_SECONDS, CLIPS)
        render_video(folder / "long.mp4", long_s)
        long = profile_of([folder / "long.mp4"], folder / "long-out")
        return {
            "long_s": long_s,
            "long": long,
            "clips": number,
            "short": profile_of([short_clips(folder / "clips", number)], folder / "short-out"),
        }


def render_video(path: Path, seconds: int, *, seed: int = 0) -> None:
    """Write a video of a pattern that moves a little from frame to frame and changes every 20 seconds."""
    width, height = SIZE
    chance = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264",
            rate=FPS,
            options={"preset": "ultrafast", "g": str(FPS * SCENE_SECONDS // 2), "crf": "35"},
        )
        stream.width, stream.height, stream.pix_fmt, stream.time_base = (
            width,
            height,
            "yuv420p",
            Fraction(1, FPS),
        )
        scene = np.zeros((height, width, 3), np.uint8)
        for number in range(seconds * FPS):
            if number % (SCENE_SECONDS * FPS) == 0:
                scene = np.kron(
                    chance.integers(0, 255, (6, 8, 3), np.uint8),
                    np.ones((height // 6, width // 8, 1), np.uint8),
                )
            frame = np.roll(scene, number % 40, axis=1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def short_clips(folder: Path, number: int) -> Path:
    """Write clips of one second with ten different patterns; returns the folder.

    All clips differ in content; clips with the same content would be one video.
    """
    folder.mkdir()
    for index in range(10):
        render_video(folder / f"clip{index:05}.mp4", 1, seed=index)
    for index in range(10, number):
        copy_with_mark(folder / f"clip{index % 10:05}.mp4", folder / f"clip{index:05}.mp4")
    return folder


def profile_of(inputs: Sequence[Path], out: Path) -> dict[str, Any]:
    """The memory of one batch, sampled every second; raises `RuntimeError` if it fails or spills."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "VAENGINE_OFFLINE": "1"
    }
    options = ("--pipelines", "scene,person", "--set", "person.sample_fps=1", "--no-files", "--json")
    words = [
        sys.executable,
        "-m",
        "vaengine",
        "run",
        *map(str, inputs),
        "--out",
        str(out),
        "--preset",
        "embedded",
        "--cluster",
        "local",
        *options,
    ]
    began_s, profile, spilled_before = time.perf_counter(), MemoryProfile(), set(_spilled_files())
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    while process.poll() is None:
        profile.sample(process.pid)
        time.sleep(SAMPLE_SECONDS)
    spilled = set(_spilled_files()) - spilled_before
    if process.returncode or spilled:
        raise RuntimeError(
            f"exit code {process.returncode}, spilled {sorted(spilled)[:3]}: "
            f"{process.communicate()[1][-500:]}"
        )
    return {"wall_s": time.perf_counter() - began_s, **profile.summary()}


def _spilled_files() -> list[str]:
    """The files of objects that Ray has spilled to disk, in any session on this machine."""
    return [
        str(path)
        for folder in (Path(tempfile.gettempdir()) / "ray").glob(SPILLED)
        for path in folder.rglob("*")
        if path.is_file()
    ]


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables: both batches, role by role."""
    parts = []
    for title, name in (
        (f"One video of {measured['long_s'] / 3600:g} h", "long"),
        (f"{measured['clips']:,} clips of one second", "short"),
    ):
        batch = measured[name]
        rows = [
            [role, *(f"{mib[key]:.0f}" for key in ("early", "late", "most"))]
            for role, mib in sorted(batch["roles"].items())
        ]
        parts.append(
            f"{title}: {batch['wall_s']:.0f} s, at most {batch['object_store_most_mib']:.0f} MiB of the "
            "object store touched, nothing spilled."
        )
        parts.append(table(["private memory, MiB", "second quarter", "last quarter", "most"], rows))
    return "\n\n".join(parts)
