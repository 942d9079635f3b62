"""The store in a PostgreSQL database."""

from __future__ import annotations

from contextlib import ExitStack

from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.engines.postgres import PostgresDatabase


class PostgreSQLStorageBackend(DatabaseStorageBackend):
    """A store in the database of a `postgresql://` URL, which has to exist; missing tables are created.

    Any number of engines on any number of machines may write at once. `read_only` never creates or changes
    anything. Raises `StoreUnreachable` when the server or the database cannot be used.
    """

    def __init__(self, connection_string: str, *, read_only: bool = False) -> None:
        database = PostgresDatabase(connection_string, read_only=read_only)
        with ExitStack() as opening:
            opening.callback(database.close)
            if not read_only:
                database.fill_vectors()
                database.fill_words()
            opening.pop_all()
        super().__init__(database)
        self._connection_string = connection_string

    @property
    def connection_url(self) -> str:
        return self._connection_string
