"""One unit from one store to another: whether it is to be moved, and moving it with proof."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Literal

from actors.transfer.hazards import Hazard, Inspector
from actors.transfer.seal import Seal, Sealer, seal_of
from actors.transfer.side import Reader, Seals, Side, Writer
from actors.transfer.unit import LAYOUTS, Unit
from schemas.errors import BothChanged, NotEqual, RunsClash, StoreFailed, Unstorable

Step = Literal["moved", "unchanged", "noted", "removed", "quarantined"]
MOST_TOLD: Final = 20  # hazards of one unit

_TELLING: Final = (Unstorable, NotEqual, StoreFailed, TypeError, ValueError, OverflowError)  # how a value that does not arrive may show


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of one unit, and its rows by table.

    `noted`: it was there, and equal; `removed`: taken out of the destination since it was moved, and not brought back; `quarantined`:
    left in the source, for its hazards.
    """

    unit: Unit
    step: Step
    seals: Seals = field(default_factory=dict)
    hazards: tuple[Hazard, ...] = ()

    @property
    def rows(self) -> int:
        return sum(seal.rows for seal in self.seals.values())


def step_for(wanted: Seals, noted: Seals, there: Seals) -> Literal["move", "note", "refuse"]:
    """What to do with a unit that both hold and whose seals in the source are not those in the ledger.

    What the destination has changed since it was moved is newer than the source, unless that has changed too.
    """
    if there == wanted:
        return "note"
    return "move" if noted and there == noted else "refuse"


class Passage:
    """From one store to another."""

    def __init__(self, source: Side, destination: Side) -> None:
        self.source, self.destination = source, destination
        self.left_out = source.left_out | destination.left_out

    def carry(self, unit: Unit) -> Carried:
        """Move a unit unless that was done before, in one transaction of the destination.

        What would not arrive as it is shows by the proof that follows each move, or by the destination's refusal, and is looked for then.
        Raises `BothChanged` where something would be lost, `NotEqual` where what was written does not read as it was.
        """
        try:
            with self.source.reading() as source, self.destination.writing(unit) as destination:
                return self._carry(unit, source, destination)
        except _TELLING:
            hazards = tuple(islice(self.hazards(unit), MOST_TOLD))
            if not hazards:
                raise
            return Carried(unit, "quarantined", hazards=hazards)

    def hazards(self, unit: Unit) -> Iterator[Hazard]:
        """What of a unit would not arrive in the destination as it is."""
        with self.source.reading() as source:
            for table in unit.tables:
                inspector = Inspector(table.name, self.destination.kind)
                for row in source.rows(unit, table.name):
                    yield from inspector.hazards(row)

    def _carry(self, unit: Unit, source: Reader, destination: Writer) -> Carried:
        noted = destination.ledger(unit)
        if not destination.holds(unit):
            return Carried(unit, "removed") if noted else self._move(unit, source, destination)
        wanted = self.seals(source, unit)
        if wanted == noted:
            return Carried(unit, "unchanged", noted)
        step = step_for(wanted, noted, self.seals(destination, unit))
        if step == "refuse":
            raise BothChanged(str(unit), self.source.url, self.destination.url)
        if step == "move":
            destination.clear(unit)
            return self._move(unit, source, destination)
        destination.note(unit, wanted, self.source.url)
        return Carried(unit, "noted", wanted)

    def _move(self, unit: Unit, source: Reader, destination: Writer) -> Carried:
        if unit.kind == "batch":
            epochs = {row[LAYOUTS["runs"].names.index("epoch")] for row in source.rows(unit, "runs")}
            for taken in sorted(destination.taken(epochs, unit.name)):
                raise RunsClash(unit.name, self.destination.url, taken)
        sealers = {table.name: Sealer(LAYOUTS[table.name], self.left_out) for table in unit.tables}
        sections = ((name, sealer.passing(source.rows(unit, name))) for name, sealer in sealers.items())
        destination.fill(unit, source.pipelines(unit), sections)
        moved = {name: sealer.seal() for name, sealer in sealers.items()}
        for table, seal in self.seals(destination, unit).items():
            if seal != moved[table]:
                raise NotEqual(f"{table} of {unit}", f"{moved[table].rows} rows were written, and {seal.rows} read back as others")
        destination.note(unit, moved, self.source.url)
        return Carried(unit, "moved", moved)

    def seals(self, reader: Reader, unit: Unit) -> dict[str, Seal]:
        """The seal of each section of a unit, as far as both stores keep it."""
        return {table.name: seal_of(table.name, reader.rows(unit, table.name), self.left_out) for table in unit.tables}
