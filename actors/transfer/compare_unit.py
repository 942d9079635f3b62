"""One unit in two stores: whether both hold the same, and otherwise what differs first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from operator import itemgetter
from typing import Any, Final

from actors.transfer.copy_unit import UnitCopy
from actors.transfer.digest import Digester
from actors.transfer.endpoint import Seals
from actors.transfer.golden_queries import differing
from actors.transfer.unit import LAYOUTS, TravelRow, Unit

SHOWN: Final = 80  # characters of a value in a message


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A section that is not equal: how many rows each side has, and the first thing that differs in words."""

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
    """One unit after it was looked at: the seals of its sections in the first store, and what differs."""

    unit: Unit
    seals: Seals
    differences: tuple[RowDifference, ...] = field(default=())


def compare(passage: UnitCopy, unit: Unit) -> ComparedUnit:
    """Seal every section of a unit on both sides; only those that differ are looked at row by row."""
    with passage.source.reading() as source, passage.destination.reading() as destination:
        here, there = passage.seals(source, unit), passage.seals(destination, unit)
        differences = []
        for table in (table for table in here if here[table] != there[table]):
            first = _first(passage, table, source.rows(unit, table), destination.rows(unit, table))
            differences.append(RowDifference(unit, table, (here[table].rows, there[table].rows), first))
    return ComparedUnit(unit, here, tuple(differences))


def answered_otherwise(passage: UnitCopy) -> tuple[int, tuple[str, ...]]:
    """How many golden questions were asked, and those that the two stores answer otherwise; none where
    one is of files.
    """
    with passage.source.reading() as source, passage.destination.reading() as destination:
        here = source.golden()
        there = destination.golden(here[0]) if here else None
    return (len(here[1]), tuple(differing(here[1], there[1]))) if here and there else (0, ())


def _first(passage: UnitCopy, table: str, here: Iterator[TravelRow], there: Iterator[TravelRow]) -> str:
    sealer = Digester(LAYOUTS[table], passage.left_out)
    one, other = (
        sorted(((_key(table, row), sealer.canonical(row)) for row in side), key=itemgetter(0))
        for side in (here, there)
    )
    for mine, theirs in zip_longest(one, other):
        if mine != theirs:
            return _told(table, sealer.names, mine, theirs)
    return "the same rows, but one of them is there twice"


Keyed = tuple[tuple[str, ...], list[Any]]


def _told(table: str, names: tuple[str, ...], mine: Keyed | None, theirs: Keyed | None) -> str:
    if theirs is None or (mine is not None and mine[0] < theirs[0]):
        assert mine is not None
        return f"row {_shown_key(mine[0])} is in the first alone"
    if mine is None or theirs[0] < mine[0]:
        return f"row {_shown_key(theirs[0])} is in the second alone"
    name, first, second = next(
        (name, a, b) for name, a, b in zip(names, mine[1], theirs[1], strict=True) if _is_other(a, b)
    )
    return (
        f"row {_shown_key(mine[0])}: {name} is {_shown(first)} in the first and {_shown(second)} in the "
        "second"
    )


def _is_other(one: Any, other: Any) -> bool:
    return type(one) is not type(other) or repr(one) != repr(other)


def _key(table: str, row: TravelRow) -> tuple[str, ...]:
    """What tells a row apart, as text, so that keys of any kind can be ordered."""
    layout = LAYOUTS[table]
    return tuple(str(row[at]) for at in layout.key)


def _shown_key(key: tuple[str, ...]) -> str:
    return " ".join(key)[:SHOWN]


def _shown(value: Any) -> str:
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
