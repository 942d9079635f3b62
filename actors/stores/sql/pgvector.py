"""An optional copy of `embeddings` in pgvector's own type, so that PostgreSQL compares embeddings itself.

The first writer with the privilege creates and fills it. Rows are deleted by cascade. If the copy is missing
or incomplete, similarity is computed in Python.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from psycopg import sql
from sqlalchemy import Connection

TABLE: Final = "embedding_vectors"
MAX_DIMENSIONS: Final = 16_000  # of pgvector's type
_PAGE: Final = 1_000

_STATUS: Final = f"""
SELECT
    EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AND to_regtype('vector') IS NOT NULL,
    EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('{TABLE}') AND attname = 'vector' AND atttypid = to_regtype('vector')
        AND NOT attisdropped
    ),
    has_table_privilege(to_regclass('{TABLE}'), 'SELECT'),
    has_table_privilege(to_regclass('{TABLE}'), 'INSERT'),
    has_schema_privilege(current_schema(), 'CREATE')
        AND (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('embeddings'))
"""
_CREATE_TABLE: Final = f"""
CREATE TABLE {TABLE} (
    annotation_id uuid PRIMARY KEY REFERENCES embeddings (annotation_id) ON DELETE CASCADE,
    model text NOT NULL,
    dimension integer NOT NULL,
    vector vector NOT NULL
)
"""
_GRANTS: Final = """
SELECT grantee, privilege_type FROM information_schema.role_table_grants
WHERE table_schema = current_schema() AND table_name = 'embeddings' AND grantee <> grantor
"""
_MISSING: Final = f"""
FROM embeddings LEFT JOIN {TABLE} USING (annotation_id)
WHERE {TABLE}.annotation_id IS NULL AND embeddings.dimension <= {MAX_DIMENSIONS}
"""
_COPY: Final = f"COPY {TABLE} (annotation_id, model, dimension, vector) FROM STDIN (FORMAT BINARY)"

VectorRow = tuple[bytes, str, int, bytes]  # annotation id, model, dimension, vector in little-endian float32


class PgvectorStatus(NamedTuple):
    """What there is of pgvector in a database, and what the role of the connection may do with the table."""

    has_extension: bool
    has_table: bool  # with a column of the extension's type
    may_read: bool | None  # None: there is no table
    may_add: bool | None
    may_create: bool | None


def status(connection: Connection) -> PgvectorStatus:
    """The status of pgvector for the role of this connection."""
    return PgvectorStatus(*connection.exec_driver_sql(_STATUS).one())


def is_whole(connection: Connection) -> bool:
    """Whether every embedding can be read from the copy."""
    pgvector_status = status(connection)
    return bool(pgvector_status.has_table and pgvector_status.may_read) and not _is_incomplete(connection)


def is_due(connection: Connection) -> bool:
    """Whether the table or some of its rows are missing, and the role may add them."""
    pgvector_status = status(connection)
    if not pgvector_status.has_table:
        return bool(pgvector_status.has_extension and pgvector_status.may_create)
    return bool(pgvector_status.may_read and pgvector_status.may_add) and _is_incomplete(connection)


def _is_incomplete(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql(f"SELECT EXISTS (SELECT 1 {_MISSING})").scalar())


def complete(connection: Connection) -> None:
    """Create the table if it is missing, with the privileges of `embeddings`, and add missing rows."""
    if not is_due(connection):
        return
    driver: Any = connection.connection.driver_connection
    if not status(connection).has_table:
        # A table without the column is left where the extension was dropped, and the column with it.
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {TABLE}")
        connection.exec_driver_sql(_CREATE_TABLE)
        for role, privilege in connection.exec_driver_sql(_GRANTS).all():
            to = sql.SQL("PUBLIC") if role == "PUBLIC" else sql.Identifier(role)
            driver.execute(
                sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(privilege), sql.Identifier(TABLE), to)
            )
    with driver.cursor("missing") as missing:
        missing.execute(
            f"SELECT annotation_id, embeddings.model, embeddings.dimension, embeddings.vector {_MISSING}"
        )
        while page := missing.fetchmany(_PAGE):
            _copy_rows(connection, ((row[0].bytes, *row[1:]) for row in page))


def add(connection: Connection, new: Iterable[VectorRow]) -> None:
    """Add the vectors of stored embeddings, where the table exists and the role may write it."""
    pgvector_status = status(connection)
    if pgvector_status.has_table and pgvector_status.may_add:
        _copy_rows(connection, new)


def _copy_rows(connection: Connection, new: Iterable[VectorRow]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(["bytea", "text", "int4", "bytea"])  # binary forms are written here
        for row in _binary_rows(new):
            copy.write_row(row)


def _binary_rows(new: Iterable[VectorRow]) -> Iterator[VectorRow]:
    """Rows in pgvector's binary form: dimension and 0 as 16-bit numbers, then big-endian float32.

    Source: pgvector, `vector_send`.
    """
    for annotation_id, model, dimension, vector in new:
        if dimension <= MAX_DIMENSIONS:
            yield (
                annotation_id,
                model,
                dimension,
                struct.pack(">hh", dimension, 0) + np.frombuffer(vector, "<f4").astype(">f4").tobytes(),
            )
