"""Waiting for what an actor answers, and not for ever: Ray goes on waiting for one whose node is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

LOOK_SECONDS: Final = 0.5  # before an answer that does not come is wondered about


def answer(asked: Any, require: Callable[[], None] | None = None) -> Any:
    """What Ray's reference, or each in a list of them, resolves to.

    `require` raises where no answer can come any more.
    """
    import ray

    references = asked if isinstance(asked, list) else [asked]
    while (
        require
        and references
        and len(ray.wait(references, num_returns=len(references), timeout=LOOK_SECONDS)[0]) < len(references)
    ):
        require()
    return ray.get(asked)
