"""How often one address may ask a server: a token bucket for each address and kind of request.

A bucket holds as many requests as come at once after a rest, and fills again at a steady rate.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from schemas.errors import InvalidSetting

MAX_BUCKETS: Final = 20_000  # of all addresses; about 5 MB
IPV6_NETWORK_BITS: Final = 64  # what one customer of a provider has


class Kind(StrEnum):
    """What is counted: every request; besides, writes, what costs much, and tokens that are wrong."""

    REQUEST = "request"
    WRITE = "write"
    EXPENSIVE = "expensive"
    WRONG_TOKEN = "wrong_token"


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` requests at once, and `per_second` of them again in each second."""

    burst: float
    per_second: float


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How many requests of one address are answered; all are 1 or more. Raises `InvalidSetting`.

    `requests_per_second` counts every request. Expensive are uploads, pictures to compare, previews
    and exports.
    """

    requests_per_second: int = 500
    requests_in_a_burst: int = 10_000
    writes_per_second: int = 30
    writes_in_a_burst: int = 120
    expensive_per_minute: int = 60
    wrong_tokens_per_minute: int = 10

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise InvalidSetting(field.name, getattr(self, field.name), "a limit is 1 or more")

    def of(self, kind: Kind) -> Rate:
        """The rate of a kind of request."""
        match kind:
            case Kind.REQUEST:
                return Rate(self.requests_in_a_burst, self.requests_per_second)
            case Kind.WRITE:
                return Rate(self.writes_in_a_burst, self.writes_per_second)
            case Kind.EXPENSIVE:
                return Rate(self.expensive_per_minute, self.expensive_per_minute / 60)
            case Kind.WRONG_TOKEN:
                return Rate(self.wrong_tokens_per_minute, self.wrong_tokens_per_minute / 60)


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many requests were left at a time, in seconds of some clock."""

    left: float
    at_s: float

    def filled(self, rate: Rate, now_s: float) -> Bucket:
        """The bucket at a later time."""
        return Bucket(min(rate.burst, self.left + (now_s - self.at_s) * rate.per_second), now_s)

    def wait_s(self, rate: Rate) -> float:
        """Seconds until a request is left; 0 where one is."""
        return max(0.0, (1 - self.left) / rate.per_second)

    def without_one(self) -> Bucket:
        """The bucket after a request."""
        return Bucket(self.left - 1, self.at_s)


class ClientBuckets:
    """The buckets of all addresses that asked last; for one thread.

    Those that were used longest ago are forgotten, so memory is bounded, whoever asks.
    """

    def __init__(
        self,
        limits: RateLimits,
        clock: Callable[[], float] = time.monotonic,
        max_buckets: int = MAX_BUCKETS,
    ) -> None:
        self._rates = {kind: limits.of(kind) for kind in Kind}
        self._clock, self._max_buckets = clock, max_buckets
        self._buckets: OrderedDict[tuple[Kind, str], Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, address: str, kind: Kind) -> float:
        """Count a request, and return 0; where none is left, seconds until one is."""
        rate, now_s, name = self._rates[kind], self._clock(), (kind, client_network(address))
        known = self._buckets.pop(name, None)
        bucket = known.filled(rate, now_s) if known else Bucket(rate.burst, now_s)
        wait_s = bucket.wait_s(rate)
        self._buckets[name] = bucket if wait_s else bucket.without_one()
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
        return wait_s


def client_network(address: str) -> str:
    """What counts as one client: an address; of IPv6 its network, in which a client can take any address."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], IPV6_NETWORK_BITS), strict=False))
    except ValueError:
        return address
