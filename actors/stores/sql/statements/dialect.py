"""Says which of the two databases a connection has, and makes the upsert statement of each."""

from __future__ import annotations

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from schemas.storage.column_types import POSTGRESQL

Upsert = sqlite.Insert | postgresql.Insert


def upsert(connection: Connection, table: Table) -> Upsert:
    """An INSERT that can say what happens to rows whose key exists."""
    return postgresql.insert(table) if is_postgresql(connection) else sqlite.insert(table)


def is_postgresql(connection: Connection) -> bool:
    """Whether the connection is to PostgreSQL; otherwise it is to SQLite."""
    return connection.dialect.name == POSTGRESQL
