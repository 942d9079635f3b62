"""The stores that keep one contract; a new one joins by a line in `STORES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.annotations.annotation import canonical_digest
from schemas.storage.backend import StorageBackend
from tests.support import postgres

STORES: dict[str, Callable[[Path], str]] = {
    "files": lambda folder: f"files:{folder}",
    "sqlite": lambda folder: f"sqlite:///{folder}/batch_processing.db",
    "postgresql": lambda folder: postgres.migrated_database(),
}

LOCAL = ["files", "sqlite"]  # on a disk of this machine

# What copies, removals and moves do in PostgreSQL is the code that does it in SQLite, on another engine: a
# change is tested with SQLite, and `make test-long` has both.
ONE_CODE = (
    "test_copies.py",
    "test_retention.py",
    "test_saved_annotations.py",
    "test_starts.py",
    "test_transfer.py",
)
POSTGRESQL_TOO = (  # moves into PostgreSQL and out of it
    "test_everything_arrives_as_it_was",
    "test_what_postgresql_would_refuse_or_change_is_named_before_and_during",
    "test_a_migration_killed_after_any_unit_goes_on",
)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is not asked for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        arguments = (
            item.callspec.params.values()
            if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            else ()
        )
        if (
            item.path.name in ONE_CODE
            and getattr(item, "originalname", "") not in POSTGRESQL_TOO
            and any(isinstance(value, str) and value == "postgresql" for value in arguments)
        ):
            item.add_marker(pytest.mark.long)


@pytest.fixture(autouse=True)
def _databases_come_back() -> Iterator[None]:
    with postgres.take_back():
        yield


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return STORES[request.param](tmp_path / "store")


@pytest.fixture
def store(url: str) -> Iterator[StorageBackend]:
    opened = open_store(url)
    yield opened
    opened.close()


def digest(store: StorageBackend) -> str:
    return canonical_digest(store.canonical_rows())
