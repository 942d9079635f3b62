"""Units of two stores, worked on by several processes at once, each with connections of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from actors.stores.address import Address
from actors.transfer.carrying import Passage
from actors.transfer.side import open_side
from actors.transfer.unit import Unit
from schemas.errors import SameStore

Outcome = TypeVar("Outcome")
Task = Callable[[Passage, Unit], Outcome]
MOST_PROCESSES: Final = 4  # beyond that it is the disk or the server that takes the time
WORTH_IT: Final = 16  # units; to start a process takes longer than a few
AT_ONCE: Final = 4  # units waiting for each process


@dataclass(frozen=True, slots=True)
class Pair:
    """Two stores by their addresses, and whether the second is to be written; raises `SameStore`."""

    source: str
    destination: str
    writes: bool

    def __post_init__(self) -> None:
        if Address.parse(self.source) == Address.parse(self.destination):
            raise SameStore(Address.parse(self.source).shown)

    @contextmanager
    def opened(self) -> Iterator[Passage]:
        """The way from one to the other."""
        with ExitStack() as both:
            source = both.enter_context(closing(open_side(self.source, read_only=True)))
            destination = both.enter_context(closing(open_side(self.destination, read_only=not self.writes)))
            yield Passage(source, destination)

    @property
    def processes(self) -> int:
        """How many are of use: of what is on a disk, one writer at a time."""
        alone = self.writes and Address.parse(self.destination).kind != "postgresql"
        return 1 if alone else min(os.cpu_count() or 1, MOST_PROCESSES)


def each(pair: Pair, passage: Passage, units: Sequence[Unit], task: Task[Outcome]) -> Iterator[Outcome]:
    """What comes of each unit, as they are ready; `passage` is the pair's, opened in this process."""
    processes = min(pair.processes, len(units))
    if processes < 2 or len(units) < WORTH_IT:
        yield from (task(passage, unit) for unit in units)
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once for all of them
    with ProcessPoolExecutor(processes, context, _open, (pair,)) as pool:
        try:
            yield from _as_they_end(pool, units, task, processes * AT_ONCE)
        finally:
            pool.shutdown(cancel_futures=True)


def _as_they_end(pool: ProcessPoolExecutor, units: Sequence[Unit], task: Task[Outcome], at_once: int) -> Iterator[Outcome]:
    waiting = iter(units)
    pending: set[Future[Outcome]] = {pool.submit(_do, task, unit) for unit in islice(waiting, at_once)}
    while pending:
        ended, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in ended:
            yield future.result()
        pending |= {pool.submit(_do, task, unit) for unit in islice(waiting, len(ended))}


_held: Final = ExitStack()  # of a process of the pool: what it has opened, until it ends
_opened: Final[list[Passage]] = []  # one, for all its units


def _open(pair: Pair) -> None:
    _opened.append(_held.enter_context(pair.opened()))


def _do(task: Task[Outcome], unit: Unit) -> Outcome:
    return task(_opened[0], unit)
