"""Waiting for what an actor answers, and not for ever: Ray goes on waiting for one whose node is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, Final

LOOK_SECONDS: Final = 0.5  # before an answer that does not come is wondered about
AGAIN_SECONDS: Final = 15.0  # until a question without an answer is asked again; each time twice as long


def answer(asked: Any, require: Callable[[], None] | None = None) -> Any:
    """What Ray's reference, or each in a list of them, resolves to.

    `require` raises where no answer can come any more.
    """
    import ray

    references = asked if isinstance(asked, list) else [asked]
    while require and not _are_ready(references):
        require()
    return ray.get(asked)


def ask(question: Callable[[], Any], require: Callable[[], None] | None = None) -> Any:
    """What the reference (or list of references) that `question` returns resolves to, as `asking`.

    `require` as in `answer`.
    """
    looks = asking(question)
    while True:
        try:
            next(looks)
        except StopIteration as answered:
            return answered.value
        if require:
            require()


def asking(question: Callable[[], Any], look_s: float = LOOK_SECONDS) -> Generator[None, None, Any]:
    """Yield every `look_s` seconds until there is an answer; returns it.

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
            for asked in reversed(questions):  # the newest is waited for, the others are looked at
                if _are_ready(asked, look_s if asked is questions[-1] else 0.0):
                    return ray.get(asked)
            yield
        again_s *= 2


def _are_ready(asked: Any, timeout_s: float = LOOK_SECONDS) -> bool:
    import ray

    references = asked if isinstance(asked, list) else [asked]
    if not references:
        return True
    return not ray.wait(references, num_returns=len(references), timeout=timeout_s)[1]
