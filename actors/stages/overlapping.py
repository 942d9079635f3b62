"""Work in steps that several threads ask for: each step works on another batch at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
WAITING: Final = 1  # batches that wait before a step: more would take pictures early, in smaller batches


@dataclass(slots=True)
class _Batch:
    """The values of some callers on their way through the steps, and what tells each that it is done."""

    value: Any
    done: Sequence[Future[None]]

    def advance(self, step: Callable[[Any], Any]) -> bool:
        """Carry out a step; False where it failed, of which each caller is told."""
        try:
            self.value = step(self.value)
        except BaseException as error:  # noqa: BLE001 none of the callers may wait for ever
            for done in self.done:
                done.set_exception(error)
            return False
        return True

    def end(self) -> None:
        for done in self.done:
            done.set_result(None)


class OverlappedCalls(Generic[T]):
    """Hands the values of waiting callers together, up to `most`, through steps that overlap.

    Each step has a thread of its own, and gets what the step before returned; the first gets the values in
    the order in which they came. Batches do not overtake each other. A caller returns once the last step is
    done with its value. An error of a step is raised in each caller of that batch. Up to two batches for
    each step are on their way; whoever comes then waits to be taken.
    """

    def __init__(self, steps: Sequence[Callable[[Any], Any]], most: int) -> None:
        if most < 1:
            raise ValueError(f"a call takes at least one value, not {most}")
        self._most, self._is_closed, self._closing = most, False, threading.Lock()
        self._callers: Queue[tuple[T, Future[None]] | None] = Queue()
        queues: list[Queue[_Batch | None]] = [Queue(maxsize=WAITING) for _ in steps[1:]]
        takes = [self._next_batch, *(queue.get for queue in queues)]
        puts = [*(queue.put for queue in queues), _end]
        self._threads = [
            threading.Thread(target=_work, args=work, name=f"step {number}", daemon=True)
            for number, work in enumerate(zip(takes, steps, puts, strict=True))
        ]
        for thread in self._threads:
            thread.start()

    def __call__(self, value: T) -> None:
        done: Future[None] = Future()
        with self._closing:
            if self._is_closed:
                raise RuntimeError("the steps are closed; nothing more is taken")
            self._callers.put((value, done))
        done.result()

    def close(self) -> None:
        """Take nothing more, and return once all that was taken is done."""
        with self._closing:
            self._is_closed = True
            self._callers.put(None)
        for thread in self._threads:
            thread.join()

    def _next_batch(self) -> _Batch | None:
        """What waits, at least one value; None once nothing more comes."""
        taken = [self._callers.get()]
        while taken[-1] is not None and len(taken) < self._most:
            try:
                taken.append(self._callers.get_nowait())
            except Empty:
                break
        if taken[-1] is None:
            self._callers.put(None)  # the end is found again after the last batch
        callers = [caller for caller in taken if caller is not None]
        return _Batch([value for value, _ in callers], [done for _, done in callers]) if callers else None


def _work(
    take: Callable[[], _Batch | None], step: Callable[[Any], Any], put: Callable[[_Batch | None], None]
) -> None:
    """The life of a thread: one step of each batch, until none comes."""
    while (batch := take()) is not None:
        if batch.advance(step):
            put(batch)
    put(None)


def _end(batch: _Batch | None) -> None:
    if batch is not None:
        batch.end()
