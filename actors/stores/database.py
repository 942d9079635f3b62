"""One SQLite file: its pragmas, its migrations, its transactions, and its refusals as our errors."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, exc, func, select
from sqlalchemy.pool import QueuePool

from actors import migrations
from actors.stores.atomic import storage_errors
from actors.stores.mounts import is_network
from schemas import tables
from schemas.errors import DiskFull, NotFound, StaleEpoch, StoreFailed, StoreUnreachable, VaengineError

BUSY_TIMEOUT_S: Final = 30.0

_FOREIGN: Final = "somebody else's"  # stands for a revision where the tables are not ours

_NO_ROOM: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_UNUSABLE: Final = {
    sqlite3.SQLITE_NOTADB: "it is not an SQLite database; give another file, or move this one away",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a copy, or move it away and run again",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check the folder and its permissions",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written; check the permissions",
    sqlite3.SQLITE_PERM: "access is denied; check the permissions",
}


class Database:
    """Transactions on one SQLite file.

    Writers begin with BEGIN IMMEDIATE, so that a transaction never fails half-way for want of the lock. With the write-ahead log
    synchronous is NORMAL: a power cut may lose the last commits but never half of one, and a lost chunk, rows and manifest line alike, is
    simply done again. Without the log (network file systems have no shared memory) it is FULL, which the rollback journal needs.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path, self.read_only = path, read_only
        self.url = f"sqlite:///{path}"
        if read_only and not path.is_file():
            raise NotFound("store", self.url)
        if not read_only:
            with storage_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = self._connected()
        self._migrate()

    def _connected(self) -> Engine:
        # A store on a read-only medium has no room for the log's side files; unchanged by anyone, it may be read without them.
        sealed = self.read_only and not _writable(self.path.parent) and not self.path.with_name(self.path.name + "-wal").exists()
        mode = ("ro&immutable=1" if sealed else "ro") if self.read_only else "rwc"
        uri = f"{self.path.as_uri()}?mode={mode}"
        engine = create_engine(self.url, creator=lambda: self._opened(uri), poolclass=QueuePool)
        event.listen(engine, "begin", _begin)
        return engine

    def _opened(self, uri: str) -> Any:
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        log = not is_network(self.path)
        if not self.read_only:
            connection.execute(f"PRAGMA journal_mode={'WAL' if log else 'DELETE'}")
        connection.execute(f"PRAGMA synchronous={'NORMAL' if log else 'FULL'}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-65536")  # 64 MiB
        connection.execute("PRAGMA wal_autocheckpoint=8192")  # pages, 32 MiB: every page is copied back once, not once per few commits
        return connection

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot for all that is read inside."""
        with self._errors(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, epoch: int | None) -> Iterator[Connection]:
        """One transaction, all or nothing; raises `StaleEpoch` unless that run is under way (None: by hand, outside any run)."""
        with self._errors(), self._engine.connect().execution_options(vaengine_write=True) as connection, connection.begin():
            if epoch is not None and not is_under_way(connection, epoch):
                raise StaleEpoch(epoch, current_epoch(connection))
            yield connection

    def _migrate(self) -> None:
        with self.read() as connection:
            found = _revision(connection)
        if found == migrations.HEAD:
            return
        if self.read_only:
            raise StoreUnreachable(self.url, self._reason(found) or "its tables are older than this version; a run brings them up to date")
        with self.write(None) as connection:
            found = _revision(connection)  # another process may have been first
            if found != migrations.HEAD:
                if reason := self._reason(found):
                    raise StoreUnreachable(self.url, reason)
                migrations.upgrade(connection)

    def _reason(self, revision: str | None) -> str | None:
        """Why these tables cannot be brought up to date, or None."""
        if revision == _FOREIGN:
            return "the database holds other tables, none of vaengine's; give another file"
        if revision is not None and not migrations.known(revision):
            return f"it was written by a newer version of vaengine (tables {revision}); update vaengine"
        return None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise self._refusal(error.orig) from error
        except sqlite3.Error as error:
            raise self._refusal(error) from error

    def _refusal(self, error: BaseException | None) -> VaengineError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
        if code in _NO_ROOM:
            return DiskFull(str(self.path), str(error))
        if code in _UNUSABLE:
            return StoreUnreachable(self.url, _UNUSABLE[code])
        return StoreFailed(self.url, str(error))


def current_epoch(connection: Connection) -> int:
    """Epoch of the newest run, 0 before the first."""
    return connection.scalar(select(func.max(tables.runs.c.epoch))) or 0


def is_under_way(connection: Connection, epoch: int) -> bool:
    """Whether a run was begun and has not ended."""
    runs = tables.runs.c
    return connection.scalar(select(runs.epoch).where(runs.epoch == epoch, runs.ended_at.is_(None))) is not None


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("vaengine_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _revision(connection: Connection) -> str | None:
    """The revision the tables are at; None in an empty database."""
    names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if "alembic_version" in names and {"jobs", "runs", "chunks"} <= names:
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return _FOREIGN if names - {"sqlite_sequence"} else None


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK)
