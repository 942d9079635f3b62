"""A store that lives in an actor, used as if it were here."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, cast

from actors.coordination.answer import answer
from actors.stores import open_store
from actors.stores.engines.address import without_password
from schemas.errors import DiskFull, StoreFailed
from schemas.storage.backend import StorageBackend
from schemas.work.retry import GiveUp, RetryPolicy


class StoreActor:
    """The one writer of a run: a store of the given URL behind a single-threaded actor. What the store
    refuses for the moment, such as for being locked, is tried again as `policy` says before it is told."""

    def __init__(self, url: str, policy: RetryPolicy, wait: Callable[[float], None] = time.sleep) -> None:
        self._store, self._policy, self._wait = open_store(url), policy, wait

    def ping(self) -> None:
        """Answers as long as this process lives."""

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Any method of the store; iterators are drained, since they cannot travel."""
        attempt = 1
        while True:
            try:
                answer = getattr(self._store, method)(*args, **kwargs)
                return list(answer) if hasattr(answer, "__next__") else answer
            except (StoreFailed, DiskFull) as error:
                decision = self._policy.decide(error.kind, attempt, 0, random.random())
                if isinstance(decision, GiveUp):
                    raise
                self._wait(decision.after_s)
                attempt += 1


class _StoreClient:
    def __init__(self, actor: Any, url: str, require: Callable[[], None] | None) -> None:
        self._actor, self.url, self._require = actor, url, require

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)  # pickle asks for dunders before there is an actor
        return lambda *args, **kwargs: self._answer(self._actor.call.remote(method, *args, **kwargs))

    def _answer(self, reference: Any) -> Any:
        """The result, or the store's own error instead of Ray's wrapper around it."""
        import ray

        try:
            return answer(reference, self._require)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None


def store_client(actor: Any, url: str, require: Callable[[], None] | None = None) -> StorageBackend:
    """A `StorageBackend` whose every method is a call to a running `StoreActor`; `require` as in
    `actors.coordination.answer`.
    """
    return cast(StorageBackend, _StoreClient(actor, without_password(url), require))
