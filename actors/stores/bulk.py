"""Many rows into a database table at once, past SQLAlchemy, which takes several times as long to compile the parameters of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Table

from actors.stores.dialect import is_postgresql

PAGE: Final = 2_000  # rows given to SQLite at once


def add_rows(connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows with values for these columns, in the transaction that is open; times, ids, JSON and states are text on both databases.

    Raises psycopg's `DataError` for an id that is no UUID.
    """
    if is_postgresql(connection):
        from actors.stores.postgres_copy import copy_rows

        copy_rows(connection, table, names, rows)
        return
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    pending = iter(rows)
    while page := [tuple(row) for row in islice(pending, PAGE)]:
        connection.exec_driver_sql(statement, page)
