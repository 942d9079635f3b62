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

LEASE_SECONDS: Final = 60  # without a sign of life a run on another machine is taken for dead
SLACK_SECONDS: Final = 5.0  # times are stored in whole seconds


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a run shows of its life. `beat_at` is its last sign, UTC."""

    host: str
    pid: int
    beat_at: datetime | None
    ended: bool

    @classmethod
    def of(cls, run: Stored) -> Heartbeat:
        """From a row of table `runs`; one of a version without heartbeats was last heard of when it began."""
        return cls(
            run["host"],
            run["pid"],
            text_time(run.get("heartbeat_at") or run["started_at"]),
            run["ended_at"] is not None,
        )


def is_alive(run: Heartbeat, at: datetime, *, host: str, process_exists: Callable[[int], bool]) -> bool:
    """Whether a run lives, as seen at time `at` on the machine `host`: it has not ended, its heart beats,
    its process is there.
    """
    if run.ended or run.beat_at is None or at - run.beat_at > timedelta(seconds=LEASE_SECONDS):
        return False
    return run.host != host or process_exists(run.pid)


def seen_alive(run: Heartbeat, at: datetime) -> bool:
    """`is_alive` as seen from here: a process that is younger than the run's last sign of life is
    another, which was given its number.
    """
    silent_s = (at - run.beat_at).total_seconds() if run.beat_at else 0.0
    return is_alive(run, at, host=socket.gethostname(), process_exists=lambda pid: has_run_for(pid, silent_s))


def process_exists(pid: int) -> bool:
    """Whether a process runs on this machine; one that has ended and that nobody has taken note of yet
    does not.
    """
    return process_age_s(pid) is not None


def has_run_for(pid: int, seconds: float) -> bool:
    """Whether a process runs on this machine, and has for so long."""
    age_s = process_age_s(pid)
    return age_s is not None and age_s + SLACK_SECONDS >= seconds


def process_age_s(pid: int) -> float | None:
    """Seconds that a process of this machine has run; None where none runs, infinite for one that this
    user may not look at.
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
