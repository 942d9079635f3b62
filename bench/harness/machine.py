"""Facts about the machine of a measurement."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from bench.rivals.environment import PYTHON

PACKAGES = (
    *("vaengine", "ray", "av", "opencv-python", "scenedetect", "numpy", "torch", "ultralytics"),
    *("onnxruntime", "openvino", "ctranslate2", "faster-whisper", "insightface", "duckdb", "daft"),
)
CHECKOUT = Path(__file__).parents[2]


def set_environment() -> None:
    """Set this process's environment as all measurements have it."""
    # Preset embedded is then OpenCV's detectors, whichever packages are installed.
    os.environ["VAENGINE_WHEELS"] = "0"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # without bytecode every worker compiles its imports


def machine_facts() -> dict[str, Any]:
    """Processor, memory, load, versions and commit, as JSON values."""
    import psutil

    return {
        "taken_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "commit": commit(),
    }


def package_versions() -> dict[str, str]:
    """The versions of packages that are installed, here or for rivals."""
    places = [*sys.path, *map(str, PYTHON.parents[1].glob("lib/python*/site-packages"))]
    found = ((name, next(iter(distributions(name=name, path=places)), None)) for name in PACKAGES)
    return {name: own.version for name, own in found if own is not None}


def processor() -> str:
    """The name of the processor in Linux."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str:
    """The commit of the checkout, with a plus if files differ from it; "none" outside a repository."""
    digest = _git("rev-parse", "--short=12", "HEAD")
    return f"{digest}{'+' if _git('status', '--porcelain') else ''}" if digest else "none"


def _git(*arguments: str) -> str:
    process = subprocess.run(
        ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, check=False
    )
    return process.stdout.strip() if process.returncode == 0 else ""
