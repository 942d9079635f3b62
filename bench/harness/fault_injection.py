"""Kills one role of a running batch, and reports how its death looks from outside."""

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
HEALING_SECONDS: Final = 30.0  # after which a role is not needed any more
FAULTS: Final = Path(__file__).parents[2] / "tests" / "support" / "sitecustomize" / "faults"


@dataclass(frozen=True, slots=True)
class Kill:
    """A role killed `at_s` seconds after its run began; `back_s` later the role was played again, None
    where it was not needed any more.
    """

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
    """One batch under attack: the command, started again whenever its driver dies, until it ends by
    itself.
    """

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
                words,
                stdout=subprocess.DEVNULL,
                stderr=said,
                text=True,
                env=environment,
                start_new_session=True,
            )
        return self.process.pid

    @property
    def last_words(self) -> str:
        """What the command said last on standard error."""
        return self.told.with_suffix(".err").read_text(errors="replace")[-1500:]

    def run(
        self, roles: Sequence[str], every_s: float, chance: random.Random, *, most: int
    ) -> tuple[float, int, list[Kill]]:
        """Wall seconds, exit code and kills of one batch; raises `RuntimeError` where it does not end."""
        self.began_s = time.perf_counter()
        driver = self.start()
        kills: list[Kill] = []
        wound: _Wound | None = None  # nobody else is killed until this one has healed
        next_s = chance.uniform(0.5, 1.0) * every_s
        while (now_s := time.perf_counter() - self.began_s) < RUN_SECONDS:
            if (code := self._ended()) is not None:
                if code != -signal.SIGKILL:
                    return now_s, code, [*kills, wound.healed(None)] if wound else kills
                driver = self.start()
            if wound:
                if (back := wound.back(driver)) or now_s - wound.at_s > HEALING_SECONDS:
                    kills.append(wound.healed(now_s if back else None))
                    wound, next_s = None, now_s + chance.uniform(0.7, 1.3) * every_s
            elif len(kills) < most and now_s > next_s:
                wound = self._kill(driver, _next(roles, kills), chance)
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(f"the batch does not end; killed so far: {kills}")

    def _ended(self) -> int | None:
        if self.process is None:
            raise AssertionError("a batch is started before it is looked at")
        return self.process.poll()

    def _kill(self, driver: int, roles: Sequence[str], chance: random.Random) -> _Wound | None:
        """Kill one of those who play one of the roles at this moment; None where nobody does."""
        there = {role: found for role in roles if (found := players(driver, role))}
        if not there:
            return None
        role = chance.choice(sorted(there))
        watched = "vision actor" if role in (DRIVER, RAYLET) else role
        before = frozenset(process.pid for process in players(driver, watched))
        victim = chance.choice(there[role])
        at_s = time.perf_counter() - self.began_s
        victim.kill()
        return _Wound(role, at_s, watched, before)


@dataclass(frozen=True, slots=True)
class _Wound:
    """A role that was killed and is not played again yet; a driver and a node are back when somebody
    looks at pictures again.
    """

    role: str
    at_s: float
    watched: str
    before: frozenset[int]

    def back(self, driver: int) -> bool:
        return any(process.pid not in self.before for process in players(driver, self.watched))

    def healed(self, now_s: float | None) -> Kill:
        return Kill(self.role, self.at_s, None if now_s is None else now_s - self.at_s)


def _next(roles: Sequence[str], kills: Sequence[Kill]) -> Sequence[str]:
    """Roles whose turn it is: those killed least often so far."""
    counts = {role: sum(kill.role == role for kill in kills) for role in roles}
    return [role for role in roles if counts[role] == min(counts.values())] or roles
