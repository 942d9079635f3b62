"""Checks a database for faults without changing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from actors.stores import migrations
from actors.stores.engines.database import Database
from actors.stores.integrity import orphans, postgres, results, schema, sqlite
from actors.stores.integrity.finding import RESTORE, Finding
from actors.stores.sql.statements.dialect import is_postgresql
from schemas.errors import StoreDamaged

OLDER_TABLES: Final = Finding(
    "older",
    "the tables",
    "they are of an earlier version",
    "`vaengine db upgrade`, then check again: so far only the file was",
)


def faults_of_database(database: Database) -> Iterator[Finding]:
    """The faults of a database at one moment; the rows of a damaged file are not checked.

    Raises `StoreUnreachable` where the tables are not ours or of a newer version, `NotFound` where there are
    none.
    """
    try:
        database.require(older=True)
        up_to_date = database.revision() == migrations.HEAD
        with database.read() as connection:
            dialect = postgres if is_postgresql(connection) else sqlite
            damage = list(dialect.faults(connection))
            yield from damage
            if not any(fault.kind == "damaged" for fault in damage):
                yield from dialect.broken_references(connection) if up_to_date else ()
                yield from _row_faults(connection) if up_to_date else [OLDER_TABLES]
    except StoreDamaged as error:
        yield Finding("damaged", database.url, str(error), RESTORE)


def _row_faults(connection: Connection) -> Iterator[Finding]:
    different = list(schema.differences(connection))
    yield from different
    if not any(fault.kind == "missing" for fault in different):  # all tables can be queried
        yield from orphans.orphans(connection)
        yield from results.faults(connection)
