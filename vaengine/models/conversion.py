"""Converts checkpoints to ONNX files, once, and keeps them.

onnxruntime is faster on a processor, and its workers need no torch.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from schemas.errors import ModelError, UnsuitableWeights
from vaengine.console.output import say
from vaengine.process.child_environment import environment

RECIPE_VERSION: Final = 4  # raise it when the result of a conversion changes


def converted(
    weights: Path, sha256: str, cache: Path, *, looks: bool, before: Callable[[], None] = lambda: None
) -> Path:
    """The ONNX file of a checkpoint that may be loaded; it is made unless it is in `cache`.

    One process makes it, others wait. `before` is called before a conversion, which takes some seconds.
    Raises `UnsuitableWeights` for an unusable checkpoint, `ModelError` where the file cannot be kept.
    """
    folder = cache / "converted"
    target = folder / f"{weights.stem}-{sha256[:16]}{'-looks' if looks else ''}.{RECIPE_VERSION}.onnx"
    if target.is_file():
        return target
    from filelock import FileLock

    before()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{target.name}.lock"):
            if not target.is_file():
                say(f"converting {weights.name} for onnxruntime, once")
                _convert(weights, sha256, target, looks=looks)
    except OSError as error:
        cure = "name another folder with --set models.cache=DIR"
        raise ModelError(
            str(target), f"the converted model cannot be kept ({error.strerror or error}): {cure}"
        ) from error
    return target


def _convert(weights: Path, sha256: str, target: Path, *, looks: bool) -> None:
    command = [
        sys.executable,
        "-P",
        "-m",
        "actors.persons.onnx_export",
        str(weights),
        sha256,
        str(target),
        *(["looks"] if looks else []),
    ]
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, env=environment(), capture_output=True, text=True, check=False
    )
    if result.returncode or not target.is_file():
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        raise UnsuitableWeights(
            str(weights), lines[-1] if lines else f"its conversion ended with exit code {result.returncode}"
        )
