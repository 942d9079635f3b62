"""The stores of results: an address opens a store of files, SQLite or PostgreSQL, all with one interface."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from schemas.errors import NotFound
from schemas.storage.backend import StorageBackend

if TYPE_CHECKING:
    from actors.stores.engines.database import Database


def open_store(url: str, *, read_only: bool = False) -> StorageBackend:
    """Opens the store at `files:DIR`, `sqlite:///FILE` or `postgresql://...`; a missing one is created.

    With `read_only` nothing is created or changed, and a missing store raises `NotFound`. Raises
    `StoreUnreachable` for an address that cannot be used; the message has cause and cure.
    """
    from actors.stores.engines.address import StoreUrl

    address = StoreUrl.parse(url)
    if address.kind == "files":
        from actors.stores.files.backend import FileStorageBackend

        return FileStorageBackend(address.path, read_only=read_only)
    if address.kind == "postgresql":
        from actors.stores.database.postgres_backend import PostgreSQLStorageBackend

        return PostgreSQLStorageBackend(address.url, read_only=read_only)
    from actors.stores.database.sqlite_backend import SQLiteStorageBackend

    return SQLiteStorageBackend(address.path, read_only=read_only)


def meta_of_older(url: str, names: Sequence[str]) -> dict[str, str]:
    """The settings of these names in a database of this or an older version, which is not migrated.

    A name without a setting is left out. Raises `NotFound` where there are no tables, `StoreUnreachable`.
    """
    database = database_at(url)
    if database is None:
        return {}
    from sqlalchemy import select

    from schemas.storage.tables import meta

    with closing(database):
        database.require(older=True)
        with database.read() as connection:
            rows = connection.execute(select(meta.c.name, meta.c.value).where(meta.c.name.in_(names)))
            return {row.name: row.value for row in rows}


def database_at(url: str, *, read_only: bool = True) -> Database | None:
    """The database at an address, with tables of any version; it is not migrated. None for a store of files.

    Raises `NotFound` where there is no SQLite file, `StoreUnreachable`.
    """
    from actors.stores.engines.address import StoreUrl

    address = StoreUrl.parse(url)
    if address.kind == "files":
        return None
    if address.kind == "postgresql":
        from actors.stores.engines.postgres import PostgresDatabase

        return PostgresDatabase(address.url, read_only=read_only, as_found=True)
    from actors.stores.engines.sqlite import SQLiteDatabase

    if not address.path.exists():
        raise NotFound("store", address.url)
    return SQLiteDatabase(address.path, read_only=read_only, as_found=True)
