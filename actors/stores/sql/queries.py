"""What all statements on the tables have in common, on a connection whose transaction somebody else holds.

Many keys are asked for in few statements, and rows go in in bulk; nothing here counts rows to learn whether
they exist.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, select

from actors.stores.encoding.annotation_rows import COLUMNS, annotation_rows
from actors.stores.encoding.rows import Row
from actors.stores.sql.bulk_insert import add_rows
from actors.stores.sql.dialect import upsert
from schemas.annotations.annotation import Annotation
from schemas.pipelines import VERSIONS
from schemas.storage import tables
from schemas.work.chunk import WorkKey

_PAGE: Final = 500  # values in one IN list; SQLite allows 999 in its oldest builds

annotated = tables.annotations


def paged(values: Iterable[str]) -> Iterator[list[str]]:
    """Distinct values in lists short enough for one statement."""
    distinct = list(dict.fromkeys(values))
    return (distinct[start : start + _PAGE] for start in range(0, len(distinct), _PAGE))


def put(connection: Connection, table: Table, new: Sequence[Row], *, keep: Sequence[str] = ()) -> None:
    """Insert rows, or update all other columns of those whose primary key is there, `keep` aside."""
    if not new:
        return
    statement = upsert(connection, table)
    key = [column.name for column in table.primary_key]
    changes = {name: statement.excluded[name] for name in new[0] if name not in (*key, *keep)}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), new)


def pipeline_ids(connection: Connection, names: Iterable[str] = ()) -> dict[str, int]:
    """Id of each pipeline by name; those of `names` that are new are added, which needs a writing
    transaction.
    """
    table = tables.pipelines
    found: dict[str, int] = {
        row.name: row.pipeline_id for row in connection.execute(select(table.c.name, table.c.pipeline_id))
    }
    missing = [{"name": name, "version": VERSIONS.get(name, "0")} for name in sorted(set(names) - set(found))]
    if not missing:
        return found
    connection.execute(upsert(connection, table).on_conflict_do_nothing(), missing)
    return pipeline_ids(connection)


class PipelineIds:
    """Ids of pipelines by name, read once in a transaction: an id never changes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[str, int] = {}

    def id_of(self, name: str) -> int:
        """The id of a pipeline; 0, which none has, where it is not known."""
        if name not in self._found:
            self._found = pipeline_ids(self._connection)
        return self._found.get(name, 0)

    def ensure(self, names: Iterable[str]) -> Mapping[str, int]:
        """Ids of all; those of `names` that are new are added, which needs a writing transaction."""
        wanted = set(names)
        if not wanted <= self._found.keys():
            self._found = pipeline_ids(self._connection, wanted)
        return self._found

    def names(self) -> dict[int, str]:
        """Name of each pipeline by its id."""
        return {number: name for name, number in pipeline_ids(self._connection).items()}


def of_key(table: Table, key: WorkKey, pipeline_id: int) -> ColumnElement[bool]:
    """The condition that picks what belongs to a work key."""
    return and_(
        table.c.video_id == key.video_id,
        table.c.pipeline_id == pipeline_id,
        table.c.config_hash == key.config_hash,
    )


def key_row(key: WorkKey, pipeline_id: int) -> Row:
    """A work key as the columns that hold it."""
    return {"video_id": key.video_id, "pipeline_id": pipeline_id, "config_hash": key.config_hash}


def data_of(connection: Connection, key: WorkKey, pipeline_id: int) -> list[dict[str, Any]]:
    """Rows of a work key as flat dicts, in no particular order."""
    query = select(annotated.c.data).where(of_key(annotated, key, pipeline_id))
    return [json.loads(data) for data in connection.execute(query).scalars()]


def insert_rows(
    connection: Connection, new: Iterable[Annotation], job_id: str, pipeline_id: int, created_at: str
) -> None:
    """Add annotations; an id that is there already is refused."""
    add_rows(connection, annotated, COLUMNS, annotation_rows(new, job_id, pipeline_id, created_at))
