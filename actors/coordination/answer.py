"""Waits for the answer of a Ray actor, but not for ever as Ray does when the actor's node is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, Final

CHECK_SECONDS: Final = 0.5  # of waiting before `require` is called
AGAIN_SECONDS: Final = 15.0  # until a question without an answer is asked again; each time twice as long


def answer(awaited: Any, require: Callable[[], None] | None = None) -> Any:
    """Returns the value of a Ray reference, or the values of a list of references.

    `require` is called every `CHECK_SECONDS` while an answer is missing. It raises when none can come.
    """
    import ray

    references = awaited if isinstance(awaited, list) else [awaited]
    while require and not _are_ready(references):
        require()
    return ray.get(awaited)


def ask(question: Callable[[], Any], require: Callable[[], None] | None = None) -> Any:
    """Returns the value of the reference (or list of references) that `question` returns, as `asking`.

    `require` is that of `answer`.
    """
    checks = asking(question)
    while True:
        try:
            next(checks)
        except StopIteration as answered:
            return answered.value
        if require:
            require()


def asking(question: Callable[[], Any], check_s: float = CHECK_SECONDS) -> Generator[None, None, Any]:
    """Yields every `check_s` seconds until there is an answer, and returns it.

    A connection that breaks may take an answer with it, and Ray then waits for ever. So the question is asked
    again after a while, and the first answer counts: what is asked may be carried out more than once.
    """
    import ray

    questions: list[Any] = []
    again_s = AGAIN_SECONDS
    while True:
        questions.append(question())
        ask_again_at = time.monotonic() + again_s
        while time.monotonic() < ask_again_at:
            for awaited in reversed(questions):  # only the newest is waited for
                if _are_ready(awaited, check_s if awaited is questions[-1] else 0.0):
                    return ray.get(awaited)
            yield
        again_s *= 2


def _are_ready(awaited: Any, timeout_s: float = CHECK_SECONDS) -> bool:
    import ray

    references = awaited if isinstance(awaited, list) else [awaited]
    if not references:
        return True
    return not ray.wait(references, num_returns=len(references), timeout=timeout_s)[1]
