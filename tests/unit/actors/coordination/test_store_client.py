"""What a store refuses for the moment is tried again as the settings say; what it refuses for good is
told at once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.coordination.store_client import StoreActor
from schemas.errors import NotFound, StoreFailed
from schemas.settings.settings import KindRecovery, RecoverySettings
from schemas.work.retry import RetryPolicy

POLICY = RetryPolicy.of(RecoverySettings(jitter=0.0, store=KindRecovery(strategy="linear", attempts=3)))


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def actor(tmp_path: Path, waits: list[float]) -> StoreActor:
    return StoreActor(f"files:{tmp_path}", POLICY, waits.append)


def fails(actor: StoreActor, monkeypatch: pytest.MonkeyPatch, error: Exception, times: int) -> None:
    left = [error] * times

    def meta(_name: str) -> str:
        if left:
            raise left.pop()
        return "told"

    monkeypatch.setattr(actor._store, "meta", meta)


def test_a_store_that_is_locked_for_a_moment_is_asked_again(
    actor: StoreActor, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(actor, monkeypatch, StoreFailed("files:x", "database is locked"), 2)
    assert actor.call("meta", "name") == "told"
    assert waits == [1.0, 2.0]


def test_one_that_stays_so_is_told_once_its_tries_are_spent(
    actor: StoreActor, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(actor, monkeypatch, StoreFailed("files:x", "database is locked"), 5)
    with pytest.raises(StoreFailed, match="locked"):
        actor.call("meta", "name")
    assert waits == [1.0, 2.0]


def test_what_another_try_cannot_mend_is_told_at_once(
    actor: StoreActor, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(actor, monkeypatch, NotFound("job", "files:x"), 1)
    with pytest.raises(NotFound):
        actor.call("meta", "name")
    assert waits == []
