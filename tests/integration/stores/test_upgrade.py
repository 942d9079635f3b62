"""Tables of earlier versions brought up to date: what is kept before, what a kill leaves, and the SQL of
it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from actors.stores import migrations
from actors.stores.database.sqlite_backend import SQLiteStorageBackend
from actors.stores.engines import sqlite_backup
from tests.support.servers import postgres
from tests.support.stores.kept import digest, execute, filled, server_at_revision
from tests.support.stores.older_stores import older
from vaengine.cli.app import outcome
from vaengine.maintenance import maintenance

CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_older_file_is_copied_before_it_is_upgraded(
    revision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path, expected = older(tmp_path, revision)
    assert outcome(["db", "upgrade", "--db", f"sqlite:///{path}", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["before"], told["after"], told["changed"]) == (
        "upgraded",
        revision,
        migrations.HEAD,
        True,
    )
    assert digest(f"sqlite:///{path}") == expected
    kept = tmp_path / f"old.before-{migrations.HEAD}.db"
    assert maintenance.schema_status(f"sqlite:///{kept}").found == revision
    assert [record.message for record in caplog.records if str(kept) in record.message]
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    filled_again = SQLiteStorageBackend(kept)  # the copy is a store as good as the one it was made of
    filled_again.close()
    assert digest(f"sqlite:///{kept}") == expected


def test_a_run_that_upgrades_a_file_by_itself_leaves_the_same_copy_and_another_one_beside_an_earlier_one(
    tmp_path: Path,
) -> None:
    path, _ = older(tmp_path, "0002")
    taken = tmp_path / f"old.before-{migrations.HEAD}.db"
    taken.write_bytes(b"somebody's")
    SQLiteStorageBackend(path).close()
    (kept,) = tmp_path.glob(f"old.before-{migrations.HEAD}.*Z.db")
    assert maintenance.schema_status(f"sqlite:///{kept}").found == "0002"
    assert taken.read_bytes() == b"somebody's"
    SQLiteStorageBackend(path).close()
    assert len(list(tmp_path.glob("old.before*"))) == 2


def test_nothing_is_copied_of_a_new_file_nor_of_one_that_is_of_this_version(tmp_path: Path) -> None:
    SQLiteStorageBackend(tmp_path / "store.db").close()
    SQLiteStorageBackend(tmp_path / "store.db").close()
    assert outcome(["db", "upgrade", "--db", f"sqlite:///{tmp_path}/store.db"]) == 0
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(("-wal", "-shm"))] == [
        "store.db"
    ]


def test_what_others_committed_until_the_upgrade_began_is_in_the_copy(tmp_path: Path) -> None:
    path, _ = older(tmp_path, "0002")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute(
        "INSERT INTO meta VALUES ('late', 'news')"
    )  # only in the log: the file itself has not got it
    SQLiteStorageBackend(path).close()
    writer.close()
    with closing(sqlite3.connect(tmp_path / f"old.before-{migrations.HEAD}.db")) as kept:
        assert kept.execute("SELECT value FROM meta WHERE name = 'late'").fetchall() == [("news",)]


KILLED_UPGRADE = """
import os, signal, sys
from pathlib import Path
from actors.stores import migrations
from actors.stores.engines import sqlite, sqlite_backup
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "copying":
    sqlite_backup.put_new = die
elif sys.argv[2] == "copied":
    migrations.upgrade = die
else:
    upgrade = migrations.upgrade
    migrations.upgrade = lambda connection: (upgrade(connection), die())
sqlite.SQLiteDatabase(Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    "moment",
    [*(pytest.param(name, marks=pytest.mark.long) for name in ("copying", "copied")), "before the commit"],
)
def test_an_upgrade_that_is_killed_leaves_the_original_intact_and_the_next_one_no_half_copy(
    moment: str, tmp_path: Path
) -> None:
    path, expected = older(tmp_path, "0002")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    ended = subprocess.run([sys.executable, "-c", KILLED_UPGRADE, path, moment], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert maintenance.schema_status(f"sqlite:///{path}").found == "0002"
    assert len(list(tmp_path.glob("old.before*"))) == (moment != "copying")
    SQLiteStorageBackend(path).close()
    assert digest(f"sqlite:///{path}") == expected
    assert not list(tmp_path.glob("*.tmp*"))
    assert all(
        maintenance.schema_status(f"sqlite:///{kept}").found == "0002"
        for kept in tmp_path.glob("old.before*")
    )


def test_a_file_that_cannot_be_copied_is_not_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = older(tmp_path, "0002")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sqlite_backup, "put_new", full)
    assert outcome(["db", "upgrade", "--db", f"sqlite:///{path}"]) == 1
    assert maintenance.schema_status(f"sqlite:///{path}").found == "0002"
    assert not list(tmp_path.glob("old.before*"))


@pytest.mark.parametrize("revision", [None, "0001", "0002"])
def test_the_sql_of_an_upgrade_does_what_the_upgrade_does(
    revision: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.fresh_database()
    if revision:
        server_at_revision(url, revision)
    assert outcome(["db", "upgrade", "--sql", "--db", url]) == 0
    printed = capsys.readouterr().out
    assert maintenance.schema_status(url).found == revision
    execute(url, printed)
    assert maintenance.schema_status(url).agrees
    assert list(maintenance.check(url)) == []
    filled(url)
    assert outcome(["db", "upgrade", "--sql", "--db", url]) == 0
    told = capsys.readouterr()
    assert (told.out, "nothing to run" in told.err) == ("", True)


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_the_sql_for_a_file_does_what_the_upgrade_does(
    revision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, expected = older(tmp_path, revision)
    before = path.read_bytes()
    assert outcome(["db", "upgrade", "--sql", "--db", f"sqlite:///{path}"]) == 0
    assert path.read_bytes() == before
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(capsys.readouterr().out)
    assert maintenance.schema_status(f"sqlite:///{path}").agrees
    assert digest(f"sqlite:///{path}") == expected


def test_an_empty_postgresql_database_gets_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    url = postgres.fresh_database()
    assert maintenance.schema_status(url).state == "empty"
    assert outcome(["db", "upgrade", "--db", url]) == 0
    assert f"tables none -> {migrations.HEAD}" in capsys.readouterr().out
    assert maintenance.schema_status(url).agrees


def test_a_role_that_may_not_make_tables_hands_the_sql_to_one_that_may(
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, role = postgres.fresh_database(), f"writer_{os.urandom(4).hex()}"
    execute(url, f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
    try:
        parts = urlsplit(url)
        theirs = parts._replace(netloc=f"{role}:p@{parts.hostname}:{parts.port}").geturl()
        assert outcome(["db", "upgrade", "--db", theirs]) == 2
        assert "the role may not do that" in capsys.readouterr().err
        assert outcome(["db", "upgrade", "--sql", "--db", theirs]) == 0
        execute(url, capsys.readouterr().out)
        execute(url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        execute(url, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
        filled(theirs)
        assert maintenance.schema_status(theirs).agrees
        assert list(maintenance.check(theirs)) == []
    finally:
        execute(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
