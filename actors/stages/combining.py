"""Work that several threads ask for, done for all that wait at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class CombinedCalls(Generic[T]):
    """Hands the values of waiting callers to `work` together, up to `most`; one call of it at a time.

    A caller returns once its own value is done. An error of `work` is raised in each caller whose value was
    among those. Values go in the order in which they came.
    """

    def __init__(self, work: Callable[[list[T]], None], most: int) -> None:
        if most < 1:
            raise ValueError(f"a call takes at least one value, not {most}")
        self._work, self._most = work, most
        self._waiting: deque[tuple[T, Future[None]]] = deque()
        self._turn = threading.Lock()

    def __call__(self, value: T) -> None:
        done: Future[None] = Future()
        self._waiting.append((value, done))
        with self._turn:
            while not done.done():
                self._work_on_next()
        done.result()

    def _work_on_next(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        try:
            self._work([value for value, _ in batch])
        except BaseException as error:  # noqa: BLE001 each caller is told; none of them may wait for ever
            for _, done in batch:
                done.set_exception(error)
        else:
            for _, done in batch:
                done.set_result(None)
