"""The time as a store sees it, moved by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from actors.stores.engines.postgres import PostgresDatabase

ASKED_BY = (
    "files.backend",
    "engines.database",
    "backend.controls",
    "backend.runs",
    "backend.work",
    "backend.recount",
)


class Clock:
    """A fixed moment, UTC, until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def moved_by_hand(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that every store goes by from here on."""
    moved = Clock()
    for module in ASKED_BY:
        monkeypatch.setattr(f"actors.stores.{module}.now", moved)
    monkeypatch.setattr(
        PostgresDatabase, "now", lambda database, connection: moved()
    )  # a server's clock is not for us to move
    return moved


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return moved_by_hand(monkeypatch)
