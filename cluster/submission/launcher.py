"""Starts and ends the clusters of launch files, and gives commands on their heads, by Ray's own launcher."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from schemas.errors import LaunchFailed, UsageError

SUFFIXES: Final = (".yaml", ".yml")
# `python -m` finds the launcher of this environment, whatever PATH says.
RAY: Final = (sys.executable, "-m", "ray.scripts.scripts")


def is_launch_file(text: str) -> bool:
    """Whether a cluster is named by its launch file."""
    return text.endswith(SUFFIXES)


def up(file: Path, options: Sequence[str] = ()) -> None:
    """Start the cluster of a launch file, or bring it up to date; raises `LaunchFailed`."""
    _require(file, "ray up", ["up", "--yes", "--no-config-cache", *options, str(file)])


def down(file: Path, options: Sequence[str] = ()) -> None:
    """End the cluster of a launch file with all its nodes; raises `LaunchFailed`."""
    _require(file, "ray down", ["down", "--yes", *options, str(file)])


def on_head(file: Path, command: Sequence[str]) -> int:
    """Give a command on the head of a launch file's cluster, over ssh; returns 1 where it fails there.

    Ray's launcher does not tell its exit code.
    """
    return _exit_code(file, ["exec", str(file), shlex.join(command)])


def _require(file: Path, what: str, arguments: Sequence[str]) -> None:
    if code := _exit_code(file, arguments):
        raise LaunchFailed(str(file), what, code)


def _exit_code(file: Path, arguments: Sequence[str]) -> int:
    if not file.is_file():
        raise UsageError(
            f"launch file {file} not found: check its path, or give HOST:PORT of a cluster that runs"
        )
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    command = [*RAY, *arguments]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
