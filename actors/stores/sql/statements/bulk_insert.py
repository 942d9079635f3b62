"""Inserts many rows at once, without SQLAlchemy, which takes several times as long to bind parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, Final

from sqlalchemy import Connection, Table

from actors.stores.sql.statements.dialect import is_postgresql

PAGE_ROWS: Final = 2_000  # rows given to SQLite at once


def add_rows(
    connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Insert rows with values for these columns, in the open transaction.

    Times, ids, JSON and states are text, for both databases. Raises psycopg's `DataError` for an id that is
    no UUID.
    """
    pending = iter(rows)
    first = next(pending, None)
    if first is None:
        return
    pending = chain((first,), pending)
    if is_postgresql(connection):
        from actors.stores.sql.statements.postgres_copy import copy_rows

        copy_rows(connection, table, names, pending)
        return
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    while page := [tuple(row) for row in islice(pending, PAGE_ROWS)]:
        connection.exec_driver_sql(statement, page)
