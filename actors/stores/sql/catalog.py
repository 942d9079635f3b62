"""Reads and writes the settings and identities of the whole collection in database tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from actors.stores.encoding import rows
from actors.stores.sql.statements.queries import put
from schemas.storage import tables
from schemas.storage.backend import Identity


@dataclass(frozen=True, slots=True)
class SqlCatalog:
    """See `backend.transaction.Catalog`."""

    connection: Connection

    def setting(self, name: str) -> str | None:
        value: str | None = self.connection.scalar(
            select(tables.meta.c.value).where(tables.meta.c.name == name)
        )
        return value

    def put_setting(self, name: str, value: str) -> None:
        put(self.connection, tables.meta, [{"name": name, "value": value}])

    def drop_setting(self, name: str) -> bool:
        return self.connection.execute(delete(tables.meta).where(tables.meta.c.name == name)).rowcount > 0

    def settings_below(self, prefix: str) -> dict[str, str]:
        query = select(tables.meta.c.name, tables.meta.c.value).order_by(tables.meta.c.name)
        found = self.connection.execute(query.where(tables.meta.c.name.startswith(prefix, autoescape=True)))
        return {row.name.removeprefix(prefix): row.value for row in found}

    def identities(self) -> list[Identity]:
        return [
            rows.identity_from(row) for row in self.connection.execute(select(tables.identities)).mappings()
        ]

    def put_identities(self, identities: Sequence[Identity]) -> None:
        self.connection.execute(delete(tables.identities))
        put(self.connection, tables.identities, [rows.identity_row(identity) for identity in identities])
