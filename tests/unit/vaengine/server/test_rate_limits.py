"""Token buckets of clients, with a clock that stands still unless it is moved."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidSetting
from vaengine.server.rate_limits import Bucket, ClientBuckets, Kind, Rate, RateLimits, client_network

LIMITS = RateLimits(writes_per_second=2, writes_in_a_burst=3, wrong_tokens_per_minute=10)


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_is_answered_and_then_a_steady_rate(clock: Clock) -> None:
    buckets = ClientBuckets(LIMITS, clock)
    assert [buckets.take("a", Kind.WRITE) for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now_s += 0.5
    assert [buckets.take("a", Kind.WRITE) for _ in range(2)] == [0, 0.5]
    clock.now_s += 3600
    assert [buckets.take("a", Kind.WRITE) for _ in range(4)] == [0, 0, 0, 0.5]


def test_whoever_asks_in_vain_waits_no_longer_for_it(clock: Clock) -> None:
    buckets = ClientBuckets(LIMITS, clock)
    assert {buckets.take("a", Kind.WRONG_TOKEN) for _ in range(10)} == {0}
    assert [buckets.take("a", Kind.WRONG_TOKEN) for _ in range(3)] == [pytest.approx(6.0)] * 3
    clock.now_s += 6.001
    assert buckets.take("a", Kind.WRONG_TOKEN) == 0


def test_addresses_and_kinds_are_counted_apart(clock: Clock) -> None:
    buckets = ClientBuckets(LIMITS, clock)
    for _ in range(4):
        buckets.take("a", Kind.WRITE)
    assert buckets.take("b", Kind.WRITE) == 0
    assert buckets.take("a", Kind.REQUEST) == 0
    assert buckets.take("a", Kind.WRITE) > 0


def test_however_many_addresses_ask_memory_is_bounded_and_those_of_late_are_known(clock: Clock) -> None:
    buckets = ClientBuckets(LIMITS, clock, max_buckets=10)
    for number in range(1000):
        for _ in range(4):
            last = buckets.take("frequent", Kind.WRITE)
        buckets.take(f"address-{number}", Kind.WRITE)
    assert len(buckets) == 10
    assert last > 0


@given(st.lists(st.floats(0, 10), max_size=50))
def test_no_bucket_gives_more_than_its_burst_and_its_rate(pauses_s: list[float]) -> None:
    rate, bucket, granted, now_s = Rate(3, 2), Bucket(3, 0), 0, 0.0
    for pause_s in pauses_s:
        now_s += pause_s
        bucket = bucket.filled(rate, now_s)
        if not bucket.wait_s(rate):
            bucket, granted = bucket.without_one(), granted + 1
        assert -1e-9 <= bucket.left <= rate.burst
    assert granted <= rate.burst + rate.per_second * now_s + 1e-6


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(address: str, network: str) -> None:
    assert client_network(address) == network


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="writes_per_second"):
        RateLimits(writes_per_second=0)
