"""Checks an SQLite file with SQLite's own checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from actors.stores.engines.sqlite_backup import NO_FAULTS
from actors.stores.integrity.finding import RESTORE, Finding


def faults(connection: Connection) -> Iterator[Finding]:
    """Damaged pages and indexes, and values that their columns do not allow."""
    for line in connection.exec_driver_sql("PRAGMA integrity_check").scalars():
        if line != NO_FAULTS:
            message = " ".join(line.split())
            cure = (
                "`REINDEX` with any SQLite client mends indexes"
                if "index" in message
                else "what can be read is saved by `.recover`"
            )
            yield Finding("damaged", "the file", message, f"{RESTORE}; {cure}")


def broken_references(connection: Connection) -> Iterator[Finding]:
    """Rows that refer to missing rows, by table; SQLite only checks foreign keys where a program says so."""
    counts = Counter((row[0], row[2]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check"))
    for (table, parent), count in sorted(counts.items()):
        yield Finding(
            "reference",
            table,
            f"{count} rows refer to {parent} that are not there",
            f"{RESTORE}, or delete these rows",
        )
