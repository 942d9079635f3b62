"""The nodes of Ray that run on this machine, by the command lines of their processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class LocalRaylet:
    """A raylet of this machine: the address of its cluster, and its node's id in hexadecimal."""

    gcs_address: str
    node_id: str


def local_raylets() -> tuple[LocalRaylet, ...]:
    """Those that this user may look at, oldest first."""
    processes = (process.info["cmdline"] for process in psutil.process_iter(["cmdline"]))
    return raylets_of(filter(None, processes))


def raylets_of(command_lines: Iterable[Sequence[str]]) -> tuple[LocalRaylet, ...]:
    """The raylets among command lines."""
    found = []
    for parts in command_lines:
        if not parts[0].endswith("/raylet"):
            continue
        options = dict(part.lstrip("-").split("=", 1) for part in parts[1:] if "=" in part)
        if "gcs-address" in options and "node_id" in options:
            found.append(LocalRaylet(options["gcs-address"], options["node_id"]))
    return tuple(found)
