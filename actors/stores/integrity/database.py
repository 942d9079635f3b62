"""Everything that can be found wrong with a store without changing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from actors.stores import migrations
from actors.stores.engines.database import Database
from actors.stores.integrity import orphans, postgres, results, schema, sqlite
from actors.stores.integrity.finding import RESTORE, Finding
from actors.stores.sql.dialect import is_postgresql
from schemas.errors import StoreDamaged

OLDER: Final = Finding(
    "older",
    "the tables",
    "they are of an earlier version",
    "`vaengine db upgrade`, then check again: so far only the file was",
)


def faults_of_database(database: Database) -> Iterator[Finding]:
    """Faults of a database, all as of one moment; where the file itself is damaged, its rows are not looked
    at.

    Raises `StoreUnreachable` where its tables are not ours or of a newer version, `NotFound` where there are
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
                yield from _of_rows(connection) if up_to_date else [OLDER]
    except StoreDamaged as error:
        yield Finding("damaged", database.url, str(error), RESTORE)


def _of_rows(connection: Connection) -> Iterator[Finding]:
    different = list(schema.differences(connection))
    yield from different
    if not any(fault.kind == "missing" for fault in different):  # there is something to ask
        yield from orphans.orphans(connection)
        yield from results.faults(connection)
