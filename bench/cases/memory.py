"""Benchmark of memory: one video of two hours, and two thousand clips of a second."""

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

from bench.fixtures.copies import copied
from bench.harness.fault_injection import ROLES
from bench.harness.report import table

TITLE = "Memory"
FPS: Final = 10
SIZE: Final = (320, 240)  # width, height
SCENE_SECONDS: Final = 20
LONG_SECONDS, CLIPS = 7200, 2000
BRIEF_LONG_SECONDS, BRIEF_CLIPS = 300, 60
LOOK_SECONDS: Final = 1.0
MIB: Final = 1 << 20
ON_RAY: Final = ("--cluster", "local")
SPILLED: Final = "session_*/ray_spilled_objects_*"


@dataclass(slots=True)
class Watched:
    """Resident MiB of each role over time, summed over who plays it; `store_mib` is what the object store
    has touched.
    """

    resident_mib: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    store_mib: list[float] = field(default_factory=list)

    def look(self, driver: int) -> None:
        """One more moment."""
        now: dict[str, float] = defaultdict(float)
        for process in _tree(driver):
            try:
                memory, title = process.memory_info(), " ".join(process.cmdline())
            except psutil.Error:
                continue
            if title.endswith("raylet") or process.name() == "raylet":
                self.store_mib.append(memory.shared / MIB)
            role = next(
                (role for role, begins in ROLES.items() if title.startswith(begins)),
                "driver" if process.pid == driver else None,
            )
            if role is not None:
                now[role] += (memory.rss - memory.shared) / MIB
        for role, mib in now.items():
            self.resident_mib[role].append(mib)

    def summary(self) -> dict[str, Any]:
        """Of each role the median of the second and of the last quarter of its time, and the most."""
        long_lived = {role: series for role, series in self.resident_mib.items() if len(series) >= 8}
        return {
            "roles": {
                role: {"early": _quarter(series, 1), "late": _quarter(series, 3), "most": max(series)}
                for role, series in long_lived.items()
            },
            "object_store_most_mib": max(self.store_mib, default=0.0),
        }


def _quarter(series: Sequence[float], which: int) -> float:
    length = len(series) // 4
    return float(np.median(series[which * length : (which + 1) * length]))


def _tree(driver: int) -> Iterator[psutil.Process]:
    try:
        root = psutil.Process(driver)
        yield from (root, *root.children(recursive=True))
    except psutil.NoSuchProcess:
        return


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """Both batches once, whatever the rounds; raises `RuntimeError` where one fails or anything was
    spilled.
    """
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        long_s, number = (BRIEF_LONG_SECONDS, BRIEF_CLIPS) if quick else (LONG_SECONDS, CLIPS)
        rendered(folder / "long.mp4", long_s)
        long = watched([folder / "long.mp4"], folder / "long-out")
        return {
            "long_s": long_s,
            "long": long,
            "clips": number,
            "short": watched([short_clips(folder / "clips", number)], folder / "short-out"),
        }


def rendered(path: Path, seconds: int, *, seed: int = 0) -> None:
    """A quiet picture that changes altogether every 20 seconds, one keyframe a scene, and moves a little
    from frame to frame.
    """
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
            picture = np.roll(scene, number % 40, axis=1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def short_clips(folder: Path, number: int) -> Path:
    """Clips of one second, of ten different pictures; no two have the same content, or they would be one
    video.
    """
    folder.mkdir()
    for which in range(10):
        rendered(folder / f"clip{which:05}.mp4", 1, seed=which)
    for which in range(10, number):
        copied(folder / f"clip{which % 10:05}.mp4", folder / f"clip{which:05}.mp4")
    return folder


def watched(inputs: Sequence[Path], out: Path) -> dict[str, Any]:
    """One batch, looked at every second."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "VAENGINE_OFFLINE": "1"
    }
    narrow = ("--pipelines", "scene,person", "--set", "person.sample_fps=1", "--no-files", "--json")
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
        *narrow,
    ]
    began_s, seen, before = time.perf_counter(), Watched(), set(_spilled())
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    while process.poll() is None:
        seen.look(process.pid)
        time.sleep(LOOK_SECONDS)
    spilled = set(_spilled()) - before
    if process.returncode or spilled:
        raise RuntimeError(
            f"exit code {process.returncode}, spilled {sorted(spilled)[:3]}: "
            f"{process.communicate()[1][-500:]}"
        )
    return {"wall_s": time.perf_counter() - began_s, **seen.summary()}


def _spilled() -> list[str]:
    """Files that Ray has moved out of its object store, of any session of this machine."""
    return [
        str(path)
        for place in (Path(tempfile.gettempdir()) / "ray").glob(SPILLED)
        for path in place.rglob("*")
        if path.is_file()
    ]


def described(measured: Mapping[str, Any]) -> str:
    """Both batches, role by role."""
    parts = []
    for what, name in (
        (f"One video of {measured['long_s'] / 3600:g} h", "long"),
        (f"{measured['clips']:,} clips of one second", "short"),
    ):
        one = measured[name]
        rows = [
            [role, *(f"{mib[when]:.0f}" for when in ("early", "late", "most"))]
            for role, mib in sorted(one["roles"].items())
        ]
        parts.append(
            f"{what}: {one['wall_s']:.0f} s, at most {one['object_store_most_mib']:.0f} MiB of the object "
            "store touched, nothing spilled."
        )
        parts.append(table(["private memory, MiB", "second quarter", "last quarter", "most"], rows))
    return "\n\n".join(parts)
