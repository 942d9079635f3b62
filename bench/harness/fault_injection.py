"""Kills processes of a running batch by role, and measures how long each role is missing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

ROLES: Final = {  # role -> beginning of the title of its Ray process; the driver is the command itself
    "decode worker": "ray::FlatMap",
    "vision actor": "ray::MapWorker",
    "listener": "ray::AudioStage",
    "isolation cell": "ray::IsolationStage",
    "store": "ray::StoreActor",
    "finalizer": "ray::FinalizerActor",
    "coordinator": "ray::CoordinatorActor",
}
DRIVER: Final = "driver"
RAYLET: Final = "raylet"  # of the node; everything but the driver ends with it
LOOK_SECONDS: Final = 0.05
MAX_RUN_SECONDS: Final = 600.0
MAX_RECOVERY_SECONDS: Final = 30.0  # a role that stays away for longer is not needed any more
FAULTS: Final = Path(__file__).parents[2] / "tests" / "support" / "sitecustomize" / "faults"


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill of a role `at_s` seconds after its batch began.

    `back_s` seconds later there was another process of the role; None if the role was not needed any more.
    """

    role: str
    at_s: float
    back_s: float | None


def processes_of(driver_pid: int, role: str) -> list[psutil.Process]:
    """The processes of a role among the descendants of a driver."""
    if role == DRIVER:
        return [psutil.Process(driver_pid)]
    return [process for process in _descendants(driver_pid) if _has_role(process, role)]


def _descendants(driver: int) -> Iterator[psutil.Process]:
    try:
        yield from psutil.Process(driver).children(recursive=True)
    except psutil.NoSuchProcess:
        return


def _has_role(process: psutil.Process, role: str) -> bool:
    try:
        if role == RAYLET:
            return bool(process.name() == "raylet")
        return bool(" ".join(process.cmdline()).startswith(ROLES[role]))
    except psutil.Error:
        return False


@dataclass(slots=True)
class AttackedBatch:
    """A batch whose processes are killed; its command is restarted whenever the driver was killed."""

    command: Sequence[str | Path]
    fault_log: Path  # poisoned files write a line to it when they are read
    began_s: float = 0.0
    process: subprocess.Popen[str] | None = None

    def start(self) -> int:
        """Start the command; returns the process id of its driver."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPATH": str(FAULTS), "FAULTS": str(self.fault_log), "VAENGINE_OFFLINE": "1"}
        words = [sys.executable, "-m", "vaengine", *map(str, self.command)]
        with self.fault_log.with_suffix(".err").open("a") as stderr:
            self.process = subprocess.Popen(
                words,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                text=True,
                env=environment,
                start_new_session=True,
            )
        return self.process.pid

    @property
    def last_words(self) -> str:
        """The last 1,500 characters that the command wrote to standard error."""
        return self.fault_log.with_suffix(".err").read_text(errors="replace")[-1500:]

    def run(
        self, roles: Sequence[str], every_s: float, chance: random.Random, *, most: int
    ) -> tuple[float, int, list[Kill]]:
        """Run the batch and kill up to `most` processes; returns wall seconds, exit code and kills.

        Raises `RuntimeError` if the batch does not end.
        """
        self.began_s = time.perf_counter()
        driver = self.start()
        kills: list[Kill] = []
        missing: _MissingRole | None = None  # no other role is killed until this one is back
        next_s = chance.uniform(0.5, 1.0) * every_s
        while (now_s := time.perf_counter() - self.began_s) < MAX_RUN_SECONDS:
            if (code := self._ended()) is not None:
                if code != -signal.SIGKILL:
                    return now_s, code, [*kills, missing.as_kill(None)] if missing else kills
                driver = self.start()
            if missing:
                if (is_back := missing.is_back(driver)) or now_s - missing.at_s > MAX_RECOVERY_SECONDS:
                    kills.append(missing.as_kill(now_s if is_back else None))
                    missing, next_s = None, now_s + chance.uniform(0.7, 1.3) * every_s
            elif len(kills) < most and now_s > next_s:
                missing = self._kill(driver, _least_killed(roles, kills), chance)
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(f"the batch does not end; killed so far: {kills}")

    def _ended(self) -> int | None:
        if self.process is None:
            raise AssertionError("the batch was not started")
        return self.process.poll()

    def _kill(self, driver: int, roles: Sequence[str], chance: random.Random) -> _MissingRole | None:
        """Kill a process of one of the roles; None if none of them has a process at this moment."""
        processes_by_role = {role: found for role in roles if (found := processes_of(driver, role))}
        if not processes_by_role:
            return None
        role = chance.choice(sorted(processes_by_role))
        watched_role = "vision actor" if role in (DRIVER, RAYLET) else role
        pids_before = frozenset(process.pid for process in processes_of(driver, watched_role))
        victim = chance.choice(processes_by_role[role])
        at_s = time.perf_counter() - self.began_s
        victim.kill()
        return _MissingRole(role, at_s, watched_role, pids_before)


@dataclass(frozen=True, slots=True)
class _MissingRole:
    """A killed role that has no new process yet; a driver or a node is back with its first vision actor."""

    role: str
    at_s: float
    watched_role: str
    pids_before: frozenset[int]

    def is_back(self, driver: int) -> bool:
        """Whether the watched role has a new process."""
        return any(process.pid not in self.pids_before for process in processes_of(driver, self.watched_role))

    def as_kill(self, back_at_s: float | None) -> Kill:
        """The kill of this role, which was back at `back_at_s`."""
        return Kill(self.role, self.at_s, None if back_at_s is None else back_at_s - self.at_s)


def _least_killed(roles: Sequence[str], kills: Sequence[Kill]) -> Sequence[str]:
    """The roles that were killed least often so far."""
    counts = {role: sum(kill.role == role for kill in kills) for role in roles}
    return [role for role in roles if counts[role] == min(counts.values())] or roles
