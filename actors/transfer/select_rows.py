"""Selects rows of database tables in wire form: times, ids, JSON and states as text, numbers replaced.

The drivers read them without SQLAlchemy, which takes as long for a row as all the rest of a move.
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

from actors.stores.sql.dialect import is_postgresql
from actors.transfer.unit import LAYOUTS, POSITION, TravelRow
from schemas.storage import tables
from schemas.storage.column_types import POSTGRESQL, JsonText, UtcDateTime, Uuid, in_postgresql

OWNER: Final = "owner"  # the parameter that names the unit
_TIME: Final = len(
    "YYYY-MM-DD HH:MM:SS"
)  # schemas.storage.column_types.TIME_FORM, with which PostgreSQL's own form begins
_COUNTED: Final = {
    tables.job_events.c.event_id: tables.job_events.c.job_id,
    tables.runs.c.epoch: tables.runs.c.batch_id,
}  # within what
_OWNERS: Final = {
    "runs": "batch_id",
    "meta": "name",
}  # the column that says which unit a row is of, where it is not `video_id`


# rows in memory at once, of PostgreSQL; of more, memory goes back to the system and is asked for again with
# every page
_PAGE: Final = 300
_WIDE: Final = (
    tables.annotations.name,
    tables.embeddings.name,
    tables.chunks.name,
)  # a video may have any number of these


def wire_rows(connection: Connection, table: str, owner: str) -> Generator[TravelRow]:
    """All rows of a table that belong to a unit, a few at a time in memory; nothing else is asked of the
    connection meanwhile.
    """
    statement = _statement(table, connection.dialect)
    told = {**statement.params, OWNER: owner}
    driver: Any = connection.connection.driver_connection
    if is_postgresql(connection):
        # Not psycopg's `stream`, which holds the connection's lock as long as a reader that has failed is
        # still on some traceback.
        with (
            driver.cursor(table) if table in _WIDE else driver.cursor() as cursor
        ):  # one with a name stays on the server
            cursor.execute(
                statement.string, told, binary=True
            )  # numbers need not be written and read as text
            while page := cursor.fetchmany(_PAGE):
                yield from page
    else:
        with closing(
            driver.execute(statement.string, [told[name] for name in statement.positiontup or ()])
        ) as cursor:
            yield from cursor


@lru_cache(
    maxsize=2 * len(LAYOUTS)
)  # for both sides of a move; each connection pool has a dialect of its own
def _statement(table: str, dialect: Dialect) -> SQLCompiler:
    of = LAYOUTS[table].table
    columns = zip(of.c, LAYOUTS[table].names, strict=True)
    query = select(*(_travelling(column, dialect.name).label(name) for column, name in columns))
    source: Any = of
    if "pipeline_id" in of.c:
        source = source.outerjoin(tables.pipelines, tables.pipelines.c.pipeline_id == of.c.pipeline_id)
    if of in (tables.job_pipeline_status, tables.job_events):
        source = source.join(tables.jobs, tables.jobs.c.job_id == of.c.job_id)
    compiled = query.select_from(source).where(owned(of)).order_by(*_order(of)).compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    return compiled


def owned(table: Table) -> ColumnElement[bool]:
    """Which rows of a table belong to the unit named by parameter `owner`."""
    if table is tables.identities:
        return literal(True)
    if table in (tables.job_pipeline_status, tables.job_events):
        return tables.jobs.c.video_id == bindparam(OWNER)
    return table.c[_OWNERS.get(table.name, "video_id")] == bindparam(OWNER)


def _order(table: Table) -> tuple[ColumnElement[Any], ...]:
    """Annotations by time, as their index has them: rows that are asked for together then lie together in
    the new store as well.
    """
    if table is tables.runs:
        return (table.c.epoch,)
    return (table.c.timestamp_seconds,) if table is tables.annotations else ()


def _travelling(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    if column.name == "pipeline_id":
        return tables.pipelines.c.name
    if column in _COUNTED:
        return func.row_number().over(partition_by=_COUNTED[column], order_by=column).label(POSITION)
    if not isinstance(column.type, (Uuid, JsonText, UtcDateTime)) and not isinstance(
        in_postgresql(column.type), Enum
    ):
        return column
    if dialect != POSTGRESQL:
        return type_coerce(column, Text())
    if isinstance(column.type, UtcDateTime):
        return func.left(cast(column, Text()), _TIME)
    return cast(column, Text())
