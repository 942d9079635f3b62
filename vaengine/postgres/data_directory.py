"""A folder with the data of a PostgreSQL server: what is in it, making it, and the server that is at work on
it.

```
FOLDER/vaengine.lock   marks the folder as ours; held by whoever starts or stops its server
FOLDER/data/           what PostgreSQL calls its data directory
FOLDER/password        of the database's user; readable by the owner alone
FOLDER/port            the last one, taken again where it is free
FOLDER/log             what the server says
```
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from actors.stores.engines.own_server import PASSWORD, PIDS, USER
from schemas.errors import FolderClosed, ForeignFolder, PostgresFailed
from schemas.paths import absolute_path
from vaengine.postgres.account import NOBODY, ROOT, Account, owner
from vaengine.postgres.binaries import Binaries

LOCK: Final = "vaengine.lock"
CLUSTER: Final = "data"
PORT: Final = "port"
NO_PROCESS: Final = b"2147483647"  # beyond what any system numbers
LOG: Final = "log"
NAME: Final = USER  # also of the database
TAKES_SETTINGS: Final = 16  # the first version whose `initdb` does
# Much is stored at once: each checkpoint has every page go to the log as a whole once more, and each new
# piece of the log is written twice
# where it is filled with zeros first.
ROOMY: Final = ("--set", "max_wal_size=4GB", "--set", "wal_init_zero=off")

# On one line, as `postgres --single` takes it.
WITH_PGVECTOR: Final = (
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN CREATE EXTENSION "
    "vector; END IF; "
    "EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END $$\n"  # nothing needs it
)
BUILTIN_LOCALE: Final = 17  # the first version with one of its own

# Text is ordered by code point, as in SQLite; upper and lower case are known beyond ASCII where PostgreSQL
# itself knows them.
LOCALE: Final = ("--encoding=UTF8", "--locale=C")
CASES: Final = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """A folder of ours, absolute, and who runs its server."""

    folder: Path
    account: Account

    @classmethod
    def at(cls, folder: Path) -> DataDirectory:
        """The one in a folder, which need not be there yet; raises `PostgresFailed` for root in a folder of
        somebody else's.

        What root does in a folder that others can write to, they can turn to other files.
        """
        place = absolute_path(folder).resolve()
        if os.geteuid() == ROOT and place.exists() and place.stat().st_uid != ROOT:
            raise PostgresFailed(
                str(place),
                f"it belongs to {owner(place)}: run this as that user, or choose another with --data",
            )
        return cls(place, Account.here())

    @property
    def data(self) -> Path:
        return self.folder / CLUSTER

    @property
    def lock(self) -> Path:
        return self.folder / LOCK

    @property
    def log(self) -> Path:
        return self.folder / LOG

    @property
    def major(self) -> str | None:
        """The major version of PostgreSQL that made the data; None where nothing is made yet."""
        told = self.data / "PG_VERSION"
        return told.read_text().strip() if told.exists() else None

    def url(self, host: str, port: int) -> str:
        """The address of the database, its password included."""
        return f"postgresql://{NAME}:{(self.folder / PASSWORD).read_text()}@{host}:{port}/{NAME}"

    def claim(self) -> None:
        """Make the folder, or take an empty one; raises `ForeignFolder` or `FolderClosed` with nothing
        changed.
        """
        occupied = self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir()))
        if (
            occupied and not self.lock.exists()
        ):  # the first file of ours, so that in this order another start does no harm
            raise ForeignFolder(str(self.folder))
        if closed := self.account.obstacle(self.folder.parent):
            raise FolderClosed(str(self.folder), str(closed), NOBODY)
        missing = [path for path in self.folder.parents if not path.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.folder, *missing):
            self.account.admit(path)

    def make(self, programs: Binaries, *, durable: bool = True) -> None:
        """Make the data: user and database `vaengine`, a password of their own.

        What is cut short leaves no data.
        """
        making = self.folder / f"{CLUSTER}.new"
        if making.exists():
            shutil.rmtree(making)
        making.mkdir(mode=0o700)
        self.account.own(making)
        secret = self.private(PASSWORD)
        secret.write_text(secrets.token_urlsafe(24))
        access = (f"--username={NAME}", "--auth=scram-sha-256", f"--pwfile={secret}")
        locale = (*LOCALE, *CASES) if int(programs.major) >= BUILTIN_LOCALE else LOCALE
        settings = ROOMY if int(programs.major) >= TAKES_SETTINGS else ()
        self.run(
            programs,
            "initdb",
            "-D",
            str(making),
            *access,
            *locale,
            *settings,
            *(() if durable else ("--no-sync",)),
        )
        single = ("--single", "-D", str(making), "-c", "exit_on_error=true", *(() if durable else ("-F",)))
        self.run(programs, "postgres", *single, "postgres", typed=f"CREATE DATABASE {NAME}\n")
        self.run(programs, "postgres", *single, NAME, typed=WITH_PGVECTOR)
        making.rename(self.data)
        _sync(self.folder)

    def disown(self) -> None:
        """Let the file that a killed server left name no process, where its number is a zombie's or another
        program's by now.

        PostgreSQL would take that for the server. By the rest of the file it finds out by itself whether
        anything of the old one lives.
        """
        path = self.data / PIDS
        if not path.exists() or not is_anothers(_first_number(path.read_bytes())):
            return
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            rest = os.read(descriptor, 4096).partition(b"\n")[2]
            os.pwrite(
                descriptor, NO_PROCESS + b"\n" + rest, 0
            )  # longer than before, so that the file is never cut short
        finally:
            os.close(descriptor)

    def private(self, name: str) -> Path:
        """A file that is there and that nobody but the account may read."""
        path = self.folder / name
        path.touch(mode=0o600)
        self.account.own(path)
        return path

    def run(self, programs: Binaries, name: str, *arguments: str, typed: str = "") -> None:
        """Run a program to its end; raises `PostgresFailed` with its last words."""
        command = [str(programs.folder / name), *arguments]
        done = subprocess.run(
            command, input=typed, capture_output=True, text=True, check=False, **self.setting
        )
        if done.returncode:
            raise PostgresFailed(
                str(self.folder), last_line(done.stderr) or f"{name} ended with {done.returncode}"
            )

    @property
    def setting(self) -> dict[str, Any]:
        """For `subprocess`: as the account, from a folder that is open to it, without PostgreSQL's
        variables of the user.
        """
        return {"cwd": self.folder, "env": environment(os.environ), **self.account.options}


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The process of a server that is at work; `ready` once it takes connections."""

    pid: int
    port: int
    ready: bool

    @classmethod
    def of(cls, data: Path) -> Postmaster | None:
        """The one at work on `data`; None where there is none, whatever a file says that a killed one
        left.
        """
        try:
            lines = (data / PIDS).read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
        except (
            FileNotFoundError,
            NotADirectoryError,
            ValueError,
            IndexError,
        ):  # none, or one that is just being written
            return None
        return cls(pid, port, lines[7:8] != [] and lines[7].strip() == "ready") if serves(pid, data) else None


def serves(pid: int, data: Path) -> bool:
    """Whether a process is a server of these data; a zombie is not."""
    try:
        return str(data) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def is_anothers(pid: int) -> bool:
    """Whether a process that has this number is no PostgreSQL server, or not any more."""
    try:
        process = psutil.Process(pid)
        return bool(process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres")
    except (psutil.Error, ValueError):
        return False


def _first_number(text: bytes) -> int:
    line = text.partition(b"\n")[0].strip()
    return int(line) if line.isdigit() else -1


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """What the programs see: not the variables for clients, some of which a server obeys too; messages in
    English.
    """
    return {**{name: value for name, value in own.items() if not name.startswith("PG")}, "LC_ALL": "C"}


def last_line(text: str) -> str:
    """The last line in which something stands that is no advice."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "HINT:" not in line]
    return lines[-1] if lines else ""


def _sync(folder: Path) -> None:
    """Let a new name in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
