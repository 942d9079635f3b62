"""Units of a store that are moved or compared together; each has one section for each table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final, Literal

from sqlalchemy import Table

from schemas.storage import tables
from schemas.storage.column_types import JsonText, Uuid

Kind = Literal["batch", "setting", "identities", "video"]
TravelRow = tuple[
    Any, ...
    # values in the order of `TableLayout.names`: text, int, float, bytes or None, of whichever store
]

# Parents first. Leases stay: they are of runs that work on the store they are in.
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
}
# of a line in its job's log, of a run in its batch, in place of the number that its table gives it
POSITION: Final = "position"
PIPELINE: Final = "pipeline"  # by name, in place of the number that its table gives it
_TRAVELLING: Final = {"pipeline_id": PIPELINE, "event_id": POSITION, "epoch": POSITION}


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """What is moved whole or not at all: a video, a batch's runs, a setting, or all identities; `name` is
    its id.
    """

    kind: Kind
    name: str

    @property
    def tables(self) -> tuple[Table, ...]:
        return TABLES[self.kind]

    @property
    def digest(self) -> str:
        """Stands for it in a ledger, where names of what is forgotten must not stay."""
        return blake2b(str(self).encode(errors="surrogatepass"), digest_size=16).hexdigest()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True)
class TableLayout:
    """How the rows of one table travel: the names of their values, and which of those are JSON, ids and
    times.
    """

    table: Table
    names: tuple[str, ...]

    def places(self, kind: type) -> tuple[int, ...]:
        """Where values of columns of this type are."""
        columns = self.table.c
        return tuple(
            at
            for at, name in enumerate(self.names)
            if name in columns and isinstance(columns[name].type, kind)
        )

    @cached_property
    def key(self) -> tuple[int, ...]:
        """Where the values are that tell a row apart."""
        names = [_TRAVELLING.get(column.name, column.name) for column in self.table.primary_key]
        of_a_log = ["job_id"] if self.table is tables.job_events else []  # lines are counted in each log
        return tuple(self.names.index(name) for name in [*of_a_log, *names])

    @cached_property
    def json(self) -> tuple[int, ...]:
        return self.places(JsonText)

    @cached_property
    def ids(self) -> tuple[int, ...]:
        return self.places(Uuid)


def _layout(table: Table) -> TableLayout:
    return TableLayout(table, tuple(_TRAVELLING.get(column.name, column.name) for column in table.c))


LAYOUTS: Final[dict[str, TableLayout]] = {
    table.name: _layout(table) for each in TABLES.values() for table in each
}
