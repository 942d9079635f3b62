"""Counts what is in a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Table, func, inspect, select
from sqlalchemy.exc import OperationalError

from actors.stores.engines.database import Database
from actors.stores.sql.statements.dialect import is_postgresql
from schemas.storage import tables

_SQLITE_SIZES = """
    SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY m.tbl_name
"""
_POSTGRES_SIZES = """
    SELECT relname, pg_total_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Holding:
    """A table, or a kind of files."""

    name: str
    count: int  # rows or files
    size_bytes: int | None  # with indexes; None where the database does not say


@dataclass(frozen=True, slots=True)
class Kind:
    """Annotations of one type of one pipeline."""

    pipeline: str
    annotation_type: str
    count: int


@dataclass(frozen=True, slots=True)
class Vectors:
    """Embeddings of one model; `size_bytes` is the size of the vectors alone."""

    pipeline: str
    model: str
    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """The counts of a store; times are UTC text, None in a store without jobs."""

    size_bytes: int
    videos: int
    holdings: tuple[Holding, ...]
    jobs: Mapping[str, int] = field(default_factory=dict)  # by status
    annotations: tuple[Kind, ...] = ()
    embeddings: tuple[Vectors, ...] = ()
    oldest_job: str | None = None
    newest_job: str | None = None
    newest_result: str | None = None


def of_database(database: Database) -> StoreStatistics:
    """The statistics of a database with tables of any version, at one moment.

    Raises `NotFound` where there are no tables, `StoreUnreachable` where they are not ours.
    """
    database.require(older=True)
    with database.read() as connection:
        present = [
            table
            for table in tables.metadata.sorted_tables
            if table.name in inspect(connection).get_table_names()
        ]
        created, ended = tables.jobs.c.created_at, tables.job_pipeline_status.c.completed_at
        oldest, newest = connection.execute(select(func.min(created), func.max(created))).one()
        return StoreStatistics(
            size_bytes=database.size(),
            videos=_row_count(connection, tables.videos),
            holdings=_holdings(connection, present),
            jobs=dict(_count_by(connection, tables.jobs.c.status)),
            annotations=tuple(_kinds(connection)),
            embeddings=tuple(_vectors(connection)) if tables.embeddings in present else (),
            oldest_job=oldest,
            newest_job=newest,
            newest_result=connection.scalar(select(func.max(ended))),
        )


def _row_count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _count_by(connection: Connection, column: object) -> Iterable[tuple[str, int]]:
    query = select(column, func.count()).group_by(column).order_by(column)  # type: ignore[call-overload]
    return [(str(value), int(count)) for value, count in connection.execute(query)]


def _holdings(connection: Connection, present: Iterable[Table]) -> tuple[Holding, ...]:
    sizes = table_sizes(connection)
    return tuple(
        Holding(table.name, _row_count(connection, table), sizes.get(table.name))
        for table in sorted(present, key=lambda table: table.name)
    )


def table_sizes(connection: Connection) -> dict[str, int]:
    """Bytes of each table with its indexes; empty where SQLite was built without dbstat."""
    if is_postgresql(connection):
        return {name: int(size) for name, size in connection.exec_driver_sql(_POSTGRES_SIZES)}
    try:
        return {name: int(size) for name, size in connection.exec_driver_sql(_SQLITE_SIZES)}
    except OperationalError as error:
        if "dbstat" not in str(error.orig):
            raise
        return {}


def _kinds(connection: Connection) -> Iterable[Kind]:
    kind, name = tables.annotations.c.annotation_type, tables.pipelines.c.name
    query = (
        select(name, kind, func.count())
        .join_from(tables.annotations, tables.pipelines)
        .group_by(name, kind)
        .order_by(name, kind)
    )
    return [Kind(*row) for row in connection.execute(query)]


def _vectors(connection: Connection) -> Iterable[Vectors]:
    embeddings, name = tables.embeddings.c, tables.pipelines.c.name
    query = select(name, embeddings.model, func.count(), func.sum(func.length(embeddings.vector))).join_from(
        tables.embeddings, tables.pipelines
    )
    groups = connection.execute(query.group_by(name, embeddings.model).order_by(name, embeddings.model))
    return [Vectors(pipeline, model, count, int(size)) for pipeline, model, count, size in groups]
