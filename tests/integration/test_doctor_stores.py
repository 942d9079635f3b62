"""The doctor's look at a PostgreSQL database: what a run would meet there."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pytest

from actors.stores import open_store
from tests import postgres
from vaengine.doctor_stores import database_check


@pytest.fixture
def url() -> str:
    return postgres.fresh_database()


def told(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_an_empty_database_is_good_and_stays_empty(url: str) -> None:
    assert [database_check(url).state for _ in range(2)] == ["ok", "ok"]
    assert "empty" in database_check(url).found


def test_a_store_is_good_for_whoever_may_write_it_and_for_others_only_to_look_at(url: str) -> None:
    open_store(url).close()
    assert database_check(url).state == "ok"
    with postgres.writer_of(url) as (role, as_role):
        assert database_check(as_role).state == "ok"
        told(url, f"REVOKE INSERT ON annotations FROM {role}")
        assert (found := database_check(as_role)).state == "warn"
        assert "only read" in found.found
        assert found.cure


def test_an_empty_database_in_which_a_role_may_make_no_tables_is_told(url: str) -> None:
    with postgres.writer_of(url) as (_, as_role):
        assert database_check(as_role).state == "warn"


@pytest.mark.parametrize(
    ("found", "says"), [("UPDATE alembic_version SET version_num = '9999'", "newer"), ("DROP TABLE alembic_version", "vaengine")]
)
def test_tables_of_a_newer_version_or_of_somebody_else_are_no_place_for_a_run(url: str, found: str, says: str) -> None:
    open_store(url).close()
    told(url, found)
    check = database_check(url)
    assert check.state == "fail"
    assert says in str(check)


def test_a_server_that_does_not_answer_and_a_database_that_is_not_there_are_told_with_a_cure(url: str) -> None:
    parts = urlsplit(url)
    for wrong in (parts._replace(netloc=f"{parts.username}@127.0.0.1:1"), parts._replace(path="/nowhere")):
        check = database_check(wrong.geturl())
        assert check.state == "fail"
        assert check.cure
        assert "postgresql://" in check.found
