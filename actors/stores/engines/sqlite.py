"""One SQLite file: pragmas, transactions, and its errors as ours."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import QueuePool

from actors.atomic_files import storage_errors
from actors.stores import migrations
from actors.stores.engines.database import Database, Wiped
from actors.stores.engines.mounts import is_network
from actors.stores.engines.sqlite_backup import copy_before, copy_database
from actors.stores.engines.statement_cache import EqualDialect, with_shared_statements
from schemas.errors import DiskFull, NotFound, StoreDamaged, StoreFailed, StoreUnreachable, VaengineError

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S: Final = 30.0
STEPS_PER_LOOK: Final = 20_000  # of SQLite's machine, about a millisecond, between looks at the clock

_DISK_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_CODE_CURES: Final = {
    sqlite3.SQLITE_NOTADB: "it is not an SQLite database; give another file, or move this one away",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a copy, or move it away and run again",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check the folder and its permissions",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written; check the permissions",
    sqlite3.SQLITE_PERM: "access is denied; check the permissions",
}
_UNWIPED_NOTE: Final = (
    "{0} could not be rewritten ({1}), so it may hold bytes of what was removed: say the same again"
)


class EqualSQLite(EqualDialect, SQLiteDialect_pysqlite):
    """SQLite by the standard library's driver."""

    supports_statement_cache = True  # which SQLAlchemy looks for in the class itself


registry.register("sqlite.vaengine", __name__, EqualSQLite.__name__)


class SQLiteDatabase(Database):
    """Transactions on one SQLite file.

    Writers begin with BEGIN IMMEDIATE, so a transaction never fails half-way because the lock is missing.
    With the write-ahead log synchronous is NORMAL: a power cut may lose the last commits, but never half of
    one. A chunk that is lost, with its rows and its manifest line, is done again. Network file systems have
    no shared memory, so there is no such log; synchronous is then FULL, which the rollback journal needs.
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
        self._engine = self._create_engine()
        with ExitStack() as opening:
            opening.callback(self.close)
            if not as_found:
                self._require_ours()
                self._migrate()
            opening.pop_all()

    def _require_ours(self) -> None:
        """Raises `StoreUnreachable` unless the file is ours, before even its journal mode is changed."""
        if reason := self._why_unusable(self.revision()):
            raise StoreUnreachable(self.url, reason)
        self._engine.dispose()
        self._is_ours = True

    def _create_engine(self) -> Engine:
        mode = self._read_mode() if self.read_only else "rwc"
        uri = f"{self.path.as_uri()}?mode={mode}"
        url = make_url(self.url).set(drivername="sqlite+vaengine")
        engine = create_engine(url, creator=lambda: self._connect(uri), poolclass=QueuePool)
        event.listen(engine, "begin", _begin)
        return with_shared_statements(engine)

    def _read_mode(self) -> str:
        """The mode in which a read-only store is opened.

        On a read-only medium the side files of the log cannot be made. Nobody changes the file there, so it
        is read without them. Elsewhere any reader makes missing side files, and only one that may write
        removes them again.
        """
        if self.path.with_name(self.path.name + "-wal").exists():
            return "ro"
        if not _is_writable(self.path.parent):
            return "ro&immutable=1"
        return "rw" if _is_writable(self.path) else "ro"

    def _connect(self, uri: str) -> Any:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        has_wal = not is_network(self.path)
        if self._is_ours and not self.read_only:
            connection.execute(f"PRAGMA journal_mode={'WAL' if has_wal else 'DELETE'}")
        if self.read_only:
            connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA synchronous={'NORMAL' if has_wal else 'FULL'}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-65536")  # 64 MiB
        # In pages, 32 MiB: every page is copied back once, not once per few commits.
        connection.execute("PRAGMA wal_autocheckpoint=8192")
        return connection

    def commit_without_waiting(self, connection: Connection) -> None:
        """Does nothing: with the write-ahead log no commit waits for the disk."""

    def without_reference_checks(self, connection: Connection) -> AbstractContextManager[bool]:
        """Does nothing: SQLite cannot switch the checks off in a transaction, and they are fast."""
        return nullcontext(False)

    def fill_vectors(self) -> None:
        """Does nothing: SQLite has no table of vectors."""

    def overwrite(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA secure_delete=ON")

    def wipe(self) -> Wiped:
        """Vacuum, which clears free pages and the slack within pages, and then empty the log.

        The index of words keeps removed ones until its parts are joined.
        """
        raw = self._engine.raw_connection()
        try:
            driver: Any = raw.driver_connection
            driver.execute("INSERT INTO speech_index (speech_index) VALUES ('optimize')")
            driver.execute("VACUUM")
            (is_read, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            return Wiped(False, _UNWIPED_NOTE.format(self.path, error))
        finally:
            raw.close()
        return Wiped(False, _UNWIPED_NOTE.format(self.path, "somebody reads it")) if is_read else Wiped(True)

    @contextmanager
    def _limited(self, connection: Connection, timeout_s: float) -> Iterator[None]:
        ends_s = time.monotonic() + timeout_s

        def begin_again(*_: object) -> None:
            nonlocal ends_s
            ends_s = time.monotonic() + timeout_s

        driver: Any = connection.connection.driver_connection
        event.listen(connection, "before_cursor_execute", begin_again)
        driver.set_progress_handler(lambda: time.monotonic() > ends_s, STEPS_PER_LOOK)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)
            event.remove(connection, "before_cursor_execute", begin_again)

    def _is_timeout(self, error: BaseException | None) -> bool:
        return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._engine.connect().execution_options(vaengine_write=True)

    def _lock_videos(self, connection: Connection, videos: Iterable[str] | None) -> None:
        """Does nothing: BEGIN IMMEDIATE has waited for the only lock there is."""

    def _back_up_before_upgrade(self, revision: str) -> None:
        """Copy the file beside itself; the write lock is held, so the upgrade begins from the same state."""
        copy = copy_before(self.path, migrations.HEAD)
        log.warning(
            "%s is upgraded from tables %s to %s; as it was it is kept in %s",
            self.url,
            revision,
            migrations.HEAD,
            copy,
        )

    def size(self) -> int:
        return sum(
            path.stat().st_size
            for path in (self.path, self.path.with_name(f"{self.path.name}-wal"))
            if path.exists()
        )

    def copy_to(self, target: Path) -> int:
        """Copy the database as it is at this moment to a new file; returns the size of the copy in bytes."""
        with self._errors():
            return copy_database(self.path, target)

    def vacuum(self) -> tuple[str, ...]:
        """Vacuum and analyze, then empty the log, into which a vacuum writes the whole database."""
        with self._errors(), closing(self._engine.raw_connection()) as connection:
            for statement in ("VACUUM", "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.cursor().execute(statement).fetchall()
        return ()

    def _table_names(self, connection: Connection) -> set[str]:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
        return set(names) - {"sqlite_sequence"}

    def _store_error(self, error: BaseException | None) -> VaengineError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
        if code in _DISK_FULL:
            return DiskFull(str(self.path), str(error))
        if code == sqlite3.SQLITE_CORRUPT:
            return StoreDamaged(self.url, _CODE_CURES[code])
        if code in _CODE_CURES:
            return StoreUnreachable(self.url, _CODE_CURES[code])
        return StoreFailed(self.url, str(error))


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("vaengine_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK)
