"""The time as a store sees it, moved by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

ASKED_BY = ("files", "files_runs", "database_store", "database_runs", "register", "files_requests", "database_requests")


class Clock:
    """A fixed moment, UTC, until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    for module in ASKED_BY:
        monkeypatch.setattr(f"actors.stores.{module}.now", moved)
    return moved
