"""What SQLite itself finds wrong with a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from actors.stores.engines.sqlite_backup import SOUND
from actors.stores.integrity.finding import RESTORE, Finding


def faults(connection: Connection) -> Iterator[Finding]:
    """Damaged pages and indexes, and values that their columns do not allow."""
    for line in connection.exec_driver_sql("PRAGMA integrity_check").scalars():
        if line != SOUND:
            told = " ".join(line.split())
            cure = (
                "`REINDEX` with any SQLite client mends indexes"
                if "index" in told
                else "what can be read is saved by `.recover`"
            )
            yield Finding("damaged", "the file", told, f"{RESTORE}; {cure}")


def broken_references(connection: Connection) -> Iterator[Finding]:
    """Rows that refer to rows that are not there, by table; SQLite does not look unless a program asks it
    to.
    """
    found = Counter((row[0], row[2]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check"))
    for (table, parent), count in sorted(found.items()):
        yield Finding(
            "reference",
            table,
            f"{count} rows refer to {parent} that are not there",
            f"{RESTORE}, or delete these rows",
        )
