"""Copies of an SQLite database that are whole or not there, made while others write to it."""

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

PATIENCE_S: Final = 30.0
PAGES: Final = 4096  # in one step
SOUND: Final = "ok"  # what integrity_check says where it finds nothing


def copy_database(source: Path, target: Path, *, check: bool = True) -> int:
    """Copy a database as it is at this moment to a new file, synced and, unless told not to, checked; returns
    its bytes.

    It is one file, without side files. Raises `DiskFull`, `StoreUnreachable` where there is something at
    `target`, `StoreFailed` where the copy is not sound; SQLite's own errors pass. Nothing is left at `target`
    then.
    """
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    with storage_errors(target):
        try:
            unfinished.touch(
                mode=source.stat().st_mode & 0o777
            )  # nobody sees more of the copy than of the database
            _copied(source, unfinished, check=check)
            put_new(unfinished, target)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise DiskFull(str(target), str(error)) from error
            raise
        finally:
            unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def _copied(source: Path, unfinished: Path, *, check: bool) -> None:
    with (
        closing(
            sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S, isolation_level=None)
        ) as reader,
        closing(sqlite3.connect(unfinished, isolation_level=None)) as writer,
    ):
        reader.execute("BEGIN")
        reader.execute(
            "SELECT count(*) FROM sqlite_master"
        ).fetchone()  # from now on one snapshot, whoever writes meanwhile
        reader.backup(writer, pages=PAGES, progress=_heed)
        writer.execute("PRAGMA journal_mode=DELETE")
        if check and (told := faults_told(writer)):
            raise StoreFailed(
                str(source), f"a copy of it is not sound ({told[0]}); `vaengine db check` says more"
            )


def _heed(status: int, remaining: int, total: int) -> None:
    """Between two steps Python looks for signals, so that a copy can be stopped."""


def faults_told(connection: sqlite3.Connection) -> list[str]:
    """What SQLite's own check of its pages and indexes finds."""
    return [line for (line,) in connection.execute("PRAGMA integrity_check") if line != SOUND]


def copies_before(source: Path) -> list[Path]:
    """What upgrades of a database have kept of it."""
    return sorted(source.parent.glob(f"{escape(source.stem)}.before-*"))


def copy_before(source: Path, revision: str) -> Path:
    """Keep a database that is about to be upgraded to `revision` beside itself; returns where.

    The caller keeps others from writing to it: what an upgrade that was killed has left of its copy is then
    nobody's, and goes.
    """
    target = source.with_name(f"{source.stem}.before-{revision}{source.suffix or '.db'}")
    with storage_errors(source):
        for leftover in source.parent.glob(f".{escape(target.stem)}*.tmp*"):  # and SQLite's journal of it
            leftover.unlink()
    if os.path.lexists(target):
        target = target.with_name(f"{target.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}{target.suffix}")
    copy_database(
        source, target, check=False
    )  # what is damaged before is damaged after; it must not take an hour to begin a run
    return target
