"""Decides whether a request is answered: by the rules of access, and by how often its address asks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from vaengine.server.middleware.access import (
    TOKEN_CURE,
    Visit,
    changes_store,
    is_expensive,
    is_token,
    refusal_of,
)
from vaengine.server.rate_limits import ClientBuckets, Kind, RateLimits
from vaengine.server.refusal import Refusal
from vaengine.server.settings import ServerSettings

WRONG_TOKEN: Final = "wrong_token"  # the kind of a refusal


class Admission:
    """Admits requests to a server, or refuses them; for one thread.

    `clock` is in seconds. The right token is admitted however many wrong ones its address has given: whoever
    has the same address, such as behind a proxy, can lock nobody out.
    """

    def __init__(self, settings: ServerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._buckets = ClientBuckets(settings.limits, clock)

    def refusal_of(self, visit: Visit) -> Refusal | None:
        """Why a request is refused; None where it is answered, and counted."""
        if refusal := self._counted(visit, Kind.REQUEST):
            return refusal
        refusal = refusal_of(visit, self._settings)
        if _has_wrong_token(visit, refusal, self._settings):
            return self._counted(visit, Kind.WRONG_TOKEN) or refusal
        if refusal is None and (kind := _kind_of(visit)):
            return self._counted(visit, kind)
        return refusal

    def _counted(self, visit: Visit, kind: Kind) -> Refusal | None:
        wait_s = self._buckets.take(visit.address, kind)
        return _too_many(kind, self._settings.limits, wait_s) if wait_s else None


def _kind_of(visit: Visit) -> Kind | None:
    if is_expensive(visit.method, visit.path):
        return Kind.EXPENSIVE
    return Kind.WRITE if changes_store(visit.method, visit.path) else None


def _has_wrong_token(visit: Visit, refusal: Refusal | None, settings: ServerSettings) -> bool:
    """Whether a token was compared and is wrong; that of a link is compared, also where reads need none."""
    if refusal is None:
        return visit.is_link and not is_token(visit.token, settings)
    return refusal.kind == WRONG_TOKEN


def _too_many(kind: Kind, limits: RateLimits, wait_s: float) -> Refusal:
    seconds = max(1, math.ceil(wait_s))
    most = {
        Kind.REQUEST: f"{limits.requests_per_second} requests a second",
        Kind.WRITE: f"{limits.writes_per_second} changes a second",
        Kind.EXPENSIVE: f"{limits.expensive_per_minute} uploads, pictures, previews and exports a minute",
        Kind.WRONG_TOKEN: f"{limits.wrong_tokens_per_minute} wrong tokens a minute",
    }[kind]
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too_many_requests",
        f"more than {most} come from this address",
        f"wait {seconds} s, then {TOKEN_CURE if kind is Kind.WRONG_TOKEN else 'send it again'}",
        seconds,
    )
