"""What `vaengine db current | stats | vacuum` say of real stores, and what they leave alone."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from actors.stores import migrations, open_store
from schemas.errors import NotFound, StoreUnreachable, UsageError
from schemas.pipelines import PERSON, SCENE
from schemas.work.run import RunInfo
from tests.support.servers import postgres
from tests.support.stores.kept import (
    TABLES,
    address,
    contents,
    digest,
    execute,
    fill,
    filled,
    server_at_revision,
    tree,
    url,
)
from tests.support.stores.older_stores import at_revision, older
from vaengine.cli.app import outcome
from vaengine.maintenance import maintenance

__all__ = ["tree", "url"]


@pytest.mark.parametrize("state", ["empty", "older", "current", "newer", "foreign"])
@pytest.mark.parametrize("kind", TABLES)
def test_where_tables_stand_is_told_of_whatever_there_is_and_nothing_is_changed(
    kind: str, state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = made(kind, state, tmp_path)
    before = contents(tmp_path / "store.db") if kind == "sqlite" else state_of_server(url)
    assert outcome(["db", "current", "--db", url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    revision = {"older": "0002", "current": migrations.HEAD, "newer": "9999"}.get(state)
    assert (told["state"], told["found"], told["needed"], told["agrees"]) == (
        state,
        revision,
        migrations.HEAD,
        state == "current",
    )
    assert (contents(tmp_path / "store.db") if kind == "sqlite" else state_of_server(url)) == before
    for command in (
        (["upgrade"], ["upgrade", "--sql"], ["vacuum"], ["check"]) if state in ("newer", "foreign") else ()
    ):
        assert outcome(["db", *command, "--db", url]) == 2
        said = capsys.readouterr().err
        assert ("update vaengine" in said) == (state == "newer")
        assert ("none of vaengine's" in said) == (state == "foreign")
    assert (contents(tmp_path / "store.db") if kind == "sqlite" else state_of_server(url)) == before


def made(kind: str, state: str, folder: Path) -> str:
    """A database in this state."""
    url = address(kind, folder)
    if kind == "sqlite":
        (folder / "store.db").touch()
    if state == "foreign":
        execute(url, "CREATE TABLE accounts (id integer)")
    elif state == "older":
        at_revision(folder / "store.db", "0002") if kind == "sqlite" else server_at_revision(url, "0002")
    elif state != "empty":
        filled(url)
    if state == "newer":
        execute(url, "UPDATE alembic_version SET version_num = '9999'")
    return url


def state_of_server(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as server:
        return server.execute(
            "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall()


@pytest.mark.parametrize("kind", ["sqlite", "files"])
@pytest.mark.parametrize("command", ["upgrade", "current", "check", "stats", "vacuum", "backup"])
def test_what_is_not_there_is_told_in_one_line_and_not_made(
    command: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    destination = [f"{tmp_path}/copy"] if command == "backup" else []
    assert outcome(["db", command, *destination, "--db", address(kind, tmp_path / "nowhere")]) == 2
    said = capsys.readouterr().err
    assert ("not found" in said) == (kind == "sqlite" or command in ("check", "stats", "backup"))
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_files_has_no_tables_to_upgrade_or_vacuum(tree: Path) -> None:
    for ask in (maintenance.schema_status, maintenance.upgrade, maintenance.upgrade_sql, maintenance.vacuum):
        with pytest.raises(UsageError, match="store of files, which has no tables"):
            ask(f"files:{tree}")


def test_a_store_is_counted_alike_whatever_keeps_it(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(["db", "stats", "--db", url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["videos"], told["jobs"]) == (1, {"running": 1})
    counts = {(one["pipeline"], one["annotation_type"]): one["count"] for one in told["annotations"]}
    assert counts == {(PERSON, "person_detection"): 100, (SCENE, "scene"): 2}
    assert told["embeddings"] == [{"pipeline": SCENE, "model": "osnet", "count": 2, "size_bytes": 16}]
    assert told["oldest_job"] == told["newest_job"] <= told["newest_result"]
    held = {one["name"]: one for one in told["holdings"]}
    assert held["chunks"]["count"] == 2
    assert all(one["size_bytes"] > 0 for one in held.values())
    assert told["size_bytes"] >= sum(one["size_bytes"] for one in held.values())
    assert outcome(["db", "stats", "--db", url]) == 0
    assert "person_detection  100" in capsys.readouterr().out


def test_tables_of_an_earlier_version_are_counted_as_far_as_they_are_there(tmp_path: Path) -> None:
    path, _ = older(tmp_path, "0001")
    census = maintenance.census(f"sqlite:///{path}")
    assert (census.videos, census.embeddings) == (1, ())
    assert "embeddings" not in {one.name for one in census.holdings}


def test_a_vacuum_gives_the_room_of_removed_rows_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    filled(url)
    expected = digest(url)
    execute(
        url,
        "CREATE TABLE ballast (x)",
        "INSERT INTO ballast VALUES (zeroblob(4000000))",
        "DROP TABLE ballast",
    )
    assert outcome(["db", "vacuum", "--db", url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["before_bytes"] > 4_000_000
    assert told["after_bytes"] < 1_000_000
    assert told["after_bytes"] == (tmp_path / "store.db").stat().st_size
    assert digest(url) == expected
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_stat1").fetchone()[0] > 0


def test_a_vacuum_of_postgresql_renews_what_it_knows_beside_a_run() -> None:
    url = postgres.fresh_database()
    with closing(open_store(url)) as store:
        fill(store, RunInfo("live", os.uname().nodename, os.getpid(), {}, ()))
        assert maintenance.vacuum(url).refused == ()
    with psycopg.connect(url) as server:
        assert server.execute("SELECT reltuples FROM pg_class WHERE relname = 'annotations'").fetchone() == (
            102.0,
        )


def test_what_a_role_may_not_vacuum_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    url = postgres.fresh_database()
    filled(url)
    role = f"reader_{os.urandom(4).hex()}"
    execute(
        url,
        f"CREATE ROLE {role} LOGIN PASSWORD 'p'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    )
    try:
        parts = urlsplit(url)
        theirs = parts._replace(netloc=f"{role}:p@{parts.hostname}:{parts.port}").geturl()
        assert outcome(["db", "vacuum", "--db", theirs]) == 0
        assert "permission denied to vacuum" in capsys.readouterr().err
    finally:
        execute(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_file_is_not_vacuumed_while_a_run_is_at_work_on_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with closing(open_store(url)) as store:
        epoch = fill(store, RunInfo("live", os.uname().nodename, os.getpid(), {}, ()))
        with pytest.raises(UsageError, match=f"in use by a run .batch live, process {os.getpid()} on"):
            maintenance.vacuum(url)
        store.close_run(epoch, "completed")
        assert maintenance.vacuum(url).after_bytes > 0


def test_an_empty_database_has_nothing_to_check_or_count() -> None:
    url = postgres.fresh_database()
    for ask in (
        lambda: list(maintenance.check(url)),
        lambda: maintenance.census(url),
        lambda: maintenance.vacuum(url),
    ):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises(StoreUnreachable):
        maintenance.schema_status(urlsplit(url)._replace(path="/no_such_database").geturl())
