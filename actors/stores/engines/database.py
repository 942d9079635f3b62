"""What stores in a database ask of it: snapshots to read, transactions to write, tables of this version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import ClassVar, Final, NamedTuple

from sqlalchemy import Connection, Engine, exc

from actors.stores import migrations
from actors.stores.encoding.refusals import encodable
from actors.stores.rules.transitions import now
from actors.stores.sql.leases import current_epoch, is_under_way
from schemas.errors import NotFound, StaleEpoch, StoreOutdated, StoreUnreachable, VaengineError

FOREIGN: Final = "somebody else's"  # stands for a revision where the tables are not ours


class Wiped(NamedTuple):
    """Whether nothing is left to be done here, and in words where bytes of what was deleted may still be."""

    done: bool
    told: str | None = None


class Database(ABC):
    """One database; `url` is how it may be shown, without a password.

    Its tables are brought to this version when it is opened, unless it is opened `as_found`: then they may be
    of any version, or none.
    """

    url: str
    read_only: bool
    _engine: Engine
    _driver_error: ClassVar[type[Exception]]  # what the driver raises where it is asked without SQLAlchemy

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot for all that is read inside."""
        with self._errors(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, epoch: int | None, videos: Iterable[str] | None = None) -> Iterator[Connection]:
        """One transaction, all or nothing, that nobody else's write to `videos` (None: to anything) overlaps.

        Raises `StaleEpoch` unless that run is under way (None: by hand, outside any run).
        """
        with self._errors(), self._writing() as connection, connection.begin():
            self._take_turns(connection, videos)
            if epoch is not None and not is_under_way(connection, epoch):
                raise StaleEpoch(epoch, current_epoch(connection))
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The time by which runs are alive or dead, UTC, in whole seconds: the same for every machine
        that writes this database.
        """
        return now()

    @abstractmethod
    def size(self) -> int:
        """Bytes that the tables take, with their indexes."""

    @abstractmethod
    def vacuum(self) -> tuple[str, ...]:
        """Give back the room of removed rows, and tell the database anew how its values are spread;
        returns what it would not do.
        """

    @abstractmethod
    def unhurried(self, connection: Connection) -> None:
        """Let this transaction end without waiting for the disk: a power cut may take it back, whole,
        until a later one has waited.
        """

    @abstractmethod
    def unchecked(self, connection: Connection) -> AbstractContextManager[bool]:
        """Rows that refer to others are not looked up meanwhile, where that can be had; yields whether
        so: then the caller sees to it.
        """

    def analyze(self, connection: Connection) -> None:
        """Have the planner know what is in the tables now."""
        connection.exec_driver_sql("ANALYZE")

    @abstractmethod
    def fill_vectors(self) -> None:
        """Have what the database compares embeddings by hold all of them, where it has such a thing."""

    @abstractmethod
    def overwrite(self, connection: Connection) -> None:
        """Have what is deleted from here on overwritten as well, where the database can do so."""

    @abstractmethod
    def wipe(self) -> Wiped:
        """Take what was deleted out of the database's own files, as far as that is anybody's here."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Connection]:
        """A connection whose next transaction writes."""

    @abstractmethod
    def _take_turns(self, connection: Connection, videos: Iterable[str] | None) -> None:
        """Wait until no other writer is at these videos, or at anything."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """The database's refusals become ours."""
        try:
            with encodable(self.url):
                yield
        except exc.DBAPIError as error:
            raise self._refusal(error.orig) from error
        except self._driver_error as error:
            raise self._refusal(error) from error

    @abstractmethod
    def _refusal(self, error: BaseException | None) -> VaengineError:
        """What an error of the driver's means."""

    @abstractmethod
    def _table_names(self, connection: Connection) -> set[str]:
        """What is in the database, but for what belongs to the database itself."""

    def _migrate(self) -> None:
        """Bring the tables to this version; raises `StoreUnreachable` where that cannot be,
        `StoreOutdated` where it may not be.
        """
        with self.read() as connection:
            found = self._revision(connection)
        if found == migrations.HEAD:
            return
        if self.read_only:
            raise self._unfit(found)
        with self.write(None) as connection:
            found = self._revision(connection)  # another process may have been first
            if found != migrations.HEAD:
                if reason := self._reason(found):
                    raise StoreUnreachable(self.url, reason)
                if found is None:
                    migrations.create(connection)
                else:
                    self._keep_before_upgrade(found)
                    migrations.upgrade(connection)

    @abstractmethod
    def _keep_before_upgrade(self, revision: str) -> None:
        """Keep what is about to be upgraded from `revision`, where that is ours to do; nobody else writes
        meanwhile.
        """

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def revision(self) -> str | None:
        """The revision the tables are at: None in an empty database, `FOREIGN` where they are not ours."""
        with self.read() as connection:
            return self._revision(connection)

    def require(self, *, older: bool = False) -> None:
        """Raises `StoreUnreachable` unless the tables are ours and of this version, or of an `older` one
        where that will do; `NotFound`.
        """
        found = self.revision()
        if found is None:
            raise NotFound("store", self.url)
        if self._reason(found) or (found != migrations.HEAD and not older):
            raise self._unfit(found)

    def _unfit(self, revision: str | None) -> StoreUnreachable:
        """What is wrong with tables of another revision than ours."""
        reason = self._reason(revision)
        return StoreUnreachable(self.url, reason) if reason else StoreOutdated(self.url)

    def _revision(self, connection: Connection) -> str | None:
        """The revision the tables are at; None in an empty database."""
        names = self._table_names(connection)
        if "alembic_version" in names and {"jobs", "runs", "chunks"} <= names:
            return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return FOREIGN if names else None

    def _reason(self, revision: str | None) -> str | None:
        """Why these tables cannot be brought up to date, or None."""
        if revision == FOREIGN:
            return "the database holds other tables, none of vaengine's; give another one"
        if revision is not None and not migrations.known(revision):
            return f"it was written by a newer version of vaengine (tables {revision}); update vaengine"
        return None
