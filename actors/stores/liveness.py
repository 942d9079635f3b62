"""Whether a run is still at work, from what the store and this machine know of it: only a dead run's leases can be taken over."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psutil

from actors.stores.rows import Stored, text_time

LEASE_SECONDS: Final = 60  # without a sign of life a run on another machine is taken for dead


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a run shows of its life. `beat_at` is its last sign, UTC."""

    host: str
    pid: int
    beat_at: datetime | None
    ended: bool

    @classmethod
    def of(cls, run: Stored) -> Pulse:
        """From a row of table `runs`; one of a version without heartbeats was last heard of when it began."""
        return cls(run["host"], run["pid"], text_time(run.get("heartbeat_at") or run["started_at"]), run["ended_at"] is not None)


def is_alive(run: Pulse, at: datetime, *, host: str, process_exists: Callable[[int], bool]) -> bool:
    """Whether a run lives, as seen at time `at` on the machine `host`: it has not ended, its heart beats, its process is there."""
    if run.ended or run.beat_at is None or at - run.beat_at > timedelta(seconds=LEASE_SECONDS):
        return False
    return run.host != host or process_exists(run.pid)


def seen_alive(run: Pulse, at: datetime) -> bool:
    """`is_alive` as seen from here."""
    return is_alive(run, at, host=socket.gethostname(), process_exists=process_exists)


def process_exists(pid: int) -> bool:
    """Whether a process runs on this machine; one that has ended and that nobody has taken note of yet does not."""
    if not psutil.pid_exists(pid):
        return False
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:  # another user's, which this one may not look at
        return True
