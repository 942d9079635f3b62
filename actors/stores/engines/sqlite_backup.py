"""Copies an SQLite database while others write to it; a copy is whole or absent."""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Final

from actors.atomic_files import put_new, storage_errors
from schemas.errors import DiskFull, StoreFailed

BUSY_TIMEOUT_S: Final = 30.0
PAGES_PER_STEP: Final = 4096
NO_FAULTS: Final = "ok"  # the result of integrity_check for a sound file


def copy_database(source: Path, target: Path, *, check: bool = True) -> int:
    """Copy a database as it is at this moment to a new file, with fsync; returns the size in bytes.

    The copy is one file, without side files. Raises `DiskFull`, `StoreUnreachable` where `target` exists,
    `StoreFailed` where `check` finds the copy damaged, and SQLite's own errors. `target` is then not written.
    """
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    with storage_errors(target):
        try:
            # The copy has the permissions of the database.
            unfinished.touch(mode=source.stat().st_mode & 0o777)
            _copy(source, unfinished, check=check)
            put_new(unfinished, target)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise DiskFull(str(target), str(error)) from error
            raise
        finally:
            unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def _copy(source: Path, unfinished: Path, *, check: bool) -> None:
    with (
        closing(
            sqlite3.connect(
                f"{source.as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
        ) as reader,
        closing(sqlite3.connect(unfinished, isolation_level=None)) as writer,
    ):
        reader.execute("BEGIN")
        # The first read fixes the snapshot, whoever writes meanwhile.
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reader.backup(writer, pages=PAGES_PER_STEP, progress=_allow_signals)
        writer.execute("PRAGMA journal_mode=DELETE")
        if check and (faults := integrity_faults(writer)):
            raise StoreFailed(
                str(source), f"a copy of it is not sound ({faults[0]}); `vaengine db check` says more"
            )


def _allow_signals(status: int, remaining: int, total: int) -> None:
    """Does nothing: between two steps Python handles signals, so that a copy can be stopped."""


def integrity_faults(connection: sqlite3.Connection) -> list[str]:
    """The faults that SQLite's own check finds in pages and indexes."""
    return [line for (line,) in connection.execute("PRAGMA integrity_check") if line != NO_FAULTS]


def copies_before(source: Path) -> list[Path]:
    """The copies of a database that upgrades have made."""
    return sorted(source.parent.glob(f"{escape(source.stem)}.before-*"))


def copy_before(source: Path, revision: str) -> Path:
    """Copy a database beside itself before it is upgraded to `revision`; returns the path of the copy.

    The caller keeps others from writing. What a killed upgrade has left of its copy is removed.
    """
    target = source.with_name(f"{source.stem}.before-{revision}{source.suffix or '.db'}")
    with storage_errors(source):
        for leftover in source.parent.glob(f".{escape(target.stem)}*.tmp*"):  # also its journal
            leftover.unlink()
    if os.path.lexists(target):
        target = target.with_name(f"{target.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}{target.suffix}")
    # Unchecked: a damaged database gives a damaged copy, and the begin of a run must not take an hour.
    copy_database(source, target, check=False)
    return target
