"""Everything that can be found wrong with a store without changing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from actors import migrations
from actors.stores import orphans, postgres_check, result_check, schema_check, sqlite_check
from actors.stores.database import Database
from actors.stores.dialect import is_postgresql
from actors.stores.finding import RESTORE, Finding
from schemas.errors import StoreDamaged

OLDER: Final = Finding(
    "older", "the tables", "they are of an earlier version", "`vaengine db upgrade`, then check again: so far only the file was"
)


def faults_of_database(database: Database) -> Iterator[Finding]:
    """Faults of a database, all as of one moment; where the file itself is damaged, its rows are not looked at.

    Raises `StoreUnreachable` where its tables are not ours or of a newer version, `NotFound` where there are none.
    """
    try:
        database.require(older=True)
        up_to_date = database.revision() == migrations.HEAD
        with database.read() as connection:
            dialect = postgres_check if is_postgresql(connection) else sqlite_check
            damage = list(dialect.faults(connection))
            yield from damage
            if not any(fault.kind == "damaged" for fault in damage):
                yield from dialect.broken_references(connection) if up_to_date else ()
                yield from _of_rows(connection) if up_to_date else [OLDER]
    except StoreDamaged as error:
        yield Finding("damaged", database.url, str(error), RESTORE)


def _of_rows(connection: Connection) -> Iterator[Finding]:
    different = list(schema_check.differences(connection))
    yield from different
    if not any(fault.kind == "missing" for fault in different):  # there is something to ask
        yield from orphans.orphans(connection)
        yield from result_check.faults(connection)
