"""Compares one unit in two stores, and describes the first difference of each section."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from operator import itemgetter
from typing import Any, Final

from actors.transfer.copy_unit import UnitCopy
from actors.transfer.digest import Digester
from actors.transfer.endpoint import SectionDigests
from actors.transfer.golden_queries import differing_queries
from actors.transfer.unit import LAYOUTS, Unit, WireRow

MAX_CHARACTERS: Final = 80  # characters of a value in a message


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A section that differs: the number of rows in each store, and the first difference in words."""

    unit: Unit
    table: str
    rows: tuple[int, int]
    first: str

    def __str__(self) -> str:
        count = (
            f"{self.rows[0]:,} rows"
            if self.rows[0] == self.rows[1]
            else f"{self.rows[0]:,} and {self.rows[1]:,} rows"
        )
        return f"{self.table} of {self.unit} ({count}): {self.first}"


@dataclass(frozen=True, slots=True)
class ComparedUnit:
    """The comparison of one unit: the digests of its sections in the first store, and the differences."""

    unit: Unit
    digests: SectionDigests
    differences: tuple[RowDifference, ...] = field(default=())


def compare(unit_copy: UnitCopy, unit: Unit) -> ComparedUnit:
    """Compare the digests of every section of a unit; only sections that differ are compared row by row."""
    with unit_copy.source.read() as source, unit_copy.destination.read() as destination:
        first, second = unit_copy.digests(source, unit), unit_copy.digests(destination, unit)
        differences = []
        for table in (table for table in first if first[table] != second[table]):
            difference = _first_difference(
                unit_copy, table, source.rows(unit, table), destination.rows(unit, table)
            )
            differences.append(
                RowDifference(unit, table, (first[table].rows, second[table].rows), difference)
            )
    return ComparedUnit(unit, first, tuple(differences))


def compare_golden_queries(unit_copy: UnitCopy) -> tuple[int, tuple[str, ...]]:
    """How many golden queries were run, and the names of those whose results differ.

    None are run where one of the stores is of files.
    """
    with unit_copy.source.read() as source, unit_copy.destination.read() as destination:
        first = source.run_golden_queries()
        second = destination.run_golden_queries(first[0]) if first else None
    return (len(first[1]), tuple(differing_queries(first[1], second[1]))) if first and second else (0, ())


def _first_difference(
    unit_copy: UnitCopy, table: str, first: Iterator[WireRow], second: Iterator[WireRow]
) -> str:
    digester = Digester(LAYOUTS[table], unit_copy.omitted)
    first_rows, second_rows = (
        sorted(((_key(table, row), digester.canonical(row)) for row in rows), key=itemgetter(0))
        for rows in (first, second)
    )
    for first_row, second_row in zip_longest(first_rows, second_rows):
        if first_row != second_row:
            return _describe(table, digester.names, first_row, second_row)
    return "the same rows, but one of them is there twice"


KeyedRow = tuple[tuple[str, ...], list[Any]]


def _describe(
    table: str, names: tuple[str, ...], first_row: KeyedRow | None, second_row: KeyedRow | None
) -> str:
    if second_row is None or (first_row is not None and first_row[0] < second_row[0]):
        assert first_row is not None
        return f"row {_key_text(first_row[0])} is in the first alone"
    if first_row is None or second_row[0] < first_row[0]:
        return f"row {_key_text(second_row[0])} is in the second alone"
    name, first, second = next(
        (name, *values)
        for name, *values in zip(names, first_row[1], second_row[1], strict=True)
        if _differs(*values)
    )
    values = f"{_value_text(first)} in the first and {_value_text(second)} in the second"
    return f"row {_key_text(first_row[0])}: {name} is {values}"


def _differs(first: Any, second: Any) -> bool:
    return type(first) is not type(second) or repr(first) != repr(second)


def _key(table: str, row: WireRow) -> tuple[str, ...]:
    """The key of a row as text, so that keys of any type can be sorted."""
    layout = LAYOUTS[table]
    return tuple(str(row[position]) for position in layout.key)


def _key_text(key: tuple[str, ...]) -> str:
    return " ".join(key)[:MAX_CHARACTERS]


def _value_text(value: Any) -> str:
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}..."
