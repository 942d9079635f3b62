"""Moving into and out of PostgreSQL: what foreign keys would refuse is refused whoever moves, and what
fails ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from actors.stores import open_store
from actors.stores.engines.postgres import PostgresDatabase
from actors.transfer import pool, select_rows
from actors.transfer.digest import Digester
from actors.transfer.endpoints import open_endpoint
from actors.transfer.unit import WireRow
from schemas.errors import StoreFailed, Unfit
from tests.support.runs import commands
from tests.support.servers import postgres
from tests.support.stores import stored
from vaengine.maintenance.maintenance import check
from vaengine.maintenance.migration import MigrationProgress, migrate, verify


@pytest.fixture
def source(tmp_path: Path) -> str:
    return stored.filled(f"sqlite:///{tmp_path / 'source.db'}")


def spoiled(source: str, statement: str) -> None:
    with closing(sqlite3.connect(source.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(statement)


@pytest.fixture(params=["superuser", "writer"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database as its superuser sees it, whose rows are not looked up one by one, and as a role that
    may only write sees it.
    """
    whole = postgres.fresh_database()
    open_store(whole).close()
    if request.param == "superuser":
        yield whole
        return
    with postgres.writer_of(whole) as (_, as_writer):
        yield as_writer


def test_any_role_that_may_write_can_be_moved_to(source: str, url: str) -> None:
    assert migrate(source, url, "fail").moved_rows
    assert verify(source, url).equal
    assert list(check(url)) == []


def test_a_database_that_writes_dates_in_another_form_and_zone_tells_the_same_times(source: str) -> None:
    url = postgres.fresh_database()
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("datestyle TO 'German'", "timezone TO 'Asia/Tokyo'"):
            connection.execute(f"ALTER DATABASE {connection.info.dbname} SET {setting}")
    assert migrate(source, url, "fail").moved_rows
    assert verify(source, url).equal


@pytest.mark.parametrize("page", [1, 7])
def test_rows_are_read_back_whole_however_few_are_in_memory_at_once(
    source: str, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    url = postgres.fresh_database()
    monkeypatch.setattr(select_rows, "_PAGE_ROWS", page)
    assert migrate(source, url, "fail").moved_rows
    assert verify(source, url).equal


def test_only_a_superuser_has_rows_not_looked_up_one_by_one(url: str) -> None:
    with (
        closing(PostgresDatabase(url)) as database,
        database.write(None) as connection,
        database.without_reference_checks(connection) as unchecked,
    ):
        assert unchecked is ("writer" not in url)
        role = connection.exec_driver_sql("SHOW session_replication_role").scalar()
        assert role == ("replica" if unchecked else "origin")


def test_who_may_say_so_has_the_server_end_an_autovacuum_that_is_in_the_way_at_once(url: str) -> None:
    with closing(PostgresDatabase(url)) as database, database.write(None) as connection:
        database.analyze(connection)
        assert connection.exec_driver_sql("SHOW deadlock_timeout").scalar() == (
            "1s" if "writer" in url else "10ms"
        )


def test_rows_of_a_job_that_is_not_there_are_refused_and_the_rest_stays_of_use(source: str, url: str) -> None:
    spoiled(source, "UPDATE annotations SET job_id = '00000000-0000-4000-8000-000000000000' WHERE rowid = 1")
    with pytest.raises(StoreFailed, match=r"job 00000000|annotations_job_id_fkey"):
        migrate(source, url, "fail")
    with closing(open_store(url)) as store:
        assert all(job.video_id for job in store.jobs())
    assert list(check(url)) == []


class Broken(Exception):
    """Of the other side."""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("after", [3, 45, 100])
def test_an_error_on_one_side_is_told_and_leaves_the_other_free(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """A reader that is not read to its end must not hold its connection for as long as the error is
    looked at.
    """
    url, back = postgres.fresh_database(), f"sqlite:///{tmp_path / 'back.db'}"
    migrate(source, url, "fail")
    left, packed = iter(range(after)), Digester.pack

    def breaking(self: Digester, row: WireRow) -> bytes:
        if next(left, None) is None:
            raise Broken
        return packed(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(Digester, "pack", breaking)
        with pytest.raises(Broken):
            migrate(url, back, "fail")
    assert verify(source, url).equal
    assert migrate(url, back, "fail").moved_rows
    with closing(open_endpoint(back, read_only=True)) as side, side.read() as reader:
        assert reader.units()


@pytest.fixture
def by_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MIN_UNITS", 1)
    monkeypatch.setattr(pool.os, "cpu_count", lambda: 2)


def workers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if "actors.transfer.worker" in commands.command_line(child)
    ]


@pytest.mark.long
@pytest.mark.usefixtures("by_several")
def test_several_processes_move_and_compare_and_end_with_it(source: str) -> None:
    url, seen = postgres.fresh_database(), list[int]()
    migrate(source, url, "fail", lambda _: seen.append(len(workers())))
    assert max(seen) == 2
    assert verify(source, url, lambda _: seen.append(-len(workers()))).equal
    assert min(seen) == -2
    assert workers() == []


@pytest.mark.usefixtures("by_several")
def test_what_goes_wrong_in_one_of_them_is_told_here(source: str) -> None:
    spoiled(source, "UPDATE annotations SET data = '{\"a\": NaN}' WHERE rowid = 1")
    with pytest.raises(Unfit, match="NaN"):
        migrate(source, postgres.fresh_database(), "fail")
    assert workers() == []


@pytest.mark.long
@pytest.mark.usefixtures("by_several")
def test_when_one_of_them_is_lost_the_same_command_goes_on(source: str) -> None:
    url = postgres.fresh_database()

    def killing(_: MigrationProgress) -> None:
        for one in workers():
            one.kill()

    with pytest.raises(StoreFailed, match="its process was killed"):
        migrate(source, url, "fail", killing)
    assert migrate(source, url, "fail").moved_rows
    assert verify(source, url).equal


@pytest.mark.long
@pytest.mark.usefixtures("by_several")
def test_who_goes_no_further_leaves_none_of_them(source: str) -> None:
    url = postgres.fresh_database()

    def interrupted(_: MigrationProgress) -> None:
        if workers():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(source, url, "fail", interrupted)
    assert workers() == []
    assert migrate(source, url, "fail").moved_rows
    assert verify(source, url).equal
