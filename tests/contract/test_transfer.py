"""From every store to every other one and back: nothing is lost, nothing is changed, nothing is done twice."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from actors.transfer.side import open_side
from actors.transfer.unit import LAYOUTS, Unit
from tests import stored
from tests.contract.conftest import STORES, digest
from vaengine.migration import migrate, preflight, verify

PAIRS = [(source, destination) for source in STORES for destination in STORES]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A full store of each kind; nothing writes to them."""
    urls = {name: make(tmp_path_factory.mktemp(name) / "source") for name, make in STORES.items()}
    for url in urls.values():
        with closing(open_store(url)) as store:
            stored.fill(store)
    return urls


def digest_of(url: str) -> str:
    with closing(open_store(url, read_only=True)) as store:
        return digest(store)


def sections(url: str) -> dict[tuple[Unit, str], list[tuple]]:
    with closing(open_side(url, read_only=True)) as side, side.reading() as reader:
        return {(unit, table.name): sorted(reader.rows(unit, table.name), key=repr) for unit in reader.units() for table in unit.tables}


def test_the_source_holds_something_in_every_table(sources):
    for url in sources.values():
        assert {table for (_, table), rows in sections(url).items() if rows} == set(LAYOUTS)


@pytest.mark.parametrize(("source", "destination"), PAIRS)
def test_everything_arrives_as_it_was(sources, tmp_path, source, destination):
    url = STORES[destination](tmp_path / "copy")
    moved = migrate(sources[source], url, "fail")
    assert set(moved.steps) == {"moved"}
    assert digest_of(url) == digest_of(sources[source])
    assert verify(sources[source], url).equal
    assert moved.tables == verify(sources[source], url).tables
    assert [batch.batch_id for batch in open_store(url).batches()] == ["batch-2", "batch-1"]


@pytest.mark.parametrize(("source", "destination"), PAIRS)
def test_a_second_time_changes_nothing(sources, tmp_path, source, destination):
    url = STORES[destination](tmp_path / "copy")
    first = migrate(sources[source], url, "fail")
    before = sections(url)
    again = migrate(sources[source], url, "fail")
    assert again.steps == {"unchanged": first.steps["moved"]}
    assert again.moved_rows == 0
    assert sections(url) == before
