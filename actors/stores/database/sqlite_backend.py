"""The store in one SQLite file."""

from __future__ import annotations

from pathlib import Path

from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.engines.sqlite import SQLiteDatabase


class SQLiteStorageBackend(DatabaseStorageBackend):
    """Everything in one file at `db_path`, made if need be; `read_only` never creates or changes anything.

    Writers take turns (the engine drives one as one actor), any number of readers beside them. Raises
    `StoreUnreachable` when the file cannot be used, `NotFound` when it is to be read and is not there.
    """

    def __init__(self, db_path: Path, *, read_only: bool = False) -> None:
        super().__init__(SQLiteDatabase(Path(db_path).absolute(), read_only=read_only))
