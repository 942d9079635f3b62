"""How far a move or a comparison is: a bar on a terminal, events for programs, nothing in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from vaengine.console.output import emit, say
from vaengine.maintenance.migration import MigrationProgress, Tell

EVERY_S: Final = 1.0  # between two events


@contextmanager
def shown(what: str, *, as_json: bool) -> Iterator[Tell]:
    """Yields what is to be told of the progress."""
    try:
        with _telling(what, as_json=as_json) as tell:
            yield tell
    except KeyboardInterrupt:
        say("stopped: what was done stays, and the same command goes on from there")
        raise


@contextmanager
def _telling(what: str, *, as_json: bool) -> Iterator[Tell]:
    if as_json:
        yield _events(what)
    elif sys.stderr.isatty():
        with _bar(what) as tell:
            yield tell
    else:
        yield lambda _: None


def _events(what: str, clock: Callable[[], float] = time.monotonic) -> Tell:
    told_at = [clock()]

    def tell(progress: MigrationProgress) -> None:
        if clock() - told_at[0] >= EVERY_S:
            told_at[0] = clock()
            emit("progress", progress, doing=what)

    return tell


@contextmanager
def _bar(what: str) -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, rows=0)
        yield lambda progress: bar.update(
            task, completed=progress.done, total=progress.units, rows=progress.rows
        )
