"""How often an address is answered, and what it is told then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.stores.served import TOKEN, client_of, filled_store, settings_of
from vaengine.server.middleware.access import Visit
from vaengine.server.middleware.admission import Admission
from vaengine.server.rate_limits import RateLimits

LIMITS = RateLimits(
    requests_per_second=50,
    requests_in_a_burst=1000,
    writes_per_second=1,
    writes_in_a_burst=2,
    expensive_per_minute=2,
    wrong_tokens_per_minute=3,
)
SETTINGS = settings_of("sqlite:////nowhere/s.db", Path("/nowhere"), limits=LIMITS)
READ = Visit("GET", "/api/videos", "127.0.0.1", address="10.0.0.1")
WRITE = replace(READ, method="POST", path="/api/batches", token=TOKEN)
GUESS = replace(WRITE, token="wrong")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def admission(clock: Clock) -> Admission:
    return Admission(SETTINGS, clock)


def _statuses(admission: Admission, visit: Visit, times: int) -> list[int | None]:
    refusals = [admission.refusal_of(visit) for _ in range(times)]
    return [None if refusal is None else int(refusal.status) for refusal in refusals]


def test_wrong_tokens_are_refused_and_too_many_of_them_with_when_to_come_again(
    admission: Admission, clock: Clock
) -> None:
    assert _statuses(admission, GUESS, 5) == [401, 401, 401, 429, 429]
    refusal = admission.refusal_of(GUESS)
    assert refusal is not None
    assert (refusal.kind, refusal.retry_after_s) == ("too_many_requests", 20)
    assert refusal.what == "more than 3 wrong tokens a minute come from this address"
    assert _statuses(admission, replace(GUESS, address="10.0.0.2"), 1) == [401]
    clock.now_s += 20.001
    assert _statuses(admission, GUESS, 2) == [401, 429]


def test_wrong_tokens_of_an_address_lock_out_nobody_who_has_the_right_one(admission: Admission) -> None:
    _statuses(admission, GUESS, 10)
    assert _statuses(admission, WRITE, 1) == [None]


def test_a_wrong_token_in_a_link_counts_where_reads_need_none(admission: Admission) -> None:
    link = replace(READ, path="/", token="wrong", is_link=True)
    assert _statuses(admission, link, 4) == [None, None, None, 429]
    assert _statuses(admission, replace(READ, token="an old cookie"), 10) == [None] * 10


def test_a_request_without_a_token_is_no_guess(admission: Admission) -> None:
    assert _statuses(admission, replace(WRITE, token=""), 10) == [401] * 10


def test_writes_have_a_limit_that_reads_and_questions_do_not_have(admission: Admission, clock: Clock) -> None:
    assert _statuses(admission, WRITE, 4) == [None, None, 429, 429]
    assert _statuses(admission, READ, 100) == [None] * 100
    assert _statuses(admission, replace(WRITE, path="/api/query"), 100) == [None] * 100
    clock.now_s += 1.001
    assert _statuses(admission, WRITE, 2) == [None, 429]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/uploads/clip.mp4"),
        ("POST", "/api/similar/picture"),
        ("POST", "/api/videos/garden-1a2b3c4d/preview"),
    ],
)
def test_what_costs_much_has_a_limit_of_its_own(admission: Admission, method: str, path: str) -> None:
    expensive = replace(WRITE, method=method, path=path)
    assert _statuses(admission, expensive, 3) == [None, None, 429]
    refusal = admission.refusal_of(expensive)
    assert refusal is not None
    assert (refusal.retry_after_s, refusal.cure) == (30, "wait 30 s, then send it again")
    assert _statuses(admission, WRITE, 1) == [None]


def test_whoever_asks_without_pause_is_told_so_for_whatever_it_is(admission: Admission, clock: Clock) -> None:
    assert _statuses(admission, READ, 1000) == [None] * 1000
    assert _statuses(admission, READ, 1) == [429]
    assert _statuses(admission, GUESS, 1) == [429]
    clock.now_s += 1
    assert _statuses(admission, READ, 51) == [*[None] * 50, 429]


def test_a_refused_write_costs_the_writers_of_the_same_address_nothing(admission: Admission) -> None:
    _statuses(admission, replace(WRITE, token=""), 10)
    _statuses(admission, replace(WRITE, origin="http://evil.example"), 10)
    assert _statuses(admission, WRITE, 2) == [None, None]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("admission")
    url = f"sqlite:///{folder}/batch_processing.db"
    with filled_store(url), client_of(settings_of(url, folder, limits=LIMITS), token=None) as opened:
        yield opened


def _guess(client: TestClient) -> Any:
    return client.delete("/api/queries/x", headers={"authorization": "Bearer wrong"})


def test_too_many_requests_are_answered_in_the_one_form_with_when_to_come_again(client: TestClient) -> None:
    assert [_guess(client).status_code for _ in range(3)] == [401] * 3
    answer = _guess(client)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 20
    error = answer.json()["error"]
    assert (error["kind"], error["where"]) == ("too_many_requests", "DELETE /api/queries/x")
    assert len(error["what"].splitlines()) == 1
    right = client.delete("/api/queries/x", headers={"authorization": f"Bearer {TOKEN}"})
    assert right.json() == {"dropped": False}
