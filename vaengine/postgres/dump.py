"""Dumps a PostgreSQL database to one file with PostgreSQL's own pg_dump."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from actors.atomic_files import put_new, storage_errors
from actors.child_process import die_with_parent
from actors.stores.engines.own_server import own_password
from schemas.errors import BackupFailed, DumpMissing
from vaengine.postgres.binaries import VERSION_TIMEOUT_S, WHEEL, folders, major_of, parse_version
from vaengine.process.packages import package_folder

DUMP: Final = "pg_dump"
RESTORE: Final = "pg_restore"


@dataclass(frozen=True, slots=True)
class Dumper:
    """A folder with pg_dump and pg_restore, and their version."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(major_of(self.version))


def chosen(server: str, environment: Mapping[str, str]) -> Dumper:
    """The programs for a server: those of the same major version, else of the oldest newer one.

    Raises `DumpMissing`.
    """
    dumpers, needed = list(_dumpers(environment)), int(major_of(server))
    new_enough = [dumper for dumper in dumpers if dumper.major >= needed]
    if new_enough:
        return min(new_enough, key=lambda dumper: dumper.major)
    raise DumpMissing(
        "this machine", major_of(server), ", ".join(sorted({dumper.version for dumper in dumpers})) or "none"
    )


def _dumpers(environment: Mapping[str, str]) -> Iterator[Dumper]:
    """Programs in the folders that are searched for a server, and on PATH for a client alone."""
    client_program = which(DUMP, path=environment.get("PATH", ""))
    candidates = [
        *folders(environment, package_folder(WHEEL)),
        *([Path(client_program).resolve().parent] if client_program else ()),
    ]
    for folder in dict.fromkeys(candidates):
        version = _version_in(folder)
        if version:
            yield Dumper(folder, version)


def _version_in(folder: Path) -> str | None:
    if not all(os.access(folder / name, os.X_OK) for name in (DUMP, RESTORE)):
        return None
    try:
        output = subprocess.run(
            [folder / DUMP, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=VERSION_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(output.stdout)


def dump(url: str, server: str, target: Path, environment: Mapping[str, str] = os.environ) -> int:
    """Dump the database at `url` to a new file in the custom form; returns its bytes.

    `server` is the version of the server. The dump is of one moment, read back and synced. Raises
    `DumpMissing`, `BackupFailed`, and `StoreUnreachable` where something is at `target`.
    """
    dumper = chosen(server, environment)
    address, secret = without_secret(url)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    with storage_errors(target):
        try:
            unfinished.touch(mode=0o600, exist_ok=False)
            arguments = ["--format=custom", "--no-password", f"--file={unfinished}", f"--dbname={address}"]
            _run(
                target, [dumper.folder / DUMP, *arguments], {**_server_password(url), **environment, **secret}
            )
            _run(target, [dumper.folder / RESTORE, "--list", unfinished], environment)
            put_new(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def _server_password(url: str) -> dict[str, str]:
    """The password of a server of ours, which its address may lack, as a variable."""
    parts: dict[str, Any] = conninfo_to_dict(url)
    password = (
        None if "password" in parts else own_password(parts.get("host"), parts.get("port"), parts.get("user"))
    )
    return {} if password is None else {"PGPASSWORD": password}


def without_secret(url: str) -> tuple[str, dict[str, str]]:
    """An address without its password, and the password as a variable.

    Other users of the machine may see the address in a list of processes. Raises `BackupFailed` for a
    password that no variable can carry.
    """
    parts: dict[str, Any] = conninfo_to_dict(url)
    password = parts.pop("password", None)
    if "sslpassword" in parts:
        raise BackupFailed(
            "the place named", "pg_dump would show the address's sslpassword to others: use a key without one"
        )
    return make_conninfo(**parts), {} if password is None else {"PGPASSWORD": str(password)}


def _run(target: Path, command: list[str | Path], environment: Mapping[str, str]) -> None:
    """Run a program that ends together with this process; raises `BackupFailed` with its first error line."""
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        env=dict(environment),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        preexec_fn=die_with_parent,
    )
    if result.returncode != 0:
        first_line = (result.stderr.strip() or f"it ended with {result.returncode}").splitlines()[0]
        raise BackupFailed(str(target), first_line)
