"""Reads and writes who is who by hand in database tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, func, select

from actors.stores.encoding.people_rows import edit_row, log_of, reference_row
from actors.stores.encoding.rows import Row
from actors.stores.sql.statements.bulk_insert import add_rows
from actors.stores.sql.statements.queries import put
from schemas.storage import tables
from schemas.storage.people import PeopleLog, PersonEdit, PersonReference


@dataclass(frozen=True, slots=True)
class SqlPeople:
    """See `backend.transaction.PeopleRecords`."""

    connection: Connection

    def log(self) -> PeopleLog:
        return log_of(self._rows(tables.person_edits), self._rows(tables.person_references))

    def _rows(self, table: Table) -> list[Row]:
        return [dict(row) for row in self.connection.execute(select(table)).mappings()]

    def append(self, edit: PersonEdit, references: Sequence[PersonReference]) -> None:
        put(self.connection, tables.person_references, list(map(reference_row, references)))
        newest = self.connection.scalar(select(func.max(tables.person_edits.c.sequence))) or 0
        self._insert(tables.person_edits, [edit_row(edit, newest + 1)])

    def replace(self, log: PeopleLog) -> None:
        for table in (tables.person_edits, tables.person_references):
            self.connection.execute(delete(table))
        self._insert(tables.person_references, list(map(reference_row, log.references.values())))
        self._insert(
            tables.person_edits,
            [edit_row(edit, sequence) for sequence, edit in enumerate(log.edits, start=1)],
        )

    def _insert(self, table: Table, rows: Sequence[Row]) -> None:
        names = [column.name for column in table.c]
        add_rows(self.connection, table, names, ([row[name] for name in names] for row in rows))
