"""The folder with the data of a PostgreSQL server: its contents, its creation, and the server that uses it.

```
FOLDER/vaengine.lock   marks the folder as ours; locked by whoever starts or stops its server
FOLDER/data/           PostgreSQL's data directory
FOLDER/password        password of the database's user; readable by the owner alone
FOLDER/port            the last port, used again if it is free
FOLDER/log             the log of the server
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

from actors.stores.engines.own_server import PASSWORD_FILE, PID_FILE, USER
from schemas.errors import FolderClosed, ForeignFolder, PostgresFailed
from schemas.paths import absolute_path
from vaengine.postgres.account import NOBODY, ROOT, Account, owner
from vaengine.postgres.binaries import Binaries

LOCK: Final = "vaengine.lock"
DATA_FOLDER: Final = "data"
PORT: Final = "port"
NO_SUCH_PID: Final = b"2147483647"  # larger than any process id
LOG: Final = "log"
NAME: Final = USER  # also of the database
FIRST_VERSION_WITH_SETTINGS: Final = 16  # the first version whose `initdb` takes settings
# Much is stored at once. After each checkpoint every page goes to the log as a whole once more. Each new
# segment of the log is written twice if it is filled with zeros first.
WRITE_SETTINGS: Final = ("--set", "max_wal_size=4GB", "--set", "wal_init_zero=off")

# On one line, as `postgres --single` takes it.
CREATE_PGVECTOR: Final = (
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN CREATE EXTENSION "
    "vector; END IF; "
    "EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END $$\n"  # nothing needs it
)
FIRST_VERSION_WITH_LOCALE: Final = 17  # the first version with a locale of its own

# Text is ordered by code point, as in SQLite. Upper and lower case work beyond ASCII where PostgreSQL has a
# locale of its own.
LOCALE_OPTIONS: Final = ("--encoding=UTF8", "--locale=C")
CASE_OPTIONS: Final = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """A folder of ours, absolute, and the account that runs its server."""

    folder: Path
    account: Account

    @classmethod
    def at(cls, folder: Path) -> DataDirectory:
        """The data directory in a folder, which need not exist yet.

        Raises `PostgresFailed` for root in a folder of another user: whoever can write to a folder could
        redirect what root does there to other files.
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
        return self.folder / DATA_FOLDER

    @property
    def lock(self) -> Path:
        return self.folder / LOCK

    @property
    def log(self) -> Path:
        return self.folder / LOG

    @property
    def major(self) -> str | None:
        """The major version of PostgreSQL that made the data; None before they are made."""
        version_file = self.data / "PG_VERSION"
        return version_file.read_text().strip() if version_file.exists() else None

    def url(self, host: str, port: int) -> str:
        """The address of the database with its password."""
        return f"postgresql://{NAME}:{(self.folder / PASSWORD_FILE).read_text()}@{host}:{port}/{NAME}"

    def mark_as_ours(self) -> None:
        """Make the folder, or use an empty one.

        Raises `ForeignFolder` or `FolderClosed` with nothing changed.
        """
        occupied = self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir()))
        # The lock is our first file. Checked in this order, a concurrent start does no harm.
        if occupied and not self.lock.exists():
            raise ForeignFolder(str(self.folder))
        if closed := self.account.obstacle(self.folder.parent):
            raise FolderClosed(str(self.folder), str(closed), NOBODY)
        missing = [path for path in self.folder.parents if not path.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.folder, *missing):
            self.account.admit(path)

    def make(self, binaries: Binaries, *, durable: bool = True) -> None:
        """Make the data: user and database `vaengine`, with a password of their own.

        An interrupted call leaves no data.
        """
        unfinished = self.folder / f"{DATA_FOLDER}.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        self.account.own(unfinished)
        password_file = self.private(PASSWORD_FILE)
        password_file.write_text(secrets.token_urlsafe(24))
        access = (f"--username={NAME}", "--auth=scram-sha-256", f"--pwfile={password_file}")
        locale = (
            (*LOCALE_OPTIONS, *CASE_OPTIONS)
            if int(binaries.major) >= FIRST_VERSION_WITH_LOCALE
            else LOCALE_OPTIONS
        )
        settings = WRITE_SETTINGS if int(binaries.major) >= FIRST_VERSION_WITH_SETTINGS else ()
        self.run(
            binaries,
            "initdb",
            "-D",
            str(unfinished),
            *access,
            *locale,
            *settings,
            *(() if durable else ("--no-sync",)),
        )
        single = (
            "--single",
            "-D",
            str(unfinished),
            "-c",
            "exit_on_error=true",
            *(() if durable else ("-F",)),
        )
        self.run(binaries, "postgres", *single, "postgres", stdin=f"CREATE DATABASE {NAME}\n")
        self.run(binaries, "postgres", *single, NAME, stdin=CREATE_PGVECTOR)
        unfinished.rename(self.data)
        _sync(self.folder)

    def clear_stale_pid(self) -> None:
        """Overwrite the process id that a killed server left, if it is now a zombie's or another program's.

        PostgreSQL would take that process for the server. From the rest of the file it finds out by itself
        whether anything of the old server lives.
        """
        path = self.data / PID_FILE
        if not path.exists() or not is_not_postgres(_first_number(path.read_bytes())):
            return
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            rest = os.read(descriptor, 4096).partition(b"\n")[2]
            # Longer than before, so that the file is never truncated.
            os.pwrite(descriptor, NO_SUCH_PID + b"\n" + rest, 0)
        finally:
            os.close(descriptor)

    def private(self, name: str) -> Path:
        """Make a file that only the account may read."""
        path = self.folder / name
        path.touch(mode=0o600)
        self.account.own(path)
        return path

    def run(self, binaries: Binaries, name: str, *arguments: str, stdin: str = "") -> None:
        """Run a program to its end; raises `PostgresFailed` with its last error line."""
        command = [str(binaries.folder / name), *arguments]
        result = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, **self.subprocess_options
        )
        if result.returncode:
            raise PostgresFailed(
                str(self.folder), last_line(result.stderr) or f"{name} ended with {result.returncode}"
            )

    @property
    def subprocess_options(self) -> dict[str, Any]:
        """Arguments for `subprocess`: the account, a working folder that is open to it, and the environment.

        The environment is without the user's PostgreSQL variables.
        """
        return {"cwd": self.folder, "env": environment(os.environ), **self.account.options}


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The process of a running server; `ready` says that it takes connections."""

    pid: int
    port: int
    ready: bool

    @classmethod
    def of(cls, data: Path) -> Postmaster | None:
        """The server that runs on `data`; None where there is none, even if a killed one left its file."""
        try:
            lines = (data / PID_FILE).read_text().splitlines()
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


def is_not_postgres(pid: int) -> bool:
    """Whether the process with this id is a zombie or another program than PostgreSQL."""
    try:
        process = psutil.Process(pid)
        return bool(process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres")
    except (psutil.Error, ValueError):
        return False


def _first_number(text: bytes) -> int:
    line = text.partition(b"\n")[0].strip()
    return int(line) if line.isdigit() else -1


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of the programs, with messages in English.

    Variables for clients are left out, because a server obeys some of them too.
    """
    return {**{name: value for name, value in variables.items() if not name.startswith("PG")}, "LC_ALL": "C"}


def last_line(text: str) -> str:
    """The last non-empty line that is no hint."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "HINT:" not in line]
    return lines[-1] if lines else ""


def _sync(folder: Path) -> None:
    """Make a new name in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
