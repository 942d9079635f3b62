"""Migrates a store into another one, and verifies that two stores hold the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, Literal

from actors.stores.engines.address import StoreUrl
from actors.transfer.compare_unit import RowDifference, compare, compare_golden_queries
from actors.transfer.copy_unit import CopiedUnit, UnitCopy
from actors.transfer.digest import SectionDigest
from actors.transfer.endpoint import Endpoint, SectionDigests
from actors.transfer.endpoints import open_endpoint
from actors.transfer.lossy_values import LossyValue, ValueChecker
from actors.transfer.pool import Pair, for_each_unit
from actors.transfer.unit import Unit
from schemas.errors import NotFound, StoreInUse, Unfit, UsageError

OnInvalid = Literal["fail", "quarantine"]
_LISTED_STEPS: Final = (
    "overwritten",
    "kept",
    "refused",
    "removed",
)  # steps whose units are listed one by one
MAX_DIFFERENCES: Final = 100  # sections that are listed one by one


@dataclass(frozen=True, slots=True)
class MigrationProgress:
    """Progress of a migration or comparison: units done of all units, and rows."""

    done: int
    units: int
    rows: int


Tell = Callable[[MigrationProgress], None]


@dataclass(frozen=True, slots=True)
class Migration:
    """The result of a migration: units by step, rows and digest by table, units that were left out."""

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
    source_in_use: bool = False  # a run was writing to the source; its later rows were not moved


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing two stores.

    `units` were compared; `tables` has rows and digest of the first store. `differing` is the number of
    sections that differ, `differences` lists some. `lacking` is how many units of the first store the second
    lacks or has otherwise; `removed` of these were removed from it after they had been moved there. `beyond`
    is how many units only the second store has.
    """

    first: str
    second: str
    units: int
    tables: dict[str, SectionDigest]
    differing: int
    differences: tuple[RowDifference, ...]
    within: bool = False  # only units of the first store were compared
    questions: int = 0  # golden queries, run on both where both are databases
    otherwise: tuple[str, ...] = ()  # golden queries whose results differ
    lacking: int = 0
    beyond: int = 0
    removed: int = 0

    @property
    def equal(self) -> bool:
        return not self.differing and not self.otherwise


def on_invalid(text: str) -> OnInvalid:
    """The value of `--on-invalid`, checked; raises `UsageError`."""
    if text == "fail":
        return "fail"
    if text == "quarantine":
        return "quarantine"
    raise UsageError(f"--on-invalid is fail or quarantine, not {text!r}")


def shown(*urls: str) -> tuple[str, ...]:
    """Addresses without their passwords."""
    return tuple(StoreUrl.parse(url).display_url for url in urls)


def migrate(
    source: str, destination: str, unfit: OnInvalid, tell: Tell = lambda _: None, *, overwrite: bool = False
) -> Migration:
    """Move all units; those that were moved before and are unchanged stay as they are.

    With `overwrite`, units that both stores hold and that differ are moved again, whoever changed them. Units
    that only the destination holds stay. Units that were removed there do not return. Raises `Unfit` at the
    first unit with a value that would not arrive unchanged, unless such units are to be left out
    (`quarantine`).
    """
    pair = Pair(source, destination, writes=True, overwrites=overwrite)
    with pair.open() as unit_copy:
        if _is_in_use(unit_copy.destination):
            raise StoreInUse(unit_copy.destination.url)
        in_use, units = _is_in_use(unit_copy.source), _units_of(unit_copy.source)
        tally = _MigrationTally(len(units), tell)
        run_units, other_units = (
            [unit for unit in units if (unit.kind == "batch") is first] for first in (True, False)
        )
        for copied in map(unit_copy.copy, run_units):  # in the order they began, since the newest counts
            tally.add(_require_fit(copied, unit_copy.destination, unfit))
        for copied in for_each_unit(pair, unit_copy, other_units, UnitCopy.copy):
            tally.add(_require_fit(copied, unit_copy.destination, unfit))
        found = tally.migration(unit_copy, source_in_use=in_use)
        if found.moved_rows:
            unit_copy.destination.finish()
    return found


def preflight(
    source: str, destination: str, tell: Tell = lambda _: None
) -> tuple[dict[str, int], list[LossyValue]]:
    """Rows by table that would be moved, and all values that would not arrive unchanged.

    The destination is not opened.
    """
    kind, lossy_values, counts = StoreUrl.parse(destination).kind, list[LossyValue](), Counter[str]()
    with closing(open_endpoint(source, read_only=True)) as endpoint:
        units = _units_of(endpoint)
        for number, unit in enumerate(units, 1):
            with endpoint.read() as reader:
                for table in unit.tables:
                    checker = ValueChecker(table.name, kind)
                    for row in reader.rows(unit, table.name):
                        counts[table.name] += 1
                        lossy_values += checker.lossy_values(row)
            tell(MigrationProgress(number, len(units), counts.total()))
    return dict(counts), lossy_values


def differing(source: str, destination: str, tell: Tell = lambda _: None) -> tuple[str, ...]:
    """Units that both stores hold and that differ; a migration with `overwrite` would replace them.

    Both stores are only read.
    """
    pair = Pair(source, destination, writes=False)
    try:
        with pair.open() as unit_copy:
            common_units = sorted({*_units_of(unit_copy.source)} & {*_units_of(unit_copy.destination)})
            found, rows = list[Unit](), 0
            for done, compared in enumerate(for_each_unit(pair, unit_copy, common_units, compare), 1):
                found += [compared.unit] if compared.differences else []
                rows += sum(digest.rows for digest in compared.digests.values())
                tell(MigrationProgress(done, len(common_units), rows))
            return tuple(map(str, sorted(found)))
    except NotFound:  # the destination does not exist yet
        return ()


def verify(first: str, second: str, tell: Tell = lambda _: None, *, within: bool = False) -> Comparison:
    """Compare all units of either store, section by section; with `within`, only those of the first."""
    pair = Pair(first, second, writes=False)
    with pair.open() as unit_copy:
        first_units, second_units = set(_units_of(unit_copy.source)), set(_units_of(unit_copy.destination))
        units = sorted(first_units if within else first_units | second_units)
        unit_digests, differences, rows, differing_sections, lacking = (
            list[SectionDigests](),
            list[RowDifference](),
            0,
            0,
            0,
        )
        for done, compared in enumerate(for_each_unit(pair, unit_copy, units, compare), 1):
            unit_digests.append(compared.digests)
            differing_sections += len(compared.differences)
            lacking += bool(compared.differences) and compared.unit in first_units
            differences += compared.differences[: MAX_DIFFERENCES - len(differences)]
            rows += sum(digest.rows for digest in compared.digests.values())
            tell(MigrationProgress(done, len(units), rows))
        sorted_differences = tuple(
            sorted(differences, key=lambda difference: (difference.unit, difference.table))
        )
        urls, query_results = (
            (unit_copy.source.url, unit_copy.destination.url),
            (0, ()) if within else compare_golden_queries(unit_copy),
        )
        beyond, removed = (
            0 if within else len(second_units - first_units),
            _count_moved_before(unit_copy.destination, first_units - second_units),
        )
        return Comparison(
            *urls,
            len(units),
            _digests_by_table(unit_digests),
            differing_sections,
            sorted_differences,
            within,
            *query_results,
            lacking,
            beyond,
            removed,
        )


def _count_moved_before(endpoint: Endpoint, units: Iterable[Unit]) -> int:
    """How many of these units, which a store lacks, were moved there before."""
    with endpoint.read() as reader:
        return sum(bool(reader.ledger(unit).digests) for unit in units)


def _units_of(endpoint: Endpoint) -> list[Unit]:
    with endpoint.read() as reader:
        return reader.units()


def _is_in_use(endpoint: Endpoint) -> bool:
    with endpoint.read() as reader:
        return reader.is_in_use()


def _digests_by_table(unit_digests: Iterable[SectionDigests]) -> dict[str, SectionDigest]:
    tables: dict[str, list[SectionDigest]] = {}
    for section_digests in unit_digests:
        for table, digest in section_digests.items():
            tables.setdefault(table, []).append(digest)
    return {table: SectionDigest.together(table_digests) for table, table_digests in tables.items()}


def _require_fit(copied: CopiedUnit, destination: Endpoint, unfit: OnInvalid) -> CopiedUnit:
    if copied.step == "quarantined" and unfit == "fail":
        more = len(copied.lossy_values) - 1
        raise Unfit(
            str(copied.unit),
            destination.url,
            f"{copied.lossy_values[0]}{f' (and {more} more)' if more else ''}",
        )
    return copied


class _MigrationTally:
    """Counts units by step while they are moved, and reports progress."""

    def __init__(self, units: int, tell: Tell) -> None:
        self._units_of, self._tell = units, tell
        self._steps, self._rows, self._moved = Counter[str](), 0, 0
        self._digests: list[SectionDigests] = []
        self._named: dict[str, list[str]] = {step: [] for step in _LISTED_STEPS}
        self._quarantined: dict[str, tuple[LossyValue, ...]] = {}

    def add(self, copied: CopiedUnit) -> None:
        self._steps[copied.step] += 1
        self._rows += copied.rows
        self._moved += copied.rows if copied.step in ("moved", "overwritten") else 0
        self._digests.append(copied.digests)
        if copied.step in self._named:
            self._named[copied.step].append(str(copied.unit))
        if copied.step == "quarantined":
            self._quarantined[str(copied.unit)] = copied.lossy_values
        self._tell(MigrationProgress(self._steps.total(), self._units_of, self._rows))

    def migration(self, unit_copy: UnitCopy, *, source_in_use: bool) -> Migration:
        tables = _digests_by_table(self._digests)
        urls = unit_copy.source.url, unit_copy.destination.url
        listed = {step: tuple(units) for step, units in self._named.items()}
        return Migration(
            *urls,
            steps=dict(self._steps),
            moved_rows=self._moved,
            tables=tables,
            overwritten=listed["overwritten"],
            kept=listed["kept"],
            refused=listed["refused"],
            removed=listed["removed"],
            quarantined=self._quarantined,
            source_in_use=source_in_use,
        )
