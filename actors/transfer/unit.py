"""The units of a store that are moved or compared as a whole; a unit has one section for each table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final, Literal

from sqlalchemy import Table

from schemas.storage import tables
from schemas.storage.column_types import JsonText, Uuid

Kind = Literal["batch", "setting", "identities", "people", "video"]
# Values in the order of `TableLayout.names`: text, int, float, bytes or None, from any store.
WireRow = tuple[Any, ...]

# Parents first. Leases are not moved: they belong to runs that work on their store.
TABLES: Final[dict[Kind, tuple[Table, ...]]] = {
    "batch": (tables.runs,),
    "setting": (tables.meta,),
    "video": (
        tables.videos,
        tables.video_paths,
        tables.jobs,
        tables.job_pipeline_status,
        tables.chunks,
        tables.annotations,
        tables.embeddings,
        tables.attempts,
        tables.job_events,
    ),
    "identities": (tables.identities,),
    "people": (tables.person_references, tables.person_edits),
}
# Of a line in its job's log or of a run in its batch, in place of the number in its table.
POSITION: Final = "position"
PIPELINE: Final = "pipeline"  # the name, in place of the number in its table
_WIRE_NAMES: Final = {"pipeline_id": PIPELINE, "event_id": POSITION, "epoch": POSITION}


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """A video, a batch's runs, a setting, all identities or all people: moved as a whole or not at all."""

    kind: Kind
    name: str

    @property
    def tables(self) -> tuple[Table, ...]:
        return TABLES[self.kind]

    @property
    def digest(self) -> str:
        """The name of the unit in a ledger, in which no name of a forgotten video may stay."""
        return blake2b(str(self).encode(errors="surrogatepass"), digest_size=16).hexdigest()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True)
class TableLayout:
    """The form of the wire rows of one table: the names of their values, and the positions of types."""

    table: Table
    names: tuple[str, ...]

    def positions(self, kind: type) -> tuple[int, ...]:
        """The positions of the columns of this type."""
        columns = self.table.c
        return tuple(
            position
            for position, name in enumerate(self.names)
            if name in columns and isinstance(columns[name].type, kind)
        )

    @cached_property
    def key(self) -> tuple[int, ...]:
        """The positions of the values that identify a row."""
        names = [_WIRE_NAMES.get(column.name, column.name) for column in self.table.primary_key]
        log_columns = ["job_id"] if self.table is tables.job_events else []  # lines are counted in each log
        return tuple(self.names.index(name) for name in [*log_columns, *names])

    @cached_property
    def json(self) -> tuple[int, ...]:
        return self.positions(JsonText)

    @cached_property
    def ids(self) -> tuple[int, ...]:
        return self.positions(Uuid)


def _layout(table: Table) -> TableLayout:
    return TableLayout(table, tuple(_WIRE_NAMES.get(column.name, column.name) for column in table.c))


LAYOUTS: Final[dict[str, TableLayout]] = {
    table.name: _layout(table) for unit_tables in TABLES.values() for table in unit_tables
}
