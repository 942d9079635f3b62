"""Helpers of all statements on the tables: pages of values, upserts, ids of pipelines, rows of a work key.

The caller has opened the transaction. Many keys are read by few statements, and rows are inserted in bulk.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, select

from actors.stores.encoding.annotation_rows import COLUMNS, annotation_rows
from actors.stores.encoding.rows import Row
from actors.stores.sql.statements.bulk_insert import add_rows
from actors.stores.sql.statements.dialect import upsert
from schemas.annotations.annotation import Annotation
from schemas.pipelines import VERSIONS
from schemas.storage import tables
from schemas.work.chunk import WorkKey

PAGE_VALUES: Final = 500  # values in one IN list; SQLite allows 999 in its oldest builds

annotation_table = tables.annotations


def paged(values: Iterable[str]) -> Iterator[list[str]]:
    """Distinct values in lists short enough for one statement."""
    distinct = list(dict.fromkeys(values))
    return (distinct[start : start + PAGE_VALUES] for start in range(0, len(distinct), PAGE_VALUES))


def put(connection: Connection, table: Table, rows: Sequence[Row], *, keep: Sequence[str] = ()) -> None:
    """Insert rows, or update those whose primary key exists; columns in `keep` are not updated."""
    if not rows:
        return
    statement = upsert(connection, table)
    key = [column.name for column in table.primary_key]
    changes = {name: statement.excluded[name] for name in rows[0] if name not in (*key, *keep)}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), rows)


def pipeline_ids(connection: Connection, names: Iterable[str] = ()) -> dict[str, int]:
    """The id of each pipeline by name; unknown `names` are added, which needs a writing transaction."""
    table = tables.pipelines
    ids: dict[str, int] = {
        row.name: row.pipeline_id for row in connection.execute(select(table.c.name, table.c.pipeline_id))
    }
    missing = [{"name": name, "version": VERSIONS.get(name, "0")} for name in sorted(set(names) - set(ids))]
    if not missing:
        return ids
    connection.execute(upsert(connection, table).on_conflict_do_nothing(), missing)
    return pipeline_ids(connection)


class PipelineIds:
    """The ids of pipelines by name, read once in a transaction: an id never changes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ids: dict[str, int] = {}

    def id_of(self, name: str) -> int:
        """The id of a pipeline; 0, which no pipeline has, where it is unknown."""
        if name not in self._ids:
            self._ids = pipeline_ids(self._connection)
        return self._ids.get(name, 0)

    def ensure(self, names: Iterable[str]) -> Mapping[str, int]:
        """The ids of all pipelines; unknown `names` are added, which needs a writing transaction."""
        requested = set(names)
        if not requested <= self._ids.keys():
            self._ids = pipeline_ids(self._connection, requested)
        return self._ids

    def names(self) -> dict[int, str]:
        """The name of each pipeline by its id."""
        return {number: name for name, number in pipeline_ids(self._connection).items()}


def of_key(table: Table, key: WorkKey, pipeline_id: int) -> ColumnElement[bool]:
    """The condition that a row belongs to a work key."""
    return and_(
        table.c.video_id == key.video_id,
        table.c.pipeline_id == pipeline_id,
        table.c.config_hash == key.config_hash,
    )


def key_row(key: WorkKey, pipeline_id: int) -> Row:
    """A work key as the values of its columns."""
    return {"video_id": key.video_id, "pipeline_id": pipeline_id, "config_hash": key.config_hash}


def data_of(connection: Connection, key: WorkKey, pipeline_id: int) -> list[dict[str, Any]]:
    """Rows of a work key as flat dicts, in no particular order."""
    query = select(annotation_table.c.data).where(of_key(annotation_table, key, pipeline_id))
    return [json.loads(data) for data in connection.execute(query).scalars()]


def insert_rows(
    connection: Connection, rows: Iterable[Annotation], job_id: str, pipeline_id: int, created_at: str
) -> None:
    """Insert annotations; an id that exists is an error of the database."""
    add_rows(connection, annotation_table, COLUMNS, annotation_rows(rows, job_id, pipeline_id, created_at))
