"""Rows of database tables as they travel, in SQL: times, ids, JSON and states as text, numbers of pipelines and log lines replaced."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Enum, Select, Table, Text, bindparam, cast, func, literal, select, type_coerce

from actors.transfer.unit import LAYOUTS, POSITION
from schemas import tables
from schemas.columns import POSTGRESQL, Id, Json, Moment, in_postgresql

OWNER: Final = "owner"  # the parameter that names the unit
_TIME: Final = "YYYY-MM-DD HH24:MI:SS"  # schemas.store.TIME_FORM, as PostgreSQL writes it
_OWNERS: Final = {"runs": "batch_id", "meta": "name"}  # the column that says which unit a row is of, where it is not `video_id`


@cache
def travelling(table: str, dialect: str) -> Select[Any]:
    """All rows of a table that belong to the unit named by parameter `owner`."""
    of = LAYOUTS[table].table
    query = select(*(_travelling(column, dialect).label(name) for column, name in zip(of.c, LAYOUTS[table].names, strict=True)))
    source: Any = of
    if "pipeline_id" in of.c:
        source = source.outerjoin(tables.pipelines, tables.pipelines.c.pipeline_id == of.c.pipeline_id)
    if of in (tables.job_pipeline_status, tables.job_events):
        source = source.join(tables.jobs, tables.jobs.c.job_id == of.c.job_id)
    return query.select_from(source).where(owned(of)).order_by(*_order(of))


def owned(table: Table) -> ColumnElement[bool]:
    """Which rows of a table belong to the unit named by parameter `owner`."""
    if table is tables.identities:
        return literal(True)
    if table in (tables.job_pipeline_status, tables.job_events):
        return tables.jobs.c.video_id == bindparam(OWNER)
    return table.c[_OWNERS.get(table.name, "video_id")] == bindparam(OWNER)


def _order(table: Table) -> tuple[ColumnElement[Any], ...]:
    """By time, as its index has them: rows that are asked for together then lie together in the new store as well."""
    return (table.c.timestamp_seconds,) if table is tables.annotations else ()


def _travelling(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    if column.name == "pipeline_id":
        return tables.pipelines.c.name
    if column.name == "event_id":
        return func.row_number().over(partition_by=column.table.c.job_id, order_by=column).label(POSITION)
    if not isinstance(column.type, (Id, Json, Moment)) and not isinstance(in_postgresql(column.type), Enum):
        return column
    if dialect != POSTGRESQL:
        return type_coerce(column, Text())
    if isinstance(column.type, Moment):
        return func.to_char(func.timezone("UTC", column), _TIME)
    return cast(column, Text())
