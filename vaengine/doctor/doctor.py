"""`vaengine doctor`: is everything here that a run needs, and if not, what cures it.

Starts no Ray and imports no model library.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from actors.model_files.files import folders_of
from actors.stores.engines.address import StoreUrl
from vaengine.console.units import size
from vaengine.doctor.check import Check
from vaengine.doctor.models import embedded_check, hub_check, sound_hub_check, token_check, weights_check
from vaengine.doctor.onnx_wheels import onnx_check, wheels
from vaengine.doctor.stores import existing, programs_check, store_check, store_folder
from vaengine.models.catalogue import needed
from vaengine.models.download import DownloadSource
from vaengine.models.huggingface import Hub
from vaengine.models.inventory import model_statuses
from vaengine.models.network import reachable
from vaengine.postgres import binaries
from vaengine.postgres.account import Account
from vaengine.process.packages import installed, package_folder

GIB: Final = 1024**3
SHM_WANTED: Final = 1 * GIB
DISK_WANTED: Final = 5 * GIB
DISK_NEEDED: Final = GIB // 2
HUB_SECONDS: Final = 2.0
NEEDED: Final = (
    "ray",
    "torch",
    "ultralytics",
    "scenedetect",
    "av",
    "sqlalchemy",
    "lap",
    "psutil",
    "insightface",
    "whisperx",
)
OPENCV_WHEELS: Final = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
# what preset embedded works with, from the wheels: for what, in which package, where in it
EMBEDDED_FILES: Final = (
    ("faces", "cv2", "data/haarcascade_frontalface_default.xml"),
    ("voice", "whisperx", "assets/pytorch_model.bin"),
)


def examine(
    out: Path, models: Path | None = None, environment: Mapping[str, str] = os.environ, db: str | None = None
) -> Iterator[Check]:
    """Every check, in the order printed; `out` and `db` are where results would go, `models` a folder of
    weights.

    Raises `StoreUnreachable` for what is no address of a store.
    """
    address = StoreUrl.parse(db) if db else None
    source, folders = DownloadSource.of(environment), folders_of(models, environment)
    files, hub, gpus = source.url(needed("fast")), Hub.of(folders, environment), gpu_names()
    answer = _in_background(lambda: reachable(files, HUB_SECONDS, offline=source.offline))
    hub_answer = _in_background(lambda: reachable(hub.address, HUB_SECONDS, offline=hub.offline))
    yield python_check(sys.version_info[:3], platform.platform())
    yield from (package_check(name, installed(name)) for name in NEEDED)
    yield opencv_check({name: found for name in OPENCV_WHEELS if (found := installed(name))})
    yield onnx_check(wheels(), gpu=bool(gpus), cuda_12=installed("nvidia-cuda-runtime-cu12") is not None)
    yield bytecode_check(*bytecode_of("ray"))
    yield gpu_check(gpus, installed("torch") or "")
    yield shm_check(_room(Path("/dev/shm")))
    folder = store_folder(address, out)
    yield disk_check(folder, shutil.disk_usage(existing(folder)).free)
    yield store_check(address, out)
    yield programs_check(next(binaries.found(environment, Account.here()), None))
    yield from (embedded_check(*each, package_folder(each[1])) for each in EMBEDDED_FILES)
    yield weights_check(models, model_statuses(folders, hub))
    yield hub_check(urlsplit(files).netloc, answer(), forbidden_by=source.forbidden_by)
    yield sound_hub_check(urlsplit(hub.address).netloc, hub_answer(), forbidden_by=hub.forbidden_by)
    yield token_check(hub.has_token)


def python_check(found: tuple[int, ...], system: str) -> Check:
    """The range that the wheels exist for."""
    text = f"{'.'.join(map(str, found))} on {system}"
    if not (3, 11) <= found[:2] < (3, 14):
        return Check("Python", "fail", text, "use Python 3.11, 3.12 or 3.13")
    if not system.startswith("Linux"):
        return Check(
            "Python", "warn", text, "only Linux is tested; a container or a Linux machine is the safe way"
        )
    return Check("Python", "ok", text)


def package_check(name: str, found: str | None) -> Check:
    """Whether a distribution is installed; which version, pip has seen to."""
    return (
        Check(name, "ok", found)
        if found
        else Check(name, "fail", "not installed", "run `make setup`, or install vaengine again")
    )


def opencv_check(wheels: dict[str, str]) -> Check:
    """One wheel of version 4: 5 dropped the people detector, and two wheels write over each other's files."""
    found = ", ".join(f"{name} {text}" for name, text in wheels.items())
    if not wheels:
        return package_check("opencv", None)
    if any(int(text.split(".")[0]) >= 5 for text in wheels.values()):
        return Check(
            "opencv", "fail", found, 'version 5 has no HOG people detector: pip install "opencv-python<5"'
        )
    if len(wheels) > 1:
        extra = " ".join(list(wheels)[1:])
        return Check(
            "opencv",
            "warn",
            found,
            f"they overwrite each other: pip uninstall {' '.join(wheels)}, then install one without {extra}",
        )
    return Check("opencv", "ok", found)


def bytecode_of(package: str) -> tuple[Path | None, int, int]:
    """Folder of a package, compiled files and source files directly in it and its private part; the
    package is not imported.
    """
    folder = package_folder(package)
    if folder is None:
        return None, 0, 0
    sources = [*folder.glob("*.py"), *folder.glob("_private/*.py")]
    return (
        folder,
        sum(Path(importlib.util.cache_from_source(str(source))).exists() for source in sources),
        len(sources),
    )


def bytecode_check(folder: Path | None, compiled: int, sources: int) -> Check:
    """Uncompiled, every worker compiles Ray anew: the first result comes 24 s later."""
    if folder is None:
        return Check("bytecode", "warn", "no Ray to look at", "install ray first")
    found = f"{compiled} of {sources} of Ray's files looked at are compiled"
    if compiled < sources * 0.9:
        return Check(
            "bytecode",
            "warn",
            found,
            f"starts are slow: {Path(sys.executable).name} -m compileall -q -j 0 {folder.parent}",
        )
    return Check("bytecode", "ok", found)


def gpu_names() -> list[str]:
    """NVIDIA devices that the driver shows."""
    from vaengine.console.system_load import gpu_handles

    handles = gpu_handles()
    if not handles:
        return []
    import pynvml

    names = [pynvml.nvmlDeviceGetName(handle) for handle in handles]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def gpu_check(names: list[str], torch: str) -> Check:
    """No GPU is fine; a GPU that torch was not built for is not. torch says so in its version."""
    if not names:
        return Check("GPU", "ok", "none found: everything runs on the processor")
    found = f"{', '.join(names)}; torch {torch}"
    if torch.endswith("+cpu"):
        return Check(
            "GPU", "warn", found, "this torch is built without CUDA: install the CUDA build to use the GPU"
        )
    return Check("GPU", "ok", found)


def shm_check(total: int | None) -> Check:
    """Ray keeps frames in shared memory; containers often come with 64 MiB of it."""
    if total is None:
        return Check("/dev/shm", "ok", "not used on this system")
    if total < SHM_WANTED:
        return Check(
            "/dev/shm",
            "warn",
            size(total),
            "Ray will use slow disk instead: start the container with --shm-size=2g",
        )
    return Check("/dev/shm", "ok", size(total))


def disk_check(out: Path, free: int) -> Check:
    """Room for results, in bytes."""
    found = f"{size(free)} free for {out}"
    if free < DISK_NEEDED:
        return Check("disk", "fail", found, "free some space, or choose another --out")
    if free < DISK_WANTED:
        return Check("disk", "warn", found, f"large batches need more: {size(DISK_WANTED)} is comfortable")
    return Check("disk", "ok", found)


def verdict(checks: list[Check]) -> int:
    """Exit code: 1 if any check fails."""
    return int(any(check.state == "fail" for check in checks))


def counts(checks: list[Check]) -> dict[str, int]:
    """How many checks came out in each way."""
    return {state: sum(check.state == state for check in checks) for state in ("ok", "warn", "fail")}


def _room(folder: Path) -> int | None:
    return shutil.disk_usage(folder).total if folder.is_dir() else None


def _in_background(question: Callable[[], bool]) -> Callable[[], bool]:
    """Asks while other checks go on; no answer after `HUB_SECONDS` more is a no."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(question()), daemon=True)
    thread.start()

    def answer() -> bool:
        thread.join(HUB_SECONDS)
        return bool(answers and answers[0])

    return answer
