"""What stores in a database ask of it: snapshots to read, transactions to write, tables of this version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, func, select

from actors import migrations
from schemas import tables
from schemas.errors import StaleEpoch, StoreUnreachable

FOREIGN: Final = "somebody else's"  # stands for a revision where the tables are not ours


class Wiped(NamedTuple):
    """Whether nothing is left to be done here, and in words where bytes of what was deleted may still be."""

    done: bool
    told: str | None = None


class Database(ABC):
    """One database; `url` is how it may be shown, without a password."""

    url: str
    read_only: bool
    _engine: Engine

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

    @abstractmethod
    def _errors(self) -> AbstractContextManager[None]:
        """The database's refusals become ours."""

    @abstractmethod
    def _table_names(self, connection: Connection) -> set[str]:
        """What is in the database, but for what belongs to the database itself."""

    def _migrate(self) -> None:
        """Bring the tables to this version; raises `StoreUnreachable` where that cannot be, or where only reading is allowed."""
        with self.read() as connection:
            found = self._revision(connection)
        if found == migrations.HEAD:
            return
        if self.read_only:
            raise StoreUnreachable(self.url, self._reason(found) or "its tables are older than this version; a run brings them up to date")
        with self.write(None) as connection:
            found = self._revision(connection)  # another process may have been first
            if found != migrations.HEAD:
                if reason := self._reason(found):
                    raise StoreUnreachable(self.url, reason)
                migrations.upgrade(connection)

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


def current_epoch(connection: Connection) -> int:
    """Epoch of the newest run, 0 before the first."""
    return connection.scalar(select(func.max(tables.runs.c.epoch))) or 0


def is_under_way(connection: Connection, epoch: int) -> bool:
    """Whether a run was begun and has not ended."""
    runs = tables.runs.c
    return connection.scalar(select(runs.epoch).where(runs.epoch == epoch, runs.ended_at.is_(None))) is not None
