"""One SQLite file: its pragmas, its transactions, and its refusals as our errors."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from actors.atomic_files import storage_errors
from actors.stores import migrations
from actors.stores.engines.database import Database, Wiped
from actors.stores.engines.mounts import is_network
from actors.stores.engines.sqlite_backup import copy_before, copy_database
from schemas.errors import DiskFull, NotFound, StoreDamaged, StoreFailed, StoreUnreachable, VaengineError

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S: Final = 30.0

_NO_ROOM: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_UNUSABLE: Final = {
    sqlite3.SQLITE_NOTADB: "it is not an SQLite database; give another file, or move this one away",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a copy, or move it away and run again",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check the folder and its permissions",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written; check the permissions",
    sqlite3.SQLITE_PERM: "access is denied; check the permissions",
}
_UNWIPED: Final = (
    "{0} could not be rewritten ({1}), so it may hold bytes of what was removed: say the same again"
)


class SQLiteDatabase(Database):
    """Transactions on one SQLite file.

    Writers begin with BEGIN IMMEDIATE, so that a transaction never fails half-way for want of the lock. With
    the write-ahead log synchronous is NORMAL: a power cut may lose the last commits but never half of one,
    and a lost chunk, rows and manifest line alike, is simply done again. Without the log (network file
    systems have no shared memory) it is FULL, which the rollback journal needs.
    """

    _driver_error = sqlite3.Error

    def __init__(self, path: Path, *, read_only: bool = False, as_found: bool = False) -> None:
        self.path, self.read_only = path, read_only
        self.url = f"sqlite:///{path}"
        if read_only and not path.is_file():
            raise NotFound("store", self.url)
        if not read_only:
            with storage_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
        self._is_ours = False
        self._engine = self._connected()
        with ExitStack() as opening:
            opening.callback(self.close)
            if not as_found:
                self._claim()
                self._migrate()
            opening.pop_all()

    def _claim(self) -> None:
        """Look whose file it is before anything of it is changed, be it only how it keeps its log; raises
        `StoreUnreachable`.
        """
        if reason := self._reason(self.revision()):
            raise StoreUnreachable(self.url, reason)
        self._engine.dispose()
        self._is_ours = True

    def _connected(self) -> Engine:
        # A store on a read-only medium has no room for the log's side files; unchanged by anyone, it may be
        # read without them.
        # Elsewhere whoever opens it makes side files where there are none, and only who may write takes them
        # away again.
        at_rest = not self.path.with_name(self.path.name + "-wal").exists()
        reading = (
            "ro"
            if not at_rest
            else "ro&immutable=1"
            if not _writable(self.path.parent)
            else "rw"
            if _writable(self.path)
            else "ro"
        )
        uri = f"{self.path.as_uri()}?mode={reading if self.read_only else 'rwc'}"
        engine = create_engine(self.url, creator=lambda: self._opened(uri), poolclass=QueuePool)
        event.listen(engine, "begin", _begin)
        return engine

    def _opened(self, uri: str) -> Any:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        log = not is_network(self.path)
        if self._is_ours and not self.read_only:
            connection.execute(f"PRAGMA journal_mode={'WAL' if log else 'DELETE'}")
        if self.read_only:
            connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA synchronous={'NORMAL' if log else 'FULL'}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-65536")  # 64 MiB
        connection.execute(
            "PRAGMA wal_autocheckpoint=8192"
        )  # pages, 32 MiB: every page is copied back once, not once per few commits
        return connection

    def unhurried(self, connection: Connection) -> None:
        """With the write-ahead log it is so anyway."""

    def unchecked(self, connection: Connection) -> AbstractContextManager[bool]:
        """That cannot be had within a transaction, and SQLite looks up fast."""
        return nullcontext(False)

    def fill_vectors(self) -> None:
        """SQLite has none."""

    def overwrite(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA secure_delete=ON")

    def wipe(self) -> Wiped:
        """Pages that earlier deletions have left, and slack within pages, go with VACUUM alone; the log
        is emptied after it.
        """
        raw = self._engine.raw_connection()
        try:
            driver: Any = raw.driver_connection
            driver.execute("VACUUM")
            (is_read, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            return Wiped(False, _UNWIPED.format(self.path, error))
        finally:
            raw.close()
        return Wiped(False, _UNWIPED.format(self.path, "somebody reads it")) if is_read else Wiped(True)

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._engine.connect().execution_options(vaengine_write=True)

    def _take_turns(self, connection: Connection, videos: Iterable[str] | None) -> None:
        """BEGIN IMMEDIATE has waited for the one lock that there is."""

    def _keep_before_upgrade(self, revision: str) -> None:
        """The write lock is held: the copy is what the upgrade begins with."""
        kept = copy_before(self.path, migrations.HEAD)
        log.warning(
            "%s is upgraded from tables %s to %s; as it was it is kept in %s",
            self.url,
            revision,
            migrations.HEAD,
            kept,
        )

    def size(self) -> int:
        return sum(
            path.stat().st_size
            for path in (self.path, self.path.with_name(f"{self.path.name}-wal"))
            if path.exists()
        )

    def copy_to(self, target: Path) -> int:
        """Copy all of it, as it is at this moment, to a new file; returns that one's bytes."""
        with self._errors():
            return copy_database(self.path, target)

    def vacuum(self) -> tuple[str, ...]:
        """The write-ahead log is emptied last: a vacuum has put the whole database into it."""
        with self._errors(), closing(self._engine.raw_connection()) as connection:
            for statement in ("VACUUM", "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.cursor().execute(statement).fetchall()
        return ()

    def _table_names(self, connection: Connection) -> set[str]:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
        return set(names) - {"sqlite_sequence"}

    def _refusal(self, error: BaseException | None) -> VaengineError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
        if code in _NO_ROOM:
            return DiskFull(str(self.path), str(error))
        if code == sqlite3.SQLITE_CORRUPT:
            return StoreDamaged(self.url, _UNUSABLE[code])
        if code in _UNUSABLE:
            return StoreUnreachable(self.url, _UNUSABLE[code])
        return StoreFailed(self.url, str(error))


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("vaengine_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK)
