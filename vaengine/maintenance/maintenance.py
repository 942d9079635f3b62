"""Maintenance of a store: version of its tables, check, statistics, vacuum and backup."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from actors.stores import database_at, migrations, open_store
from actors.stores.engines.address import StoreUrl
from schemas.errors import BackupFailed, UsageError
from schemas.paths import absolute_path

if TYPE_CHECKING:
    from actors.stores.engines.database import Database
    from actors.stores.integrity.finding import Finding
    from actors.stores.integrity.statistics import StoreStatistics

State = Literal["empty", "older", "current", "newer", "foreign"]


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The revision of a database's tables, beside the one that this version needs.

    `found` is None where there are no tables of ours.
    """

    store: str
    found: str | None
    needed: str
    state: State

    @property
    def agrees(self) -> bool:
        return self.state == "current"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Revisions of the tables before (None: there were none) and after."""

    store: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class VacuumResult:
    """Bytes before and after; `refused` are messages of the database about what it did not do."""

    store: str
    before_bytes: int
    after_bytes: int
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete copy of a store, and the command that restores it."""

    store: str
    path: Path
    size_bytes: int
    restoring: str


def schema_status(url: str) -> SchemaStatus:
    """The revision of a database's tables; nothing is changed."""
    with closing(_database(url, "current")) as database:
        found = database.revision()
        return SchemaStatus(database.url, found if _is_ours(found) else None, migrations.HEAD, _state(found))


def _is_ours(found: str | None) -> bool:
    from actors.stores.engines.database import FOREIGN

    return found != FOREIGN


def _state(found: str | None) -> State:
    if found is None:
        return "empty"
    if not _is_ours(found):
        return "foreign"
    if found == migrations.HEAD:
        return "current"
    return "older" if migrations.known(found) else "newer"


def upgrade(url: str) -> Upgrade:
    """Upgrade the tables to this version.

    Raises `StoreUnreachable` where they are newer or not ours.
    """
    with closing(_database(url, "upgrade")) as database:
        before = database.revision()
    with closing(open_store(url)) as store:
        return Upgrade(store.url, before, migrations.HEAD)


def upgrade_sql(url: str) -> str:
    """The SQL that `upgrade` would run, empty where there is nothing to do; raises what `upgrade` raises."""
    with closing(_database(url, "upgrade")) as database:
        found = database.revision()
        if found is not None:
            database.require(older=True)
        return "" if found == migrations.HEAD else migrations.statements(found, database.dialect)


def check(url: str) -> Iterator[Finding]:
    """All faults of a store, which is not changed.

    Raises `NotFound` or `StoreUnreachable` where there is none.
    """
    database = database_at(url)
    if database is None:
        from actors.stores.files.documents.layout import FileLayout
        from actors.stores.integrity import files

        yield from files.faults(FileLayout(StoreUrl.parse(url).path))
        return
    from actors.stores.integrity.database import faults_of_database

    with closing(database):
        yield from faults_of_database(database)


def census(url: str) -> StoreStatistics:
    """What a store holds, counted; raises `NotFound` or `StoreUnreachable` where there is none."""
    database = database_at(url)
    if database is None:
        from actors.stores.integrity import files_statistics

        return files_statistics.of_tree(StoreUrl.parse(url).path)
    from actors.stores.integrity import statistics as counting

    with closing(database):
        return counting.of_database(database)


def vacuum(url: str) -> VacuumResult:
    """Return the space of removed rows to the disk.

    Raises `UsageError` while a run uses an SQLite file.
    """
    with closing(_database(url, "vacuum", read_only=False)) as database:
        database.require()
        if database.dialect == "sqlite":
            _refuse_beside_a_run(url)
        before = database.size()
        refused = database.vacuum()
        return VacuumResult(database.url, before, database.size(), refused)


def _refuse_beside_a_run(url: str) -> None:
    with closing(open_store(url, read_only=True)) as store:
        alive = next((batch for batch in store.batches() if batch.alive), None)
        if alive:
            who = f"batch {alive.batch_id}, process {alive.pid} on {alive.host}"
            raise UsageError(
                f"store {store.url} is in use by a run ({who}), which would have to wait: vacuum it when "
                "that has ended"
            )


def backup(url: str, destination: Path) -> Backup:
    """Copy a store as of one moment to a new file, whatever is written meanwhile.

    The file is complete or absent. Raises `BackupFailed` where it cannot be made, `NotFound` or
    `StoreUnreachable` where there is no store.
    """
    target = absolute_path(destination)
    _require_new_file(target)
    address, database = StoreUrl.parse(url), database_at(url)
    if database is None:
        return _backup_of_files(address, target)
    with closing(database):
        from actors.stores.engines.sqlite import SQLiteDatabase

        if isinstance(database, SQLiteDatabase):
            return Backup(
                database.url, target, database.copy_to(target), shlex.join(["--db", f"sqlite:///{target}"])
            )
        return _backup_of_server(database, address, target)


def _require_new_file(target: Path) -> None:
    if target.is_symlink() or target.exists():
        raise BackupFailed(
            str(target), "there is something of that name, which is left as it is; name a new file"
        )
    if not target.parent.is_dir():
        raise BackupFailed(str(target), f"{target.parent} is not there; make that folder first")


def _backup_of_files(address: StoreUrl, target: Path) -> Backup:
    from actors.stores.integrity.files_backup import copy_tree

    base = address.path
    if target.resolve().is_relative_to(base.resolve()):
        raise BackupFailed(str(target), "that is in the store itself; name a file elsewhere")
    return Backup(
        address.url,
        target,
        copy_tree(base, target),
        f"mkdir FOLDER && tar -xf {shlex.quote(str(target))} -C FOLDER, then --db files:FOLDER",
    )


def _backup_of_server(database: Database, address: StoreUrl, target: Path) -> Backup:
    from actors.stores.engines.postgres import PostgresDatabase
    from vaengine.postgres.dump import dump

    assert isinstance(database, PostgresDatabase)
    size = dump(address.url, database.server_version(), target)
    return Backup(
        database.url,
        target,
        size,
        f"createdb NEW && pg_restore --no-owner --dbname=NEW {shlex.quote(str(target))}",
    )


def _database(url: str, command: str, *, read_only: bool = True) -> Database:
    """The database at an address; raises `UsageError` for a store of files, which has no tables."""
    database = database_at(url, read_only=read_only)
    if database is None:
        raise UsageError(
            f"{url} is a store of files, which has no tables: `vaengine db {command}` is for SQLite and "
            "PostgreSQL"
        )
    return database
