"""The doctor's look at a store: what a run would meet there."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from actors.stores import open_store
from actors.stores.engines.address import StoreUrl
from actors.stores.migrations import HEAD
from tests.support.servers import postgres
from tests.support.stores.kept import execute
from vaengine.doctor.stores import postgres_check, store_check


@pytest.fixture
def url() -> str:
    return postgres.fresh_database()


def test_an_empty_database_is_good_and_stays_empty(url: str) -> None:
    assert [postgres_check(url).state for _ in range(2)] == ["ok", "ok"]
    assert "no tables yet" in postgres_check(url).found


def test_a_store_is_good_for_whoever_may_write_it_and_for_others_only_to_look_at(url: str) -> None:
    open_store(url).close()
    assert postgres_check(url).state == "ok"
    with postgres.writer_of(url) as (role, as_role):
        assert postgres_check(as_role).state == "ok"
        execute(url, "UPDATE alembic_version SET version_num = '0004'")
        assert postgres_check(as_role).state == "warn", (
            "tables that are older are altered by whoever owns them"
        )
        assert postgres_check(url).state == "ok"
        execute(
            url, f"UPDATE alembic_version SET version_num = '{HEAD}'", f"REVOKE DELETE ON chunks FROM {role}"
        )
        assert (found := postgres_check(as_role)).state == "warn"
        assert "only read" in found.found
        assert found.cure


def test_an_empty_database_in_which_a_role_may_make_no_tables_is_told(url: str) -> None:
    with postgres.writer_of(url) as (_, as_role):
        assert postgres_check(as_role).state == "warn"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "newer"),
        ("DROP TABLE alembic_version", "vaengine"),
    ],
)
def test_tables_of_a_newer_version_or_of_somebody_else_are_no_place_for_a_run(
    url: str, found: str, says: str
) -> None:
    open_store(url).close()
    execute(url, found)
    check = postgres_check(url)
    assert check.state == "fail"
    assert says in str(check)


def test_a_server_that_does_not_answer_and_a_database_that_is_not_there_are_told_with_a_cure(
    url: str,
) -> None:
    parts = urlsplit(url)
    for wrong in (parts._replace(netloc=f"{parts.username}@127.0.0.1:1"), parts._replace(path="/nowhere")):
        check = postgres_check(wrong.geturl())
        assert check.state == "fail"
        assert check.cure
        assert "postgresql://" in check.found


@pytest.mark.parametrize("kind", ["files:", "sqlite:///"])
def test_a_place_for_a_store_is_good_and_nothing_is_left_there(kind: str, tmp_path: Path) -> None:
    address = StoreUrl.parse(f"{kind}{tmp_path}/new/store")
    assert store_check(address, tmp_path).state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_store_or_one_of_a_newer_version_is_told(tmp_path: Path) -> None:
    text, database = tmp_path / "notes.txt", tmp_path / "store.db"
    text.write_text("no database, whatever its length " * 100)
    open_store(f"sqlite:///{database}").close()
    execute(f"sqlite:///{database}", "UPDATE alembic_version SET version_num = '9999'")
    for url, says in (
        (f"sqlite:///{text}", "not an SQLite database"),
        (f"sqlite:///{tmp_path}", "no file"),
        (f"files:{text}", "no folder"),
        (f"sqlite:///{database}", "newer"),
        ("sqlite:////proc/store.db", "cannot be written"),
    ):
        check = store_check(StoreUrl.parse(url), tmp_path)
        assert (check.state, says in check.found) == ("fail", True), check
