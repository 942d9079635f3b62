"""A decorator that keeps the methods of one object from running at the same time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar


class Lockable(Protocol):
    """An object with a lock of its own, which must be reentrant where its methods call each other."""

    @property
    def lock(self) -> threading.RLock: ...


L = TypeVar("L", bound=Lockable)
P = ParamSpec("P")
R = TypeVar("R")


def synchronized(method: Callable[Concatenate[L, P], R]) -> Callable[Concatenate[L, P], R]:
    """Makes a method hold its object's lock while it runs."""

    @functools.wraps(method)
    def locked(owner: L, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with owner.lock:
            return method(owner, *args, **kwargs)

    return locked
