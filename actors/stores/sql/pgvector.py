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
MOST_DIMENSIONS: Final = 16_000  # of pgvector's type
_PAGE: Final = 1_000

_STANDING: Final = f"""
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
_MADE: Final = f"""
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
WHERE {TABLE}.annotation_id IS NULL AND embeddings.dimension <= {MOST_DIMENSIONS}
"""
_COPY: Final = f"COPY {TABLE} (annotation_id, model, dimension, vector) FROM STDIN (FORMAT BINARY)"

Told = tuple[bytes, str, int, bytes]  # id, model, dimension, and the vector as little-endian float32


class PgvectorStatus(NamedTuple):
    """Whether there is the extension, and the table with a column of its type; whether the role may read
    it, add to it, make it.
    """

    is_here: bool
    is_made: bool
    may_read: bool | None  # None: there is no table
    may_add: bool | None
    may_make: bool | None


def standing(connection: Connection) -> PgvectorStatus:
    """How things are for the role of this connection."""
    return PgvectorStatus(*connection.exec_driver_sql(_STANDING).one())


def is_whole(connection: Connection) -> bool:
    """Whether every embedding can be read from it."""
    now = standing(connection)
    return bool(now.is_made and now.may_read) and not _lacks(connection)


def is_due(connection: Connection) -> bool:
    """Whether it is to be made, or something to be added, by a role that may."""
    now = standing(connection)
    if not now.is_made:
        return bool(now.is_here and now.may_make)
    return bool(now.may_read and now.may_add) and _lacks(connection)


def _lacks(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql(f"SELECT EXISTS (SELECT 1 {_MISSING})").scalar())


def complete(connection: Connection) -> None:
    """Make the table where it is due, to be used by whoever may use `embeddings`, and add what it lacks."""
    if not is_due(connection):
        return
    driver: Any = connection.connection.driver_connection
    if not standing(connection).is_made:
        connection.exec_driver_sql(
            f"DROP TABLE IF EXISTS {TABLE}"
        )  # the extension was dropped, and its column with it
        connection.exec_driver_sql(_MADE)
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
            _copied(connection, ((row[0].bytes, *row[1:]) for row in page))


def add(connection: Connection, new: Iterable[Told]) -> None:
    """Add vectors of embeddings that are there, where the table is and the role may."""
    now = standing(connection)
    if now.is_made and now.may_add:
        _copied(connection, new)


def _copied(connection: Connection, new: Iterable[Told]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(["bytea", "text", "int4", "bytea"])  # binary forms are written here
        for row in _fitting(new):
            copy.write_row(row)


def _fitting(new: Iterable[Told]) -> Iterator[Told]:
    """In pgvector's binary form: two 16-bit numbers, the dimension and 0, then big-endian float32
    (pgvector, `vector_send`).
    """
    for one, model, dimension, vector in new:
        if dimension <= MOST_DIMENSIONS:
            yield (
                one,
                model,
                dimension,
                struct.pack(">hh", dimension, 0) + np.frombuffer(vector, "<f4").astype(">f4").tobytes(),
            )
