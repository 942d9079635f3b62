"""The stores that keep one contract; a new one joins by a line in `STORES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.annotations.annotation import canonical_digest
from schemas.storage.backend import StorageBackend
from tests.support.servers import postgres

STORES: dict[str, Callable[[Path], str]] = {
    "files": lambda folder: f"files:{folder}",
    "sqlite": lambda folder: f"sqlite:///{folder}/batch_processing.db",
    "postgresql": lambda folder: postgres.migrated_database(),
}

LOCAL = ["files", "sqlite"]  # on a disk of this machine


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
