"""Decides whether a run is alive; only the leases of a dead run can be taken over."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psutil

from actors.stores.encoding.rows import Stored, text_time

LEASE_SECONDS: Final = 60  # without a heartbeat, after which a run counts as dead
ROUNDING_SECONDS: Final = 5.0  # times are stored in whole seconds


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What is stored of the life of a run; `last_beat_at` is its last heartbeat, UTC."""

    host: str
    pid: int
    last_beat_at: datetime | None
    ended: bool

    @classmethod
    def of(cls, run: Stored) -> Heartbeat:
        """From a row of table `runs`; in rows without heartbeats the start of the run counts as one."""
        return cls(
            run["host"],
            run["pid"],
            text_time(run.get("heartbeat_at") or run["started_at"]),
            run["ended_at"] is not None,
        )


def is_alive(run: Heartbeat, at: datetime, *, host: str, process_exists: Callable[[int], bool]) -> bool:
    """Whether a run is alive at time `at`: it has not ended, and its last heartbeat is recent.

    On the machine `host` its process has to exist as well.
    """
    if run.ended or run.last_beat_at is None or at - run.last_beat_at > timedelta(seconds=LEASE_SECONDS):
        return False
    return run.host != host or process_exists(run.pid)


def is_alive_here(run: Heartbeat, at: datetime) -> bool:
    """`is_alive` on this machine.

    A process that is younger than the run's last heartbeat is another one with the same number.
    """
    silent_s = (at - run.last_beat_at).total_seconds() if run.last_beat_at else 0.0
    return is_alive(run, at, host=socket.gethostname(), process_exists=lambda pid: has_run_for(pid, silent_s))


def process_exists(pid: int) -> bool:
    """Whether a process runs on this machine; a zombie does not."""
    return process_age_s(pid) is not None


def has_run_for(pid: int, seconds: float) -> bool:
    """Whether a process has run on this machine for at least so many seconds."""
    age_s = process_age_s(pid)
    return age_s is not None and age_s + ROUNDING_SECONDS >= seconds


def process_age_s(pid: int) -> float | None:
    """Seconds that a process of this machine has run.

    None where none runs, infinite for a process that this user may not inspect.
    """
    if not psutil.pid_exists(pid):
        return None
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else time.time() - process.create_time()
    except psutil.NoSuchProcess:
        return None
    except psutil.Error:
        return math.inf
