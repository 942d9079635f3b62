"""Runs into PostgreSQL: what SQLite would hold, from one engine or two, whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.runs.runs import Reference
from tests.support.servers import postgres
from tests.support.stores.filled import complete

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("films")
    clips.with_persons(place, frames=60, cuts=(20,), persons=2)
    clips.with_cuts(place, cuts=(20, 45))
    return place


@pytest.fixture
def url() -> str:
    return postgres.fresh_database()


def command(folder: Path, out: Path, *more: str) -> tuple[str | Path, ...]:
    narrow = ("--pipelines", "scene,person", "--set", "engine.chunk_seconds=1", "--workers", "2")
    return ("run", folder, "--out", out, "--preset", "embedded", *narrow, *more)


@pytest.fixture(scope="module")
def undisturbed(folder: Path, reference_digest: Reference) -> str:
    return reference_digest(folder, engine__chunk_seconds=1.0)


def counted(url: str, table: str) -> int:
    """Rows of a table that may not be there yet."""
    with psycopg.connect(url) as connection:
        there = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone() if there and there[0] else None
    return found[0] if found else 0


@pytest.mark.long
def test_a_killed_run_is_gone_on_with_and_ends_as_one_into_sqlite(
    url: str, folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    """The checkpoint holds no password, so the address is given again; nothing that is printed or kept
    shows it.
    """
    process = commands.start(*command(folder, tmp_path, "--db", url))
    commands.wait_for(lambda: counted(url, "chunks") >= 1, "a first chunk")
    os.kill(process.pid, signal.SIGKILL)
    said = "".join(process.communicate(timeout=commands.PATIENCE_S))
    checkpoint = next((tmp_path / "checkpoints").glob("checkpoint_*.json"))
    again = commands.finished("resume", checkpoint, "--db", url)
    assert again.returncode == 0, again.stderr
    assert runs.digest(url) == undisturbed
    once_more = commands.finished(*command(folder, tmp_path, "--db", url, "--json"))
    assert [json.loads(line) for line in once_more.stdout.splitlines()][-1]["skipped"] == 2
    shown = said + again.stdout + again.stderr + once_more.stdout + once_more.stderr + checkpoint.read_text()
    if password := urlsplit(url).password:
        assert password not in shown
        assert password not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))


@pytest.mark.long
def test_two_engines_share_the_work_in_one_database(
    url: str, folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    both = [commands.start(*command(folder, tmp_path / name, "--db", url)) for name in ("one", "two")]
    for process in both:
        _, err = process.communicate(timeout=commands.PATIENCE_S * 2)
        assert process.returncode == 0, err
    assert runs.digest(url) == undisturbed


@pytest.mark.long
def test_a_batch_goes_over_to_postgresql_while_it_runs(
    url: str, folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    """Moved once while it runs, once more when it was stopped, and gone on with on the new store."""
    process = commands.start(*command(folder, tmp_path))
    commands.wait_for(lambda: chunks_in(tmp_path) >= 1, "a first chunk")
    first = commands.finished("migrate", runs.sqlite(tmp_path), url)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=commands.PATIENCE_S)
    second = commands.finished("migrate", runs.sqlite(tmp_path), url, "--json")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert json.loads(second.stdout.splitlines()[-1])["source_in_use"] is False
    assert commands.finished("db", "verify", runs.sqlite(tmp_path), url).returncode == 0
    kept = runs.digest(runs.sqlite(tmp_path))
    again = commands.finished(
        "resume", next((tmp_path / "checkpoints").glob("checkpoint_*.json")), "--db", url
    )
    assert again.returncode == 0, again.stderr
    assert runs.digest(url) == undisturbed
    assert runs.digest(runs.sqlite(tmp_path)) == kept
    late = commands.finished("migrate", runs.sqlite(tmp_path), url)
    assert "0 rows written" in late.stdout, "the old store is not put over the new one"
    assert commands.finished("db", "verify", runs.sqlite(tmp_path), url).returncode == 3


def chunks_in(out: Path) -> int:
    """Committed chunks in the SQLite store of a run."""
    store = out / "batch_processing.db"
    if not store.exists():
        return 0
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        there = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'chunks'").fetchone()[0]
        return connection.execute("SELECT count(*) FROM chunks").fetchone()[0] if there else 0


@pytest.mark.long
def test_what_is_stored_is_read_by_every_command(url: str, folder: Path, tmp_path: Path) -> None:
    complete(runs.request(sorted(folder.iterdir()), tmp_path, url=url))
    for words in (("status", "--json"), ("errors",), ("retry", "--all")):
        done = commands.finished(*words, "--db", url)
        assert done.returncode == 0, done.stderr
    logs = commands.finished("logs", next(folder.glob("*.mp4")), "--db", url)
    assert logs.returncode == 0, logs.stderr
    assert "completed" in logs.stdout
