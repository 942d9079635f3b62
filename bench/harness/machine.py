"""Facts about the machine that a figure was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("vaengine", "ray", "av", "opencv-python", "scenedetect", "numpy", "torch", "ultralytics")
CHECKOUT = Path(__file__).parents[2]


def machine_facts() -> dict[str, Any]:
    """Processor, memory, load, versions and commit, as JSON."""
    import psutil

    return {
        "taken_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "commit": commit(),
    }


def processor() -> str:
    """The model as Linux names it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str:
    """The checkout's commit, with a plus where files differ from it; "none" outside a repository."""
    described = _git("rev-parse", "--short=12", "HEAD")
    return f"{described}{'+' if _git('status', '--porcelain') else ''}" if described else "none"


def _git(*arguments: str) -> str:
    asked = subprocess.run(
        ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""
