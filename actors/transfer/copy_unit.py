"""One unit from one store to another: whether it is to be moved, and moving it with proof."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Literal

from actors.transfer.digest import Digester, Left, SectionDigest, section_digest
from actors.transfer.endpoint import Endpoint, LedgerEntry, Seals, Sink, Source
from actors.transfer.lossy_values import LossyValue, ValueChecker
from actors.transfer.unit import LAYOUTS, Kind, Unit
from schemas.errors import NotEqual, StoreFailed, Unstorable
from schemas.storage import tables

Step = Literal[
    "moved", "overwritten", "unchanged", "noted", "same", "kept", "refused", "removed", "quarantined"
]
MOST_TOLD: Final = 20  # hazards of one unit
RESULTS: Final = (tables.job_pipeline_status.name, tables.annotations.name, tables.embeddings.name)
WHEN_AND_BY_WHOM: Final[Left] = frozenset(
    [
        *((tables.annotations.name, column) for column in ("job_id", "created_at")),
        *(
            (tables.job_pipeline_status.name, column)
            for column in ("started_at", "completed_at", "processing_time_seconds")
        ),
    ]
)
NO_RESULTS: Final = (
    "batch",
    "setting",
    "identities",
)  # history, and what is about all that a store holds: each store has its own

_TELLING: Final = (
    Unstorable,
    NotEqual,
    StoreFailed,
    TypeError,
    ValueError,
    OverflowError,
)  # how a value that does not arrive may show


@dataclass(frozen=True, slots=True)
class CopiedUnit:
    """What became of one unit, and its rows by table.

    `overwritten`: moved into the place of another, as was asked for; `noted`: it was there, and equal;
    `same`: a video's results are there, equal, though made at another time; `kept`: another is there, which
    stays; `refused`: another is there, whose results are neither given up nor mixed with these; `removed`:
    taken out of the destination since it was moved, and not brought back; `quarantined`: left in the source,
    for its hazards.
    """

    unit: Unit
    step: Step
    seals: Seals = field(default_factory=dict)
    hazards: tuple[LossyValue, ...] = ()

    @property
    def rows(self) -> int:
        return sum(seal.rows for seal in self.seals.values())


def step_for(
    kind: Kind, wanted: Seals, noted: Seals, there: Seals
) -> Literal["move", "note", "keep", "refuse"]:
    """What to do with a unit that both hold and whose seals in the source are not those in the ledger.

    `noted` are those of the last move from this source, empty where there was none: what came from elsewhere
    is not overwritten. What the destination has changed since is newer than the source, unless that has
    changed too. Paths do not count there: each leads to one video, so another one that was moved may have
    taken it.
    """
    if there == wanted:
        return "note"
    if noted and is_as_noted(noted, there):
        return "move"
    return "keep" if kind in NO_RESULTS else "refuse"


def is_as_noted(noted: Seals, there: Seals) -> bool:
    """Whether a unit is as it was moved, but for its paths."""
    return all(there[table] == seal for table, seal in noted.items() if table != tables.video_paths.name)


def numbered(own: Sequence[int], taken: Collection[int], newest: int) -> list[int]:
    """Numbers under which the runs of a batch are kept in a store: their own, or the next ones where
    another batch has any of those.
    """
    return list(range(newest + 1, newest + 1 + len(own))) if taken else list(own)


class UnitCopy:
    """From one store to another; with `overwrites` what the destination has otherwise is replaced,
    whoever changed it.
    """

    def __init__(self, source: Endpoint, destination: Endpoint, *, overwrites: bool = False) -> None:
        self.source, self.destination, self.overwrites = source, destination, overwrites
        self.left_out = source.left_out | destination.left_out

    def carry(self, unit: Unit) -> CopiedUnit:
        """Move a unit unless that was done before, in one transaction of the destination.

        What would not arrive as it is shows by the proof that follows each move, or by the destination's
        refusal, and is looked for then. Raises `NotEqual` where what was written does not read as it was.
        """
        try:
            with self.source.reading() as source, self.destination.writing(unit) as destination:
                return self._carry(unit, source, destination)
        except _TELLING:
            hazards = tuple(islice(self.hazards(unit), MOST_TOLD))
            if not hazards:
                raise
            return CopiedUnit(unit, "quarantined", hazards=hazards)

    def hazards(self, unit: Unit) -> Iterator[LossyValue]:
        """What of a unit would not arrive in the destination as it is."""
        with self.source.reading() as source:
            yield from self._hazards(unit, source)

    def _hazards(self, unit: Unit, source: Source) -> Iterator[LossyValue]:
        for table in unit.tables:
            inspector = ValueChecker(table.name, self.destination.kind)
            for row in source.rows(unit, table.name):
                yield from inspector.hazards(row)

    def _carry(self, unit: Unit, source: Source, destination: Sink) -> CopiedUnit:
        noted = destination.ledger(unit)
        if not destination.holds(unit):
            return CopiedUnit(unit, "removed") if noted.seals else self._move(unit, source, destination)
        wanted, there = self.seals(source, unit), self.seals(destination, unit)
        if there == wanted:
            return self._equal(unit, wanted, noted, destination)
        if self.overwrites:
            return self._replaced(unit, source, destination, "overwritten")
        if wanted == noted.seals:
            return (
                CopiedUnit(unit, "unchanged", wanted)
                if is_as_noted(noted.seals, there)
                else CopiedUnit(unit, "kept")
            )
        from_here = noted.seals if noted.source == self.source.store_id else {}
        step = step_for(unit.kind, wanted, from_here, there)
        if step == "refuse":
            return CopiedUnit(unit, "same" if self._same_results(unit, source, destination) else "refused")
        return (
            CopiedUnit(unit, "kept") if step == "keep" else self._replaced(unit, source, destination, "moved")
        )

    def _equal(self, unit: Unit, wanted: Seals, noted: LedgerEntry, destination: Sink) -> CopiedUnit:
        if wanted == noted.seals:
            return CopiedUnit(unit, "unchanged", wanted)
        destination.note(unit, wanted, noted.source or self.source.store_id)
        return CopiedUnit(unit, "noted", wanted)

    def _replaced(self, unit: Unit, source: Source, destination: Sink, step: Step) -> CopiedUnit:
        """Move a unit into the place of what is there, which stays where it would not arrive: files
        cannot be had again once they went.
        """
        if hazards := tuple(islice(self._hazards(unit, source), MOST_TOLD)):
            return CopiedUnit(unit, "quarantined", hazards=hazards)
        destination.clear(unit)
        return replace(self._move(unit, source, destination), step=step)

    def _move(self, unit: Unit, source: Source, destination: Sink) -> CopiedUnit:
        sealers = {table.name: Digester(LAYOUTS[table.name], self.left_out) for table in unit.tables}
        sections = ((name, sealer.passing(source.rows(unit, name))) for name, sealer in sealers.items())
        destination.fill(unit, source.pipelines(unit), sections, self._epochs(unit, source, destination))
        moved = {name: sealer.seal() for name, sealer in sealers.items()}
        for table, seal in self.seals(destination, unit).items():
            if seal != moved[table]:
                raise NotEqual(
                    f"{table} of {unit}",
                    f"{moved[table].rows} rows were written, and {seal.rows} read back as others",
                )
        destination.note(unit, moved, self.source.store_id)
        return CopiedUnit(unit, "moved", moved)

    @staticmethod
    def _epochs(unit: Unit, source: Source, destination: Sink) -> list[int]:
        if unit.kind != "batch":
            return []
        own = source.epochs(unit.name)
        return numbered(own, destination.taken(own, unit.name), destination.newest())

    def seals(self, reader: Source, unit: Unit) -> dict[str, SectionDigest]:
        """The seal of each section of a unit, as far as both stores keep it."""
        return {
            table.name: section_digest(table.name, reader.rows(unit, table.name), self.left_out)
            for table in unit.tables
        }

    def _same_results(self, unit: Unit, source: Source, destination: Source) -> bool:
        left = self.left_out | WHEN_AND_BY_WHOM
        return all(
            section_digest(name, source.rows(unit, name), left)
            == section_digest(name, destination.rows(unit, name), left)
            for name in RESULTS
        )
