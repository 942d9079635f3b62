"""A first move into PostgreSQL leaves keys and indexes for the end, and no store is ever left without them for long."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from actors.stores import open_store
from schemas.errors import StoreFailed, Unfit
from schemas.tables import annotations
from tests import postgres, stored
from vaengine.migration import Progress, migrate
from vaengine.upkeep import check

ALL = {*(str(index.name) for index in annotations.indexes), "annotations_job_id_fkey", "annotations_pipeline_id_fkey", "annotations_pkey"}
NAMES = """
SELECT indexname FROM pg_indexes WHERE tablename = 'annotations'
UNION SELECT conname FROM pg_constraint WHERE conrelid = 'annotations'::regclass AND contype = 'f'
"""


def there(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute(NAMES)}


@pytest.fixture
def source(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'source.db'}"
    with closing(open_store(url)) as store:
        stored.fill(store)
    return url


@pytest.fixture
def url() -> str:
    return postgres.fresh_database()


def looking(source: str, url: str) -> set[str]:
    """What was there while something was moved."""
    found: list[set[str]] = []
    migrate(source, url, "fail", lambda _: found.append(there(url)))
    return set.intersection(*found)


def dying(source: str, url: str) -> None:
    def tell(progress: Progress) -> None:
        if progress.rows > 20:
            os.kill(os.getpid(), signal.SIGKILL)

    migrate(source, url, "fail", tell)


@pytest.fixture
def cut_off(source: str, url: str) -> str:
    """A database that a move into it was killed in the middle of."""
    child = multiprocessing.get_context("fork").Process(target=dying, args=(source, url))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert there(url) == {"annotations_pkey", "idx_annotations_video_timestamp"}
    return url


def test_keys_and_indexes_are_put_off_while_an_empty_database_is_filled_and_there_when_it_is_full(source: str, url: str) -> None:
    assert looking(source, url) == {"annotations_pkey", "idx_annotations_video_timestamp"}
    assert there(url) == ALL
    assert list(check(url)) == []


def test_a_database_that_holds_something_keeps_them_meanwhile(source: str, url: str) -> None:
    migrate(source, url, "fail")
    with closing(open_store(source)) as store:
        job = next(job for job in store.jobs() if job.video_id == stored.GARDEN.video_id)
        store.save_annotations(job.job_id, "scene_detection", [{"annotation_type": "scene", "timestamp_seconds": 3.0}])
    assert looking(source, url) == ALL


def go_on(source: str, url: str) -> None:
    migrate(source, url, "fail")


def run(source: str, url: str) -> None:
    open_store(url).close()


@pytest.mark.parametrize("then", [go_on, run])
def test_what_a_killed_move_has_put_off_is_made_good_by_whoever_writes_next(
    source: str, cut_off: str, then: Callable[[str, str], None]
) -> None:
    open_store(cut_off, read_only=True).close()
    assert there(cut_off) != ALL
    assert {finding.cure for finding in check(cut_off)} >= {"a run adds it, and so does `vaengine db upgrade`"}
    then(source, cut_off)
    assert there(cut_off) == ALL


def spoiled(source: str, statement: str) -> None:
    with closing(sqlite3.connect(source.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)


def test_a_move_that_fails_leaves_nothing_put_off(source: str, url: str) -> None:
    spoiled(source, "UPDATE annotations SET data = '{\"a\": NaN}' WHERE rowid = (SELECT max(rowid) FROM annotations)")
    with pytest.raises(Unfit):
        migrate(source, url, "fail")
    assert there(url) == ALL


def test_rows_of_a_job_that_is_not_there_are_refused(source: str, url: str) -> None:
    spoiled(source, "UPDATE annotations SET job_id = '00000000-0000-4000-8000-000000000000' WHERE rowid = 1")
    with pytest.raises(StoreFailed, match="annotations_job_id_fkey"):
        migrate(source, url, "fail")


def test_a_role_that_may_only_write_moves_everything_with_its_keys_in_place(source: str, url: str) -> None:
    open_store(url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        role = f"mover_{urlsplit(url).path[1:]}"
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        connection.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
    parts = urlsplit(url)
    try:
        assert migrate(source, parts._replace(netloc=f"{role}:secret@{parts.netloc.rpartition('@')[2]}").geturl(), "fail").moved_rows
        assert there(url) == ALL
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")
