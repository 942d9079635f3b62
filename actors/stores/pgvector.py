"""Embeddings once more in pgvector's own type, in PostgreSQL databases that have the extension, so that the server compares them itself.

The table lies beside ours and holds nothing that `embeddings` does not: it is made and filled by whoever opens the store for writing, its
rows go with theirs, and where it is not there, or not whole, nobody needs it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection

TABLE: Final = "embedding_vectors"
MOST_DIMENSIONS: Final = 16_000  # of pgvector's type
_PAGE: Final = 1_000

_IS_HERE: Final = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AND to_regtype('vector') IS NOT NULL"
_IS_MADE: Final = "SELECT to_regclass(%(name)s) IS NOT NULL"
_MAY_MAKE: Final = "SELECT has_schema_privilege(current_schema(), 'CREATE') AND has_table_privilege('embeddings', 'REFERENCES')"
_MAY_ADD: Final = f"SELECT has_table_privilege('{TABLE}', 'INSERT')"
_MADE: Final = f"""
CREATE TABLE {TABLE} (
    annotation_id uuid PRIMARY KEY REFERENCES embeddings (annotation_id) ON DELETE CASCADE,
    model text NOT NULL,
    dimension integer NOT NULL,
    vector vector NOT NULL
)
"""
_MISSING: Final = f"""
FROM embeddings LEFT JOIN {TABLE} USING (annotation_id)
WHERE {TABLE}.annotation_id IS NULL AND embeddings.dimension <= {MOST_DIMENSIONS}
"""
_COPY: Final = f"COPY {TABLE} (annotation_id, model, dimension, vector) FROM STDIN (FORMAT BINARY)"

Told = tuple[bytes, str, int, bytes]  # id, model, dimension, and the vector as little-endian float32


def is_made(connection: Connection) -> bool:
    """Whether there is such a table."""
    return bool(connection.exec_driver_sql(_IS_MADE, {"name": TABLE}).scalar())


def is_whole(connection: Connection) -> bool:
    """Whether it has every embedding."""
    return is_made(connection) and not connection.exec_driver_sql(f"SELECT EXISTS (SELECT 1 {_MISSING})").scalar()


def is_due(connection: Connection) -> bool:
    """Whether the extension is here, and something is to be made or added for it."""
    return bool(connection.exec_driver_sql(_IS_HERE).scalar()) and not is_whole(connection)


def complete(connection: Connection) -> None:
    """Make the table and add what it lacks, as far as the role may."""
    if not is_due(connection):
        return
    if not is_made(connection):
        if not connection.exec_driver_sql(_MAY_MAKE).scalar():
            return
        connection.exec_driver_sql(_MADE)
    driver: Any = connection.connection.driver_connection
    with driver.cursor("missing") as missing:
        missing.execute(f"SELECT annotation_id, embeddings.model, embeddings.dimension, embeddings.vector {_MISSING}")
        while page := missing.fetchmany(_PAGE):
            add(connection, ((row[0].bytes, *row[1:]) for row in page))


def add(connection: Connection, new: Iterable[Told]) -> None:
    """Add vectors of embeddings that are there, where the table is and the role may."""
    if not is_made(connection) or not connection.exec_driver_sql(_MAY_ADD).scalar():
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(["bytea", "text", "int4", "bytea"])  # binary forms are written here
        for row in _fitting(new):
            copy.write_row(row)


def _fitting(new: Iterable[Told]) -> Iterator[Told]:
    """In pgvector's binary form: two 16-bit numbers, the dimension and 0, then big-endian float32 (pgvector, `vector_send`)."""
    for one, model, dimension, vector in new:
        if dimension <= MOST_DIMENSIONS:
            yield one, model, dimension, struct.pack(">hh", dimension, 0) + np.frombuffer(vector, "<f4").astype(">f4").tobytes()
