"""The store in one SQLite file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.engines.sqlite import SQLiteDatabase


class SQLiteStorageBackend(DatabaseStorageBackend):
    """A store in the file `db_path`; a missing file is created.

    `read_only` never creates or changes anything. Writers take turns (the engine writes from one actor),
    beside any number of readers. Raises `StoreUnreachable` when the file cannot be used, `NotFound` when a
    file to be read is missing.
    """

    def __init__(self, db_path: Path, *, read_only: bool = False) -> None:
        database = SQLiteDatabase(Path(db_path).absolute(), read_only=read_only)
        with ExitStack() as opening:
            opening.callback(database.close)
            if not read_only:
                database.fill_words()
            opening.pop_all()
        super().__init__(database)
