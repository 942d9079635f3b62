"""What the two databases say differently: taking over rows that are there, and adding many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from schemas import tables
from schemas.columns import POSTGRESQL

_NAMES: Final = [column.name for column in tables.annotations.c]
_INSERT: Final = f"INSERT INTO annotations ({', '.join(_NAMES)}) VALUES (:{', :'.join(_NAMES)})"

Upsert = sqlite.Insert | postgresql.Insert


def upsert(connection: Connection, table: Table) -> Upsert:
    """An INSERT that may say what becomes of rows whose key is there."""
    return postgresql.insert(table) if is_postgresql(connection) else sqlite.insert(table)


def is_postgresql(connection: Connection) -> bool:
    """Which of the two it is."""
    return connection.dialect.name == POSTGRESQL


def add_annotations(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of table `annotations`, past SQLAlchemy: compiling the parameters of each takes a fifth of the time otherwise."""
    if is_postgresql(connection):
        from actors.stores.postgres_copy import copy_annotations

        copy_annotations(connection, rows)
    elif rows:
        connection.exec_driver_sql(_INSERT, list(rows))
