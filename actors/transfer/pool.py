"""Runs a task for each unit of two stores in several processes, each with its own connections."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Any, Final, TypeVar

from actors.child_process import ChildProcess
from actors.stores.engines.address import StoreUrl
from actors.transfer.copy_unit import UnitCopy
from actors.transfer.endpoints import open_endpoint
from actors.transfer.unit import Unit
from schemas.errors import SameStore, StoreFailed

Outcome = TypeVar("Outcome")
Task = Callable[[UnitCopy, Unit], Outcome]
MAX_PROCESSES: Final = 4  # with more, the disk or the server is the limit
MIN_UNITS: Final = 16  # for fewer it takes longer to start the processes
UNITS_PER_PROCESS: Final = 2  # sent ahead, so that a process does not wait for the next unit


@dataclass(frozen=True, slots=True)
class Pair:
    """Two stores by their addresses; raises `SameStore`."""

    source: str
    destination: str
    writes: bool  # to the destination
    overwrites: bool = False  # also units that differ

    def __post_init__(self) -> None:
        if StoreUrl.parse(self.source) == StoreUrl.parse(self.destination):
            raise SameStore(StoreUrl.parse(self.source).display_url)

    @contextmanager
    def open(self) -> Iterator[UnitCopy]:
        """Open both stores; yields the copy from one to the other."""
        with ExitStack() as both:
            source = both.enter_context(closing(open_endpoint(self.source, read_only=True)))
            destination = both.enter_context(
                closing(open_endpoint(self.destination, read_only=not self.writes))
            )
            yield UnitCopy(source, destination, overwrites=self.overwrites)

    @property
    def processes(self) -> int:
        """How many processes are useful: files and SQLite have one writer at a time."""
        has_one_writer = self.writes and StoreUrl.parse(self.destination).kind != "postgresql"
        return 1 if has_one_writer else min(os.cpu_count() or 1, MAX_PROCESSES)


def for_each_unit(
    pair: Pair, unit_copy: UnitCopy, units: Sequence[Unit], task: Task[Outcome]
) -> Iterator[Outcome]:
    """Runs a task for each unit and yields outcomes as they come; `unit_copy` is the pair's, in this process.

    When the caller stops early the processes are ended; the stores roll back what they had not committed.
    Raises what the task raises, and `StoreFailed` where a process was lost.
    """
    processes = min(pair.processes, len(units))
    if processes < 2 or len(units) < MIN_UNITS:
        yield from (task(unit_copy, unit) for unit in units)
        return
    with ExitStack() as stack:
        children = [
            stack.enter_context(closing(ChildProcess("actors.transfer.worker", pair)))
            for _ in range(processes)
        ]
        yield from _outcomes(children, unit_copy, units, task)


def _outcomes(
    children: Sequence[ChildProcess], unit_copy: UnitCopy, units: Sequence[Unit], task: Task[Outcome]
) -> Iterator[Outcome]:
    child_of = {child.connection(): child for child in children}
    pending = iter(units)
    for connection in child_of:
        for unit in islice(pending, UNITS_PER_PROCESS):
            _send(connection, task, unit)
    remaining = len(units)
    while remaining:
        ready = wait(list(child_of))
        for connection in [item for item in ready if isinstance(item, Connection)]:  # all are, for mypy
            outcome = _receive(connection, child_of[connection], unit_copy)
            remaining -= 1
            for unit in islice(pending, 1):
                _send(connection, task, unit)
            yield outcome


def _send(connection: Connection, task: Task[Outcome], unit: Unit) -> None:
    with suppress(BrokenPipeError):  # the loss of a process is noticed when its answer is read
        connection.send((task, unit))


def _receive(connection: Connection, child: ChildProcess, unit_copy: UnitCopy) -> Any:
    try:
        outcome, error = connection.recv()
    except (EOFError, OSError):
        ended = child.end(None)
        reason = ": ".join((ended.message, *(ended.traceback or "").splitlines()[-1:]))
        raise StoreFailed(unit_copy.destination.url, f"a unit was not done, {reason}") from None
    if error is not None:
        raise error
    return outcome
