"""Standard output: results as text or as one JSON object a line.

Errors and the first line go to standard error.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any, Final, TextIO

from vaengine.console.units import timestamp

# Names of files may hold them: control characters, which a terminal obeys, and marks that turn the direction
# of text around.
_OBEYED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

GAP: Final = 2  # blanks between two columns
MIN_NAME: Final = 16  # characters that names of files keep
MIN_NOTES: Final = 18


def printable(text: str) -> str:
    """The text with an escape such as \\x1b for each character that a terminal would obey rather than
    show; tabs and line feeds stay.
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def in_one_cell(text: str) -> str:
    """As `printable`, on one line."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def say(text: str) -> None:
    """One line on standard error."""
    write_line(printable(" ".join(text.split())), sys.stderr)


def write_line(line: str, stream: TextIO) -> None:
    """A line, at once."""
    stream.write(line + "\n")
    stream.flush()


def print_lines(lines: Iterable[str]) -> None:
    """Lines on standard output, empty ones too."""
    for line in lines:
        write_line(printable(line), sys.stdout)


def print_event(written: Mapping[str, Any], stream: TextIO | None = None) -> None:
    """One JSON object on a line of its own, at once."""
    write_line(json.dumps(written, ensure_ascii=False, default=str), stream or sys.stdout)


def event(name: str, value: object = None, /, **more: Any) -> dict[str, Any]:
    """One event for programs: `event`, `time`, the fields of `value` (a dataclass or a mapping), then `more`.

    `time` is now, UTC; a `time` in `value` or `more` replaces it.
    """
    return {"event": name, "time": timestamp(), **_fields(value), **more}


def emit(name: str, value: object = None, /, *, to: TextIO | None = None, **more: Any) -> None:
    """Prints `event(name, value, **more)` as one line of JSON, at once, on standard output or `to`."""
    print_event(event(name, value, **more), to)


def emit_each(name: str, values: Iterable[object]) -> None:
    """Emits an event of one name for each value."""
    for value in values:
        emit(name, value)


def _fields(value: object) -> Mapping[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under titles; `colours` are of the first column, row by row, for a terminal, and
    `note_colours` of the last.

    Names of files in the column `names` (-1: in none) are never folded: a terminal that is too narrow shows
    their beginnings and ends.
    """

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    colours: tuple[str, ...] = ()
    note_colours: tuple[str, ...] = ()
    names: int = -1

    def __post_init__(self) -> None:
        if any(len(row) != len(self.titles) for row in self.rows):
            raise ValueError(f"every row needs {len(self.titles)} cells")
        object.__setattr__(self, "rows", tuple(tuple(map(in_one_cell, row)) for row in self.rows))

    def first(self, rows: int) -> Table:
        """The same with this many rows at most."""
        return replace(self, rows=self.rows[:rows])

    def lines(self) -> list[str]:
        """As aligned columns, never folded: for files and pipes."""
        grid = [self.titles, *self.rows]
        widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in grid
        ]


def print_table(table: Table, rest: str = "") -> None:
    """A table with an empty line above it, and below it what it leaves out; nothing if it has no rows."""
    if table.rows and sys.stdout.isatty():
        _draw(table)
    elif table.rows:
        print_lines(["", *table.lines()])
    if rest:
        write_line(rest, sys.stdout)


def shown_path(path: str) -> str:
    """A path as tables have it: relative to the working folder where it lies below that."""
    below = os.path.relpath(path) if os.path.isabs(path) else path  # noqa: PTH117  a name may be any text
    return path if below.startswith("..") else below


def shorten_middle(text: str, width: int) -> str:
    """The text in `width` characters: what is too much is left out of its middle, the end weighs more."""
    if len(text) <= width:
        return text
    kept = max(2, width - 1)
    return f"{text[: kept // 3]}…{text[len(text) - (kept - kept // 3) :]}"


def name_width(table: Table, width: int) -> int:
    """How many characters of `width` the column of names may take: what the others leave, folded as far
    as they can be.
    """
    last, least = len(table.titles) - 1, max(MIN_NAME, width // 4)
    others = 0
    for number, cells in enumerate(zip(table.titles, *table.rows, strict=True)):
        if number != table.names:
            longest = max(map(len, cells))
            others += GAP + (min(longest, max(MIN_NOTES, width // 3)) if number == last else longest)
    return max(least, width - others - GAP)


def _draw(table: Table) -> None:
    """On a terminal long cells fold, names of files are shortened; cells are text, never rich's markup."""
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    console = Console(file=sys.stdout)
    drawn = Drawn(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for number, title in enumerate(table.titles):
        drawn.add_column(title, overflow="fold", header_style="bold", no_wrap=number == table.names)
    width = name_width(table, console.width) if table.names >= 0 else 0
    for number, row in enumerate(table.rows):
        cells = [
            shorten_middle(cell, width) if column == table.names else cell for column, cell in enumerate(row)
        ]
        styles = {0: _at(table.colours, number), len(row) - 1: _at(table.note_colours, number)}
        drawn.add_row(*(Text(cell, styles.get(column, "")) for column, cell in enumerate(cells)))
    console.print()
    console.print(drawn)


def _at(colours: tuple[str, ...], number: int) -> str:
    return colours[number] if number < len(colours) else ""


def print_styled(line: str, style: str) -> None:
    """A line on standard output, in colour on a terminal, folded at words there."""
    if not sys.stdout.isatty():
        print_lines([line])
        return
    from rich.console import Console
    from rich.text import Text

    Console(file=sys.stdout).print(Text(printable(line), style))
