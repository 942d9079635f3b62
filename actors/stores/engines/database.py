"""The interface of a database: snapshots to read, transactions to write, tables of this version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import ClassVar, Final, NamedTuple

from sqlalchemy import Connection, Engine, exc

from actors.stores import migrations
from actors.stores.encoding.refusals import require_encodable
from actors.stores.migrations import speech_words
from actors.stores.rules.states import now
from actors.stores.sql.leases import current_epoch, is_under_way
from schemas.errors import NotFound, QueryTimeout, StaleEpoch, StoreOutdated, StoreUnreachable, VaengineError

FOREIGN: Final = "somebody else's"  # the revision of tables that are not ours


class Wiped(NamedTuple):
    """How far deleted rows were wiped: whether all is done here, and a note where bytes may remain."""

    done: bool
    note: str | None = None


class Database(ABC):
    """One database; `url` has no password.

    Opening it migrates its tables to this version. With `as_found` they are left alone, and may be of any
    version or missing.
    """

    url: str
    read_only: bool
    _engine: Engine
    _driver_error: ClassVar[type[Exception]]  # raised by the driver where it is used without SQLAlchemy

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot for all that is read inside."""
        with self._errors(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read_within(self, timeout_s: float) -> Iterator[Connection]:
        """One snapshot, each statement on which may take so long; raises `QueryTimeout`."""
        with self.read() as connection:
            try:
                with self._limited(connection, timeout_s):
                    yield connection
            except exc.DBAPIError as error:
                if self._is_timeout(error.orig):
                    raise QueryTimeout(self.url, f"{timeout_s:g}") from error
                raise

    @contextmanager
    def write(self, epoch: int | None, videos: Iterable[str] | None = None) -> Iterator[Connection]:
        """One transaction, all or nothing; no other write to `videos` (None: to anything) overlaps it.

        Raises `StaleEpoch` unless the run of `epoch` is under way (None: a call by hand, outside any run).
        """
        with self._errors(), self._writing() as connection, connection.begin():
            self._lock_videos(connection, videos)
            if epoch is not None and not is_under_way(connection, epoch):
                raise StaleEpoch(epoch, current_epoch(connection))
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The time by which runs count as alive, UTC, in whole seconds.

        It is the same for every machine that writes this database.
        """
        return now()

    @abstractmethod
    def size(self) -> int:
        """Bytes that the tables take, with their indexes."""

    @abstractmethod
    def vacuum(self) -> tuple[str, ...]:
        """Release the space of removed rows and update the planner's statistics; returns what was refused."""

    @abstractmethod
    def commit_without_waiting(self, connection: Connection) -> None:
        """Let this transaction commit without waiting for the disk.

        A power cut may undo it as a whole, until a later transaction has waited.
        """

    @abstractmethod
    def without_reference_checks(self, connection: Connection) -> AbstractContextManager[bool]:
        """Switch off the checks of foreign keys inside, where that is possible; yields whether it is.

        The caller is then responsible for valid references.
        """

    def analyze(self, connection: Connection) -> None:
        """Update the planner's statistics of the tables."""
        connection.exec_driver_sql("ANALYZE")

    @abstractmethod
    def fill_vectors(self) -> None:
        """Copy embeddings that are missing in the database's own table of vectors, where there is one."""

    def fill_words(self) -> None:
        """Add the words of earlier speech, where somebody migrated the tables by their SQL alone."""
        with self.read() as connection:
            if not speech_words.is_due(connection):
                return  # without waiting for a lock
        with self.write(None) as connection:
            speech_words.fill(connection)

    @abstractmethod
    def overwrite(self, connection: Connection) -> None:
        """Have rows overwritten as they are deleted from here on, where the database can do so."""

    @abstractmethod
    def wipe(self) -> Wiped:
        """Remove the bytes of deleted rows from the database's own files, as far as that can be done here."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Connection]:
        """A connection whose next transaction writes."""

    @abstractmethod
    def _lock_videos(self, connection: Connection, videos: Iterable[str] | None) -> None:
        """Wait until no other transaction writes these videos (None: anything)."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns the driver's errors into ours."""
        try:
            with require_encodable(self.url):
                yield
        except exc.DBAPIError as error:
            raise self._store_error(error.orig) from error
        except self._driver_error as error:
            raise self._store_error(error) from error

    @abstractmethod
    def _limited(self, connection: Connection, timeout_s: float) -> AbstractContextManager[None]:
        """Inside, a statement that takes longer is ended with an error of the driver."""

    @abstractmethod
    def _is_timeout(self, error: BaseException | None) -> bool:
        """Whether an error of the driver says that a statement was ended."""

    @abstractmethod
    def _store_error(self, error: BaseException | None) -> VaengineError:
        """The error of ours for an error of the driver."""

    @abstractmethod
    def _table_names(self, connection: Connection) -> set[str]:
        """The tables in the database, without the database's own."""

    def _migrate(self) -> None:
        """Migrate the tables to this version.

        Raises `StoreUnreachable` where that is impossible, `StoreOutdated` where the database is read-only.
        """
        with self.read() as connection:
            revision = self._revision(connection)
        if revision == migrations.HEAD:
            return
        if self.read_only:
            raise self._unusable_tables(revision)
        with self.write(None) as connection:
            revision = self._revision(connection)  # another process may have been first
            if revision != migrations.HEAD:
                if reason := self._why_unusable(revision):
                    raise StoreUnreachable(self.url, reason)
                if revision is None:
                    migrations.create(connection)
                else:
                    self._back_up_before_upgrade(revision)
                    migrations.upgrade(connection)

    @abstractmethod
    def _back_up_before_upgrade(self, revision: str) -> None:
        """Copy the database before it is upgraded from `revision`, where that is our task.

        Nobody else writes meanwhile.
        """

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def revision(self) -> str | None:
        """The revision of the tables: None in an empty database, `FOREIGN` where they are not ours."""
        with self.read() as connection:
            return self._revision(connection)

    def require(self, *, older: bool = False) -> None:
        """Raises `StoreUnreachable` unless the tables are ours and of this version.

        With `older` an earlier version is accepted. Raises `NotFound` where there are no tables.
        """
        revision = self.revision()
        if revision is None:
            raise NotFound("store", self.url)
        if self._why_unusable(revision) or (revision != migrations.HEAD and not older):
            raise self._unusable_tables(revision)

    def _unusable_tables(self, revision: str | None) -> StoreUnreachable:
        """The error for tables of another revision than ours."""
        reason = self._why_unusable(revision)
        return StoreUnreachable(self.url, reason) if reason else StoreOutdated(self.url)

    def _revision(self, connection: Connection) -> str | None:
        """The revision of the tables, as `revision`."""
        names = self._table_names(connection)
        if "alembic_version" in names and {"jobs", "runs", "chunks"} <= names:
            return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return FOREIGN if names else None

    def _why_unusable(self, revision: str | None) -> str | None:
        """Why tables of this revision cannot be migrated, or None."""
        if revision == FOREIGN:
            return "the database holds other tables, none of vaengine's; give another one"
        if revision is not None and not migrations.known(revision):
            return f"it was written by a newer version of vaengine (tables {revision}); update vaengine"
        return None
