"""Moving a store into another one, and proving that two stores hold the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, Literal

from actors.stores.engines.address import StoreUrl
from actors.transfer.compare_unit import RowDifference, answered_otherwise, compare
from actors.transfer.copy_unit import CopiedUnit, UnitCopy
from actors.transfer.digest import SectionDigest
from actors.transfer.endpoint import Endpoint, Seals
from actors.transfer.endpoints import open_endpoint
from actors.transfer.lossy_values import LossyValue, ValueChecker
from actors.transfer.pool import Pair, each
from actors.transfer.unit import Unit
from schemas.errors import NotFound, StoreInUse, Unfit, UsageError

OnInvalid = Literal["fail", "quarantine"]
_NAMED: Final = ("overwritten", "kept", "refused", "removed")  # steps whose units are told one by one
MOST_DIFFERENCES: Final = 100  # sections that are told one by one


@dataclass(frozen=True, slots=True)
class MigrationProgress:
    """How far a move or a comparison is."""

    done: int
    units: int
    rows: int


Tell = Callable[[MigrationProgress], None]


@dataclass(frozen=True, slots=True)
class Migration:
    """What a move came to: units by what became of them, rows and digest by table, and what was left out."""

    source: str
    destination: str
    steps: dict[str, int] = field(default_factory=dict)
    moved_rows: int = 0
    tables: dict[str, SectionDigest] = field(default_factory=dict)
    overwritten: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    quarantined: dict[str, tuple[LossyValue, ...]] = field(default_factory=dict)
    source_in_use: bool = False  # what runs have written since is not there


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two stores compare: units looked at, rows and digest of the first by table, sections that differ
    (`differing` in all).

    `lacking` is how many units of the first the second has not or has otherwise, `removed` those of them that
    were taken out of it since they were moved there; `beyond` is how many it alone has.
    """

    first: str
    second: str
    units: int
    tables: dict[str, SectionDigest]
    differing: int
    differences: tuple[RowDifference, ...]
    within: bool = False  # only what the first holds was looked at
    questions: int = 0  # golden ones, asked of both where both are databases
    otherwise: tuple[str, ...] = ()  # those that they answer otherwise
    lacking: int = 0
    beyond: int = 0
    removed: int = 0

    @property
    def equal(self) -> bool:
        return not self.differing and not self.otherwise


def on_invalid(text: str) -> OnInvalid:
    """What was asked for; raises `UsageError`."""
    if text == "fail":
        return "fail"
    if text == "quarantine":
        return "quarantine"
    raise UsageError(f"--on-invalid is fail or quarantine, not {text!r}")


def shown(*urls: str) -> tuple[str, ...]:
    """Addresses without their passwords."""
    return tuple(StoreUrl.parse(url).shown for url in urls)


def migrate(
    source: str, destination: str, unfit: OnInvalid, tell: Tell = lambda _: None, *, overwrite: bool = False
) -> Migration:
    """Move everything; what was moved before and is unchanged stays as it is.

    With `overwrite` units that both hold and that differ are moved again, whoever changed them; what only the
    destination holds stays, and so does what was removed there. Raises `Unfit` at the first unit that would
    not arrive as it is, unless such are to be left out (`quarantine`).
    """
    pair = Pair(source, destination, writes=True, overwrites=overwrite)
    with pair.opened() as passage:
        if _is_in_use(passage.destination):
            raise StoreInUse(passage.destination.url)
        in_use, units = _is_in_use(passage.source), _units(passage.source)
        tally = _Tally(len(units), tell)
        runs, rest = ([unit for unit in units if (unit.kind == "batch") is first] for first in (True, False))
        for carried in map(passage.carry, runs):  # as they began, since the newest counts
            tally.add(_fit(carried, passage.destination, unfit))
        for carried in each(pair, passage, rest, UnitCopy.carry):
            tally.add(_fit(carried, passage.destination, unfit))
        found = tally.migration(passage, source_in_use=in_use)
        if found.moved_rows:
            passage.destination.settle()
    return found


def preflight(
    source: str, destination: str, tell: Tell = lambda _: None
) -> tuple[dict[str, int], list[LossyValue]]:
    """Rows by table that would be moved, and all that would not arrive as it is; the destination is not
    opened at all.
    """
    kind, hazards, counts = StoreUrl.parse(destination).kind, list[LossyValue](), Counter[str]()
    with closing(open_endpoint(source, read_only=True)) as there:
        units = _units(there)
        for at, unit in enumerate(units, 1):
            with there.reading() as reader:
                for table in unit.tables:
                    inspector = ValueChecker(table.name, kind)
                    for row in reader.rows(unit, table.name):
                        counts[table.name] += 1
                        hazards += inspector.hazards(row)
            tell(MigrationProgress(at, len(units), counts.total()))
    return dict(counts), hazards


def differing(source: str, destination: str, tell: Tell = lambda _: None) -> tuple[str, ...]:
    """Units that both hold and that differ, so that a move with `overwrite` would replace them; both
    stores are only read.
    """
    pair = Pair(source, destination, writes=False)
    try:
        with pair.opened() as passage:
            both = sorted({*_units(passage.source)} & {*_units(passage.destination)})
            found, rows = list[Unit](), 0
            for done, compared in enumerate(each(pair, passage, both, compare), 1):
                found += [compared.unit] if compared.differences else []
                rows += sum(seal.rows for seal in compared.seals.values())
                tell(MigrationProgress(done, len(both), rows))
            return tuple(map(str, sorted(found)))
    except NotFound:  # a destination that is yet to be made
        return ()


def verify(first: str, second: str, tell: Tell = lambda _: None, *, within: bool = False) -> Comparison:
    """Compare everything that either holds, section by section; `within`: everything that the first holds."""
    pair = Pair(first, second, writes=False)
    with pair.opened() as passage:
        here, there = set(_units(passage.source)), set(_units(passage.destination))
        units = sorted(here if within else here | there)
        seals, differences, rows, found, lacking = list[Seals](), list[RowDifference](), 0, 0, 0
        for done, compared in enumerate(each(pair, passage, units, compare), 1):
            seals.append(compared.seals)
            found += len(compared.differences)
            lacking += bool(compared.differences) and compared.unit in here
            differences += compared.differences[: MOST_DIFFERENCES - len(differences)]
            rows += sum(seal.rows for seal in compared.seals.values())
            tell(MigrationProgress(done, len(units), rows))
        told = tuple(sorted(differences, key=lambda one: (one.unit, one.table)))
        urls, asked = (
            (passage.source.url, passage.destination.url),
            (0, ()) if within else answered_otherwise(passage),
        )
        beyond, removed = 0 if within else len(there - here), _moved_once(passage.destination, here - there)
        return Comparison(
            *urls, len(units), _by_table(seals), found, told, within, *asked, lacking, beyond, removed
        )


def _moved_once(side: Endpoint, units: Iterable[Unit]) -> int:
    """How many of these units, which a store does not hold, it did hold once."""
    with side.reading() as reader:
        return sum(bool(reader.ledger(unit).seals) for unit in units)


def _units(side: Endpoint) -> list[Unit]:
    with side.reading() as reader:
        return reader.units()


def _is_in_use(side: Endpoint) -> bool:
    with side.reading() as reader:
        return reader.is_in_use()


def _by_table(found: Iterable[Seals]) -> dict[str, SectionDigest]:
    tables: dict[str, list[SectionDigest]] = {}
    for seals in found:
        for table, seal in seals.items():
            tables.setdefault(table, []).append(seal)
    return {table: SectionDigest.together(own) for table, own in tables.items()}


def _fit(carried: CopiedUnit, destination: Endpoint, unfit: OnInvalid) -> CopiedUnit:
    if carried.step == "quarantined" and unfit == "fail":
        more = len(carried.hazards) - 1
        raise Unfit(
            str(carried.unit), destination.url, f"{carried.hazards[0]}{f' (and {more} more)' if more else ''}"
        )
    return carried


class _Tally:
    """Adds up what became of the units, and tells."""

    def __init__(self, units: int, tell: Tell) -> None:
        self._units, self._tell = units, tell
        self._steps, self._rows, self._moved = Counter[str](), 0, 0
        self._seals: list[Seals] = []
        self._named: dict[str, list[str]] = {step: [] for step in _NAMED}
        self._quarantined: dict[str, tuple[LossyValue, ...]] = {}

    def add(self, carried: CopiedUnit) -> None:
        self._steps[carried.step] += 1
        self._rows += carried.rows
        self._moved += carried.rows if carried.step in ("moved", "overwritten") else 0
        self._seals.append(carried.seals)
        if carried.step in self._named:
            self._named[carried.step].append(str(carried.unit))
        if carried.step == "quarantined":
            self._quarantined[str(carried.unit)] = carried.hazards
        self._tell(MigrationProgress(self._steps.total(), self._units, self._rows))

    def migration(self, passage: UnitCopy, *, source_in_use: bool) -> Migration:
        roots = _by_table(self._seals)
        urls = passage.source.url, passage.destination.url
        named = {step: tuple(units) for step, units in self._named.items()}
        return Migration(
            *urls,
            steps=dict(self._steps),
            moved_rows=self._moved,
            tables=roots,
            overwritten=named["overwritten"],
            kept=named["kept"],
            refused=named["refused"],
            removed=named["removed"],
            quarantined=self._quarantined,
            source_in_use=source_in_use,
        )
