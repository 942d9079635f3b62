"""Killing one role of a running batch: who plays it, and what its death looks like from outside."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

ROLES: Final = {  # role -> what the title of its Ray process begins with; the driver is the command itself
    "decode worker": "ray::FlatMap",
    "vision actor": "ray::MapWorker",
    "listener": "ray::HearingStage",
    "isolation cell": "ray::IsolationStage",
    "store": "ray::StoreActor",
    "finalizer": "ray::FinalizerActor",
    "coordinator": "ray::CoordinatorActor",
}
DRIVER: Final = "driver"
RAYLET: Final = "raylet"  # the node, and with it everything but the driver
LOOK_SECONDS: Final = 0.05
RUN_SECONDS: Final = 600.0
FAULTS: Final = Path(__file__).parents[1] / "tests" / "faults"


@dataclass(frozen=True, slots=True)
class Kill:
    """A role killed `at_s` seconds after its run began; `back_s` later the role was played again, None where it was not needed any more."""

    role: str
    at_s: float
    back_s: float | None


def players(driver: int, role: str) -> list[psutil.Process]:
    """Processes that play a role below a driver."""
    if role == DRIVER:
        return [psutil.Process(driver)]
    return [process for process in _below(driver) if _plays(process, role)]


def _below(driver: int) -> Iterator[psutil.Process]:
    try:
        yield from psutil.Process(driver).children(recursive=True)
    except psutil.NoSuchProcess:
        return


def _plays(process: psutil.Process, role: str) -> bool:
    try:
        if role == RAYLET:
            return bool(process.name() == "raylet")
        return bool(" ".join(process.cmdline()).startswith(ROLES[role]))
    except psutil.Error:
        return False


@dataclass(slots=True)
class Attacked:
    """One batch under attack: the command, started again whenever its driver dies, until it ends by itself."""

    command: Sequence[str | Path]
    told: Path  # where poisoned files say that they were read
    began_s: float = 0.0
    process: subprocess.Popen[str] | None = None

    def start(self) -> int:
        """Start the command; the pid of its driver."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPATH": str(FAULTS), "FAULTS": str(self.told), "VAENGINE_OFFLINE": "1"}
        words = [sys.executable, "-m", "vaengine", *map(str, self.command)]
        with self.told.with_suffix(".err").open("a") as said:
            self.process = subprocess.Popen(
                words, stdout=subprocess.DEVNULL, stderr=said, text=True, env=environment, start_new_session=True
            )
        return self.process.pid

    @property
    def last_words(self) -> str:
        """What the command said last on standard error."""
        return self.told.with_suffix(".err").read_text(errors="replace")[-1500:]

    def run(self, roles: Sequence[str], every_s: float, chance: random.Random, *, most: int) -> tuple[float, int, list[Kill]]:
        """Wall seconds, exit code and kills of one batch; raises `RuntimeError` where it does not end."""
        self.began_s = time.perf_counter()
        driver = self.start()
        kills: list[Kill] = []
        next_s = chance.uniform(0.5, 1.0) * every_s
        while time.perf_counter() - self.began_s < RUN_SECONDS:
            if self._ended() is not None:
                if (code := self._ended()) != -9:
                    return time.perf_counter() - self.began_s, int(code or 0), kills
                driver = self.start()
            if (
                len(kills) < most
                and time.perf_counter() - self.began_s > next_s
                and (kill := self._kill(driver, _next(roles, kills), chance))
            ):
                kills.append(kill)
                next_s = time.perf_counter() - self.began_s + chance.uniform(0.7, 1.3) * every_s
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(f"the batch does not end; killed so far: {kills}")

    def _ended(self) -> int | None:
        if self.process is None:
            raise AssertionError("a batch is started before it is looked at")
        return self.process.poll()

    def _kill(self, driver: int, roles: Sequence[str], chance: random.Random) -> Kill | None:
        """Kill one of those who play one of the roles at this moment; None where nobody does."""
        there = {role: found for role in roles if (found := players(driver, role))}
        if not there:
            return None
        role = chance.choice(sorted(there))
        found = there[role]
        victim = chance.choice(found)
        at_s = time.perf_counter() - self.began_s
        victim.kill()
        return Kill(role, at_s, None if role in (DRIVER, RAYLET) else self._back(driver, role, {process.pid for process in found}))

    def _back(self, driver: int, role: str, before: set[int], most_s: float = 15.0) -> float | None:
        """Seconds until another process plays the role."""
        began_s = time.perf_counter()
        while time.perf_counter() - began_s < most_s and self._ended() is None:
            if any(process.pid not in before for process in players(driver, role)):
                return time.perf_counter() - began_s
            time.sleep(LOOK_SECONDS)
        return None


def _next(roles: Sequence[str], kills: Sequence[Kill]) -> Sequence[str]:
    """Roles whose turn it is: those killed least often so far."""
    counts = {role: sum(kill.role == role for kill in kills) for role in roles}
    return [role for role in roles if counts[role] == min(counts.values())] or roles
