"""Copies one unit from one store to another: decides whether to, and proves that it arrived unchanged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Literal

from actors.transfer.digest import Digester, OmittedColumns, SectionDigest, section_digest
from actors.transfer.endpoint import Endpoint, LedgerEntry, SectionDigests, Sink, Source
from actors.transfer.lossy_values import LossyValue, ValueChecker
from actors.transfer.unit import LAYOUTS, Kind, Unit
from schemas.errors import NotEqual, StoreFailed, Unstorable
from schemas.storage import tables

Step = Literal[
    "moved", "overwritten", "unchanged", "noted", "same", "kept", "refused", "removed", "quarantined"
]
MAX_LOSSY_VALUES: Final = 20  # that are listed of one unit
RESULT_TABLES: Final = (tables.job_pipeline_status.name, tables.annotations.name, tables.embeddings.name)
ORIGIN_COLUMNS: Final[OmittedColumns] = frozenset(
    [
        *((tables.annotations.name, column) for column in ("job_id", "created_at")),
        *(
            (tables.job_pipeline_status.name, column)
            for column in ("started_at", "completed_at", "processing_time_seconds")
        ),
    ]
)
# History, and what is about a whole store: each store has its own.
KINDS_WITHOUT_RESULTS: Final = ("batch", "setting", "identities", "people")
# Errors that a value which does not arrive unchanged may cause.
_LOSS_ERRORS: Final = (Unstorable, NotEqual, StoreFailed, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class CopiedUnit:
    """What was done with one unit, and the digests of its sections.

    `written`: copied, in place of an older copy if there was one. `overwritten`: copied in place of another
    unit, on request. `unchanged`: moved before, and unchanged since. `noted`: the destination had an equal
    unit, which is now in the ledger. `same`: a video's results in the destination are equal, though made at
    another time. `kept`: the destination has another unit, which stays. `refused`: the destination has other
    results, which are neither replaced nor mixed with these. `removed`: removed from the destination since it
    was moved, and not moved again. `quarantined`: not copied, for its lossy values.
    """

    unit: Unit
    step: Step
    digests: SectionDigests = field(default_factory=dict)
    lossy_values: tuple[LossyValue, ...] = ()

    @property
    def rows(self) -> int:
        return sum(digest.rows for digest in self.digests.values())


def step_for(
    kind: Kind, source_digests: SectionDigests, recorded: SectionDigests, present: SectionDigests
) -> Literal["move", "note", "keep", "refuse"]:
    """What to do with a unit that both stores have and whose source has changed since the ledger entry.

    `recorded` are the digests of the last move from this source, empty where there was none: a unit that came
    from another store is not overwritten. A destination that has changed since the move is newer than the
    source, unless the source has changed too. Paths do not count: a path belongs to one video, and another
    video that was moved may have taken it.
    """
    if present == source_digests:
        return "note"
    if recorded and is_unchanged(recorded, present):
        return "move"
    return "keep" if kind in KINDS_WITHOUT_RESULTS else "refuse"


def is_unchanged(recorded: SectionDigests, present: SectionDigests) -> bool:
    """Whether a unit is as it was moved, apart from its paths."""
    return all(
        present[table] == digest for table, digest in recorded.items() if table != tables.video_paths.name
    )


def new_epochs(epochs: Sequence[int], taken_epochs: Collection[int], newest_epoch: int) -> list[int]:
    """The epochs of a batch's runs in the destination: the same, or the next ones if any is taken there."""
    return list(range(newest_epoch + 1, newest_epoch + 1 + len(epochs))) if taken_epochs else list(epochs)


class UnitCopy:
    """Copies units from one store to another.

    With `overwrites`, units that differ in the destination are replaced, whoever changed them.
    """

    def __init__(self, source: Endpoint, destination: Endpoint, *, overwrites: bool = False) -> None:
        self.source, self.destination, self.overwrites = source, destination, overwrites
        self.omitted = source.omitted | destination.omitted

    def copy(self, unit: Unit) -> CopiedUnit:
        """Copy a unit unless that was done before, in one transaction of the destination.

        A value that does not arrive unchanged makes the digests differ after the copy, or makes the
        destination refuse the row; only then are lossy values searched for. Raises `NotEqual` where what was
        written reads back differently for no such value.
        """
        try:
            with self.source.read() as source, self.destination.write(unit) as destination:
                return self._copy(unit, source, destination)
        except _LOSS_ERRORS:
            lossy_values = tuple(islice(self.lossy_values(unit), MAX_LOSSY_VALUES))
            if not lossy_values:
                raise
            return CopiedUnit(unit, "quarantined", lossy_values=lossy_values)

    def lossy_values(self, unit: Unit) -> Iterator[LossyValue]:
        """The values of a unit that would not arrive in the destination unchanged."""
        with self.source.read() as source:
            yield from self._lossy_values(unit, source)

    def _lossy_values(self, unit: Unit, source: Source) -> Iterator[LossyValue]:
        for table in unit.tables:
            checker = ValueChecker(table.name, self.destination.kind)
            for row in source.rows(unit, table.name):
                yield from checker.lossy_values(row)

    def _copy(self, unit: Unit, source: Source, destination: Sink) -> CopiedUnit:
        recorded = destination.ledger(unit)
        if not destination.holds(unit):
            return CopiedUnit(unit, "removed") if recorded.digests else self._move(unit, source, destination)
        source_digests, present = self.digests(source, unit), self.digests(destination, unit)
        if present == source_digests:
            return self._record_equal(unit, source_digests, recorded, destination)
        if self.overwrites:
            return self._replace(unit, source, destination, "overwritten")
        if source_digests == recorded.digests:
            return (
                CopiedUnit(unit, "unchanged", source_digests)
                if is_unchanged(recorded.digests, present)
                else CopiedUnit(unit, "kept")
            )
        last_digests = recorded.digests if recorded.source == self.source.store_id else {}
        step = step_for(unit.kind, source_digests, last_digests, present)
        if step == "refuse":
            return CopiedUnit(unit, "same" if self._same_results(unit, source, destination) else "refused")
        return (
            CopiedUnit(unit, "kept") if step == "keep" else self._replace(unit, source, destination, "moved")
        )

    def _record_equal(
        self, unit: Unit, source_digests: SectionDigests, recorded: LedgerEntry, destination: Sink
    ) -> CopiedUnit:
        if source_digests == recorded.digests:
            return CopiedUnit(unit, "unchanged", source_digests)
        destination.record(unit, source_digests, recorded.source or self.source.store_id)
        return CopiedUnit(unit, "noted", source_digests)

    def _replace(self, unit: Unit, source: Source, destination: Sink, step: Step) -> CopiedUnit:
        """Copy a unit in place of the one in the destination.

        Lossy values are searched for first: removed files could not be restored.
        """
        if lossy_values := tuple(islice(self._lossy_values(unit, source), MAX_LOSSY_VALUES)):
            return CopiedUnit(unit, "quarantined", lossy_values=lossy_values)
        destination.clear(unit)
        return replace(self._move(unit, source, destination), step=step)

    def _move(self, unit: Unit, source: Source, destination: Sink) -> CopiedUnit:
        digesters = {table.name: Digester(LAYOUTS[table.name], self.omitted) for table in unit.tables}
        sections = (
            (name, digester.pass_through(source.rows(unit, name))) for name, digester in digesters.items()
        )
        destination.fill(unit, source.pipelines(unit), sections, self._epochs(unit, source, destination))
        written = {name: digester.digest() for name, digester in digesters.items()}
        for table, digest in self.digests(destination, unit).items():
            if digest != written[table]:
                raise NotEqual(
                    f"{table} of {unit}",
                    f"{written[table].rows} rows were written, and {digest.rows} read back as others",
                )
        destination.record(unit, written, self.source.store_id)
        return CopiedUnit(unit, "moved", written)

    @staticmethod
    def _epochs(unit: Unit, source: Source, destination: Sink) -> list[int]:
        if unit.kind != "batch":
            return []
        epochs = source.epochs(unit.name)
        return new_epochs(epochs, destination.taken_epochs(epochs, unit.name), destination.newest_epoch())

    def digests(self, reader: Source, unit: Unit) -> dict[str, SectionDigest]:
        """The digest of each section of a unit, over the columns that both stores keep."""
        return {
            table.name: section_digest(table.name, reader.rows(unit, table.name), self.omitted)
            for table in unit.tables
        }

    def _same_results(self, unit: Unit, source: Source, destination: Source) -> bool:
        omitted_columns = self.omitted | ORIGIN_COLUMNS
        return all(
            section_digest(name, source.rows(unit, name), omitted_columns)
            == section_digest(name, destination.rows(unit, name), omitted_columns)
            for name in RESULT_TABLES
        )
