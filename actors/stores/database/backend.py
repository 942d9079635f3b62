"""A store in a database: its transactions, erasure, and named queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, delete

from actors.stores.backend.backend import Backend
from actors.stores.backend.transaction import Transaction
from actors.stores.database.retention import SqlRemover
from actors.stores.encoding import rows
from actors.stores.engines.database import Database
from actors.stores.sql import named_queries, similarity
from actors.stores.sql.attempts import SqlAttempts, SqlJobLog
from actors.stores.sql.catalog import SqlCatalog
from actors.stores.sql.chunks import SqlChunks
from actors.stores.sql.jobs import SqlJobs
from actors.stores.sql.leases import SqlRuns
from actors.stores.sql.people import SqlPeople
from actors.stores.sql.results import SqlResults
from actors.stores.sql.statements.queries import PipelineIds
from actors.stores.sql.videos import SqlVideos
from schemas.errors import NotFound
from schemas.storage import tables
from schemas.storage.retention import Removed

_REMOVAL_PENDING: Final = "the database's files still hold bytes of it"  # the value of `tables.REMOVAL`
_IN_USE_NOTE: Final = (
    "{0} is in use by a run, so its files may hold bytes of it: say the same again once that has ended"
)


@dataclass(frozen=True, slots=True)
class DatabaseStorage:
    """The tables of `schemas.storage.tables` in any `Database`."""

    database: Database

    @property
    def url(self) -> str:
        return self.database.url

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self.database.read() as connection:
            yield self._transaction(connection)

    @contextmanager
    def write(self, epoch: int | None, videos: Iterable[str] | None = None) -> Iterator[Transaction]:
        with self.database.write(epoch, videos) as connection:
            yield self._transaction(connection)

    def _transaction(self, connection: Connection, *, dry_run: bool = False) -> Transaction:
        ids = PipelineIds(connection)
        jobs, runs, log = SqlJobs(connection, ids), SqlRuns(connection, ids), SqlJobLog(connection)
        return Transaction(
            url=self.url,
            now=partial(self.database.now, connection),
            jobs=jobs,
            runs=runs,
            attempts=SqlAttempts(connection),
            log=log,
            videos=SqlVideos(connection),
            chunks=SqlChunks(connection, ids),
            results=SqlResults(self.url, connection, ids, runs),
            catalog=SqlCatalog(connection),
            people=SqlPeople(connection),
            removal=SqlRemover(connection, ids, jobs, log, dry_run=dry_run),
        )

    # Removing.

    @contextmanager
    def remove(self) -> Iterator[Transaction]:
        with self.write(None) as tx:
            yield tx

    def erase(self, remove: Callable[[Transaction], Removed], *, dry_run: bool) -> Removed:
        """Count on a snapshot, or remove in a transaction and then wipe the bytes from the files."""
        if dry_run:
            with self.database.read() as connection:
                return remove(self._transaction(connection, dry_run=True))
        with self.database.write(None) as connection:
            self.database.overwrite(connection)
            tx = self._transaction(connection)
            removed = remove(tx)
            if removed.total:
                tx.catalog.put_setting(tables.REMOVAL, _REMOVAL_PENDING)
        return Removed.joined([removed, self.finish_removal()])

    def finish_removal(self) -> Removed:
        with self.read() as tx:
            pending = tx.catalog.setting(tables.REMOVAL)
            is_in_use = any(run.alive for run in tx.runs.batches(tx.now()))
        if pending is None:
            return Removed()
        if is_in_use:
            return Removed(left=(_IN_USE_NOTE.format(self.url),))
        wiped = self.database.wipe()
        if wiped.done:
            with self.database.write(None) as connection:
                connection.execute(delete(tables.meta).where(tables.meta.c.name == tables.REMOVAL))
        return Removed(left=(wiped.note,) if wiped.note else ())

    def close(self) -> None:
        self.database.close()


class DatabaseStorageBackend(Backend):
    """A store in a database, which also runs named queries."""

    def __init__(self, database: Database) -> None:
        super().__init__(DatabaseStorage(database))
        self._db = database

    @contextmanager
    def reading(self, timeout_s: float | None = None) -> Iterator[Connection]:
        """One snapshot, for statements of SQLAlchemy that only read, each of which may take so long.

        Raises `QueryTimeout`.
        """
        with self._db.read() if timeout_s is None else self._db.read_within(timeout_s) as connection:
            yield connection

    def ask(self, name: str, **parameters: Any) -> list[rows.Row]:
        """The rows of a named query, by the name of its SQL file.

        Raises `NotFound` for an unknown query, TypeError for missing or unknown parameters.
        """
        with self._db.read() as connection:
            if name == similarity.QUERY_NAME:  # its SQL file is for pgvector only
                return similarity.most_alike(connection, **parameters)
            try:
                query = named_queries.load(name, connection.dialect.name)
            except KeyError:
                available = sorted([*named_queries.names(connection.dialect.name), similarity.QUERY_NAME])
                raise NotFound(
                    f"question {name!r}", f"{self.url}: there are {', '.join(available)}"
                ) from None
            known = named_queries.parameters(query)
            if mismatched := known ^ parameters.keys():
                raise TypeError(
                    f"{name} takes {', '.join(sorted(known))}; missing or too much: "
                    f"{', '.join(sorted(mismatched))}"
                )
            return named_queries.run(connection, query, parameters)
