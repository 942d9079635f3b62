"""Backups of real stores: made beside writers, whole or not there, and as good as what they were made of."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from actors.stores import open_store
from schemas.errors import BackupFailed, DumpMissing
from tests.support.servers import postgres
from tests.support.stores.fake_videos import RUN
from tests.support.stores.kept import (
    CLIP,
    JOB,
    PERSONS,
    digest,
    execute,
    filled,
    kinds,
    sqlite_file,
    tree,
    url,
)
from vaengine.cli.app import outcome
from vaengine.maintenance import maintenance
from vaengine.postgres.dump import chosen

__all__ = ["sqlite_file", "tree", "url"]


@contextmanager
def writing(url: str) -> Iterator[None]:
    """Somebody writes to a store all the time."""
    halt, began = threading.Event(), threading.Event()

    def write() -> None:
        with closing(open_store(url)) as store:
            epoch = store.open_run(RUN)
            store.register(epoch, [CLIP.video], [JOB])
            while not halt.is_set():
                store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[:2])
                began.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert began.wait(60)
        yield
    finally:
        halt.set()
        writer.join()


def test_a_backup_made_beside_a_writer_holds_everything_and_is_sound(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "a backup"
    with writing(url):
        assert outcome(["db", "backup", str(target), "--db", url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["path"], told["size_bytes"]) == (str(target), target.stat().st_size)
    again = restored(url, target, tmp_path / "again")
    assert digest(again) == digest(url)
    assert kinds(again) == []
    assert not list(tmp_path.glob(".*.tmp*"))


def test_a_store_is_checked_and_counted_beside_a_writer(url: str) -> None:
    with writing(url):
        for _ in range(5):
            assert kinds(url) == []
            assert [one.count for one in maintenance.census(url).annotations] == [100, 2]


def restored(url: str, backup: Path, folder: Path) -> str:
    if url.startswith("sqlite"):
        return f"sqlite:///{backup}"
    if url.startswith("files"):
        folder.mkdir()
        with tarfile.open(backup) as tar:
            tar.extractall(folder, filter="data")
        return f"files:{folder}"
    new = postgres.fresh_database()
    subprocess.run([client_programs(new) / "pg_restore", "--no-owner", f"--dbname={new}", backup], check=True)
    return new


def client_programs(url: str) -> Path:
    """Of a version that this server takes."""
    with psycopg.connect(url) as server:
        return chosen(str(server.info.server_version // 10000), os.environ).folder


def test_a_backup_replaces_nothing_and_needs_a_folder(url: str, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_bytes(b"somebody's")
    with pytest.raises(BackupFailed, match="left as it is; name a new file"):
        maintenance.backup(url, taken)
    assert taken.read_bytes() == b"somebody's"
    with pytest.raises(BackupFailed, match="make that folder first"):
        maintenance.backup(url, tmp_path / "no" / "file")


def test_a_backup_of_files_is_no_part_of_itself(tree: Path) -> None:
    with pytest.raises(BackupFailed, match="in the store itself"):
        maintenance.backup(f"files:{tree}", tree / "backup.tar")


def test_of_a_backup_that_fails_nothing_is_left(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for place in (
        "actors.stores.engines.sqlite_backup",
        "actors.stores.integrity.files_backup",
        "vaengine.postgres.dump",
    ):
        monkeypatch.setattr(f"{place}.put_new", full)
    before = {path.name for path in tmp_path.iterdir()}
    assert outcome(["db", "backup", f"{tmp_path}/backup", "--db", url]) == 1
    assert {path.name for path in tmp_path.iterdir()} - before <= {"store.db-wal", "store.db-shm"}


def test_a_damaged_file_gives_no_backup(sqlite_file: Path, tmp_path: Path) -> None:
    data = bytearray(sqlite_file.read_bytes())
    for page in range(4, len(data) // 4096):
        data[page * 4096 + 3] ^= 0xFF  # number of its cells
    sqlite_file.write_bytes(data)
    assert outcome(["db", "backup", f"{tmp_path}/backup", "--db", f"sqlite:///{sqlite_file}"]) != 0
    assert not (tmp_path / "backup").exists()


def test_the_password_is_not_among_the_arguments_of_pg_dump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.fresh_database()
    filled(url)
    programs, seen = client_programs(url), tmp_path / "seen"
    spy = tmp_path / "bin"
    spy.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (spy / name).write_text(f'#!/bin/sh\necho "$0 $*" >>{seen}\nexec {programs / name} "$@"\n')
        (spy / name).chmod(0o755)
    monkeypatch.setenv("VAENGINE_POSTGRES_BIN", str(spy))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    maintenance.backup(url, tmp_path / "dump")
    password = urlsplit(url).password
    assert password
    assert "pg_dump --format=custom" in seen.read_text()
    assert password not in seen.read_text()


def test_a_pg_dump_that_is_too_old_or_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.fresh_database()
    filled(url)
    monkeypatch.setenv("VAENGINE_POSTGRES_BIN", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DumpMissing, match=r"no pg_dump for a server of PostgreSQL \d+\S* \(here is none\)"):
        maintenance.backup(url, tmp_path / "dump")
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 9.6.24'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(DumpMissing, match=r"here is 9\.6\.24.*or newer"):
        maintenance.backup(url, tmp_path / "dump")
    assert not (tmp_path / "dump").exists()


def test_what_pg_dump_says_is_told_in_one_line(tmp_path: Path) -> None:
    url = postgres.fresh_database()
    filled(url)
    role = f"stranger_{os.urandom(4).hex()}"
    execute(url, f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
    try:
        parts = urlsplit(url)
        with pytest.raises(BackupFailed, match="permission denied"):
            maintenance.backup(
                parts._replace(netloc=f"{role}:p@{parts.hostname}:{parts.port}").geturl(), tmp_path / "dump"
            )
        assert list(tmp_path.iterdir()) == []
    finally:
        execute(url, f"DROP ROLE {role}")
