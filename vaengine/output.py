"""Standard output: results as text or as one JSON object a line. Errors and the first line go to standard error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TextIO

# Names of files may hold them: control characters, which a terminal obeys, and marks that turn the direction of text around.
_OBEYED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text with an escape such as \\x1b for each character that a terminal would obey rather than show; tabs and line feeds stay."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def in_one_cell(text: str) -> str:
    """As `printable`, on one line."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def say(text: str) -> None:
    """One line on standard error."""
    write_line(printable(" ".join(text.split())), sys.stderr)


class Once:
    """Says the first of its lines and no other: whoever knows it first may tell it."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self, line: str) -> None:
        if not self._said:
            say(line)
        self._said = True


def write_line(line: str, stream: TextIO) -> None:
    """A line, at once."""
    stream.write(line + "\n")
    stream.flush()


def print_lines(lines: Iterable[str]) -> None:
    """Lines on standard output, empty ones too."""
    for line in lines:
        write_line(printable(line), sys.stdout)


def print_event(event: dict[str, Any], stream: TextIO | None = None) -> None:
    """One JSON object on a line of its own, at once."""
    write_line(json.dumps(event, ensure_ascii=False, default=str), stream or sys.stdout)


def print_events(events: Iterable[dict[str, Any]]) -> None:
    """JSON objects, a line each."""
    for event in events:
        print_event(event)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under titles; `colours` are of the first column, row by row, for a terminal."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    colours: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.titles) for row in self.rows):
            raise ValueError(f"every row needs {len(self.titles)} cells")
        object.__setattr__(self, "rows", tuple(tuple(map(in_one_cell, row)) for row in self.rows))

    def lines(self) -> list[str]:
        """As aligned columns, never folded: for files and pipes."""
        grid = [self.titles, *self.rows]
        widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
        return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in grid]


def print_table(table: Table, rest: str = "") -> None:
    """A table with an empty line above it, and below it what it leaves out; nothing if it has no rows."""
    if table.rows and sys.stdout.isatty():
        _draw(table)
    elif table.rows:
        print_lines(["", *table.lines()])
    if rest:
        write_line(rest, sys.stdout)


def _draw(table: Table) -> None:
    """On a terminal long cells fold; cells are text, never rich's markup."""
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in table.titles:
        drawn.add_column(title, overflow="fold", header_style="bold")
    for number, row in enumerate(table.rows):
        colour = table.colours[number] if number < len(table.colours) else ""
        drawn.add_row(Text(row[0], colour), *map(Text, row[1:]))
    console = Console(file=sys.stdout)
    console.print()
    console.print(drawn)
