"""The installed command, as a person starts it, and a view into what it is doing."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import psutil

VAENGINE = Path(sys.executable).with_name("vaengine")
PATIENCE_S = 240.0  # for one run on two busy cores
T = TypeVar("T")


def start(*arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """`vaengine ARGUMENTS`, in a process group of its own, as a shell would start it."""
    return subprocess.Popen(
        [str(VAENGINE), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(env or os.environ),
        start_new_session=True,
    )


def finished(
    *arguments: str | Path, env: Mapping[str, str] | None = None, patience_s: float = PATIENCE_S
) -> subprocess.CompletedProcess[str]:
    """`vaengine ARGUMENTS`, awaited."""
    process = start(*arguments, env=env)
    try:
        out, err = process.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        process.kill()  # what it started ends with it
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def status(out: Path) -> dict[str, dict[str, Any]]:
    """What `vaengine status --json` says: the last event of each kind."""
    told = finished("status", "--out", out, "--json")
    assert told.returncode == 0, told.stderr
    return {event["event"]: event for event in map(json.loads, told.stdout.splitlines())}


def wait_for(look: Callable[[], T | None], what: str, seconds: float = PATIENCE_S) -> T:
    """The first answer of `look` that is true; polled, since other processes tell nobody what they do."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def counted(db: Path, query: str) -> int:
    """One number from a database that may not be there yet."""
    if not db.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=1)) as connection:
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:  # being made, or locked for this instant
        return 0


def workers(driver: int) -> list[psutil.Process]:
    """Every process below a driver: the raylet, its workers, the control store."""
    try:
        return psutil.Process(driver).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def worker_of(driver: int, role: str) -> psutil.Process | None:
    """A Ray worker whose title names `role`, such as `StoreActor`."""
    return next((one for one in workers(driver) if f"ray::{role}" in command_line(one)), None)


def command_line(process: psutil.Process) -> str:
    """Program and arguments of a process; empty for one that is just ending, or somebody else's."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""
