"""Units of two stores, worked on by several processes at once, each with connections of its own."""

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
MOST_PROCESSES: Final = 4  # beyond that it is the disk or the server that takes the time
WORTH_IT: Final = 16  # units; to start a process takes longer than a few
AT_ONCE: Final = 2  # units for each process: it need not wait for the next


@dataclass(frozen=True, slots=True)
class Pair:
    """Two stores by their addresses, whether the second is to be written, and whether what it has
    otherwise too; raises `SameStore`.
    """

    source: str
    destination: str
    writes: bool
    overwrites: bool = False

    def __post_init__(self) -> None:
        if StoreUrl.parse(self.source) == StoreUrl.parse(self.destination):
            raise SameStore(StoreUrl.parse(self.source).display_url)

    @contextmanager
    def opened(self) -> Iterator[UnitCopy]:
        """The way from one to the other."""
        with ExitStack() as both:
            source = both.enter_context(closing(open_endpoint(self.source, read_only=True)))
            destination = both.enter_context(
                closing(open_endpoint(self.destination, read_only=not self.writes))
            )
            yield UnitCopy(source, destination, overwrites=self.overwrites)

    @property
    def processes(self) -> int:
        """How many are of use: of what is on a disk, one writer at a time."""
        alone = self.writes and StoreUrl.parse(self.destination).kind != "postgresql"
        return 1 if alone else min(os.cpu_count() or 1, MOST_PROCESSES)


def each(pair: Pair, passage: UnitCopy, units: Sequence[Unit], task: Task[Outcome]) -> Iterator[Outcome]:
    """What comes of each unit, as they are ready; `passage` is the pair's, opened in this process.

    Processes end at once where the caller goes no further: what they had not committed is taken back by the
    stores. Raises what the task raises there, and `StoreFailed` where a process was lost.
    """
    processes = min(pair.processes, len(units))
    if processes < 2 or len(units) < WORTH_IT:
        yield from (task(passage, unit) for unit in units)
        return
    with ExitStack() as stack:
        children = [
            stack.enter_context(closing(ChildProcess("actors.transfer.worker", pair)))
            for _ in range(processes)
        ]
        yield from _as_they_end(children, passage, units, task)


def _as_they_end(
    children: Sequence[ChildProcess], passage: UnitCopy, units: Sequence[Unit], task: Task[Outcome]
) -> Iterator[Outcome]:
    working = {child.connection(): child for child in children}
    waiting = iter(units)
    for line in working:
        for unit in islice(waiting, AT_ONCE):
            _order(line, task, unit)
    left = len(units)
    while left:
        for line in [
            line for line in wait(list(working)) if isinstance(line, Connection)
        ]:  # all are: mypy does not know
            outcome = _answer(line, working[line], passage)
            left -= 1
            for unit in islice(waiting, 1):
                _order(line, task, unit)
            yield outcome


def _order(line: Connection, task: Task[Outcome], unit: Unit) -> None:
    with suppress(BrokenPipeError):  # a process that is lost is told where its answer is waited for
        line.send((task, unit))


def _answer(line: Connection, child: ChildProcess, passage: UnitCopy) -> Any:
    try:
        outcome, error = line.recv()
    except (EOFError, OSError):
        ended = child.end(None)
        words = ": ".join((ended.message, *(ended.traceback or "").splitlines()[-1:]))
        raise StoreFailed(passage.destination.url, f"a unit was not done, {words}") from None
    if error is not None:
        raise error
    return outcome
