"""Checks a PostgreSQL database: invalid indexes, unchecked constraints, broken references."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, literal, select

from actors.stores.integrity.finding import RESTORE, Finding
from schemas.storage.tables import metadata

_INDEXES = """
    SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE NOT (i.indisvalid AND i.indisready) AND c.relnamespace = current_schema()::regnamespace ORDER BY 1
"""
_CONSTRAINTS = """
    SELECT conname, conrelid::regclass::text FROM pg_constraint
    WHERE NOT convalidated AND connamespace = current_schema()::regnamespace ORDER BY 1
"""


def faults(connection: Connection) -> Iterator[Finding]:
    """Indexes whose creation was not finished, and constraints that were never validated."""
    for name, table in connection.exec_driver_sql(_INDEXES):
        yield Finding(
            "index", table, f"index {name} is not valid, so nothing is found by it", f"`REINDEX INDEX {name}`"
        )
    for name, table in connection.exec_driver_sql(_CONSTRAINTS):
        cure = f'`ALTER TABLE {table} VALIDATE CONSTRAINT "{name}"`'
        yield Finding("constraint", table, f"its rows were never held to constraint {name}", cure)


def broken_references(connection: Connection) -> Iterator[Finding]:
    """Rows that refer to missing rows, as after a restore without triggers; PostgreSQL does not recheck."""
    keys = ((table, key) for table in metadata.sorted_tables for key in table.foreign_keys)
    for table, key in sorted(keys, key=lambda pair: (pair[0].name, pair[1].parent.name)):
        exists = select(literal(1)).where(key.column == key.parent).exists()
        missing = select(func.count()).select_from(table).where(key.parent.is_not(None), ~exists)
        if count := connection.scalar(missing):
            fault = f"{count} rows refer to {key.column.table.name} that are not there"
            yield Finding("reference", table.name, fault, f"{RESTORE}, or delete these rows")
