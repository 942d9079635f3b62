"""Selects rows of database tables in wire form: times, ids, JSON and states as text, row numbers replaced.

The rows are read by the drivers without SQLAlchemy, which takes as long for a row as all the rest of a
transfer.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Enum,
    Table,
    Text,
    bindparam,
    cast,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.sql.compiler import SQLCompiler

from actors.stores.sql.statements.dialect import is_postgresql
from actors.transfer.unit import LAYOUTS, POSITION, WireRow
from schemas.storage import tables
from schemas.storage.column_types import POSTGRESQL, JsonText, UtcDateTime, Uuid, in_postgresql

OWNER: Final = "owner"  # the parameter that names the unit
# The length of `schemas.storage.column_types.TIME_FORM`, with which PostgreSQL's own form begins.
_TIME_CHARACTERS: Final = len("YYYY-MM-DD HH:MM:SS")
# Columns that are replaced by a position, with the column within which positions are counted.
_POSITION_WITHIN: Final = {
    tables.job_events.c.event_id: tables.job_events.c.job_id,
    tables.runs.c.epoch: tables.runs.c.batch_id,
}
# The column that has the name of a row's unit, where it is not `video_id`.
_OWNER_COLUMNS: Final = {"runs": "batch_id", "meta": "name"}

# Rows of PostgreSQL in memory at once. With more, memory is returned to the system and requested again for
# every page.
_PAGE_ROWS: Final = 300
# Tables that may have any number of rows of one video.
_LARGE_TABLES: Final = (tables.annotations.name, tables.embeddings.name, tables.chunks.name)


def wire_rows(connection: Connection, table: str, owner: str) -> Generator[WireRow]:
    """Yields all rows of a table that belong to a unit, a few at a time in memory.

    The connection must not be used for anything else meanwhile.
    """
    statement = _statement(table, connection.dialect)
    values = {**statement.params, OWNER: owner}
    driver: Any = connection.connection.driver_connection
    if is_postgresql(connection):
        # Not psycopg's `stream`, which holds the connection's lock for as long as a traceback refers to a
        # reader that has failed. The rows of a cursor with a name stay on the server.
        with driver.cursor(table) if table in _LARGE_TABLES else driver.cursor() as cursor:
            # Binary: numbers are not converted to text and back.
            cursor.execute(statement.string, values, binary=True)
            while page := cursor.fetchmany(_PAGE_ROWS):
                yield from page
    else:
        with closing(
            driver.execute(statement.string, [values[name] for name in statement.positiontup or ()])
        ) as cursor:
            yield from cursor


@lru_cache(maxsize=2 * len(LAYOUTS))  # for two stores; each connection pool has its own dialect object
def _statement(table: str, dialect: Dialect) -> SQLCompiler:
    sql_table = LAYOUTS[table].table
    columns = zip(sql_table.c, LAYOUTS[table].names, strict=True)
    query = select(*(_wire_column(column, dialect.name).label(name) for column, name in columns))
    source: Any = sql_table
    if "pipeline_id" in sql_table.c:
        source = source.outerjoin(tables.pipelines, tables.pipelines.c.pipeline_id == sql_table.c.pipeline_id)
    if sql_table in (tables.job_pipeline_status, tables.job_events):
        source = source.join(tables.jobs, tables.jobs.c.job_id == sql_table.c.job_id)
    compiled = (
        query.select_from(source)
        .where(belongs_to_unit(sql_table))
        .order_by(*_order(sql_table))
        .compile(dialect=dialect)
    )
    assert isinstance(compiled, SQLCompiler)
    return compiled


def belongs_to_unit(table: Table) -> ColumnElement[bool]:
    """The condition that a row belongs to the unit named by parameter `owner`."""
    if table in (tables.identities, tables.person_references, tables.person_edits):
        return literal(True)
    if table in (tables.job_pipeline_status, tables.job_events):
        return tables.jobs.c.video_id == bindparam(OWNER)
    return table.c[_OWNER_COLUMNS.get(table.name, "video_id")] == bindparam(OWNER)


def _order(table: Table) -> tuple[ColumnElement[Any], ...]:
    """The order of rows: annotations by time, so that rows that are read together are stored together."""
    if table is tables.runs:
        return (table.c.epoch,)
    return (table.c.timestamp_seconds,) if table is tables.annotations else ()


def _wire_column(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    if column.name == "pipeline_id":
        return tables.pipelines.c.name
    if column in _POSITION_WITHIN:
        return func.row_number().over(partition_by=_POSITION_WITHIN[column], order_by=column).label(POSITION)
    if not isinstance(column.type, (Uuid, JsonText, UtcDateTime)) and not isinstance(
        in_postgresql(column.type), Enum
    ):
        return column
    if dialect != POSTGRESQL:
        return type_coerce(column, Text())
    if isinstance(column.type, UtcDateTime):
        return func.left(cast(column, Text()), _TIME_CHARACTERS)
    return cast(column, Text())
