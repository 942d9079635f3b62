"""Waits for the answer of a Ray actor, but not for ever as Ray does when the actor's node is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

CHECK_SECONDS: Final = 0.5  # of waiting before `require` is called


def answer(awaited: Any, require: Callable[[], None] | None = None) -> Any:
    """Returns the value of a Ray reference, or the values of a list of references.

    `require` is called every `CHECK_SECONDS` while an answer is missing. It raises when none can come.
    """
    import ray

    references = awaited if isinstance(awaited, list) else [awaited]
    while (
        require
        and references
        and len(ray.wait(references, num_returns=len(references), timeout=CHECK_SECONDS)[0]) < len(references)
    ):
        require()
    return ray.get(awaited)
