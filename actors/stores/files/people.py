"""Reads and writes who is who by hand in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.atomic_files import read_object
from actors.stores.encoding.people_rows import edit_row, log_object, log_of, reference_row, rows_in
from actors.stores.encoding.rows import Row
from actors.stores.files.registry import Registry
from schemas.errors import StoreDamaged
from schemas.storage.people import PeopleLog, PersonEdit, PersonReference


@dataclass(frozen=True, slots=True)
class FilePeople:
    """See `backend.transaction.PeopleRecords`; the caller has locked the store while it writes."""

    registry: Registry

    def log(self) -> PeopleLog:
        return log_of(*self.rows())

    def rows(self) -> tuple[list[Row], list[Row]]:
        """The rows of tables `person_edits` and `person_references`.

        Raises `StoreDamaged` for a file that cannot be read: nobody but a person could make it anew.
        """
        path = self.registry.layout.people
        stored = read_object(path)
        if stored is None and path.exists():
            raise StoreDamaged(str(path), "it is not the JSON object that was written: restore a backup")
        return rows_in(stored or {})

    def append(self, edit: PersonEdit, references: Sequence[PersonReference]) -> None:
        edits, stored = self.rows()
        newest = max((int(row["sequence"]) for row in edits), default=0)
        added = {one.reference_id: reference_row(one) for one in references}
        kept = [row for row in stored if row["reference_id"] not in added]
        self.put_rows([*edits, edit_row(edit, newest + 1)], [*kept, *added.values()])

    def replace(self, log: PeopleLog) -> None:
        edits = [edit_row(edit, sequence) for sequence, edit in enumerate(log.edits, start=1)]
        self.put_rows(edits, list(map(reference_row, log.references.values())))

    def put_rows(self, edits: list[Row], references: list[Row]) -> None:
        """Write all rows; without any there is no file."""
        path = self.registry.layout.people
        if edits or references:
            self.registry.put(path, log_object(edits, references), durable=True)
        else:
            path.unlink(missing_ok=True)
