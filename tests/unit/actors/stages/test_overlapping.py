"""Steps of several batches overlap, and each caller is told of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from actors.stages.overlapping import OverlappedCalls

WAIT_S = 10


class Gate:
    """A step that waits at a gate: `entered` says that a batch is in it."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.entered, self.opened = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, batch: Any) -> Any:
        self.batches.append(batch)
        self.entered.release()
        assert self.opened.acquire(timeout=WAIT_S)
        return batch

    def let_through(self) -> None:
        self.opened.release()

    def has_one(self) -> bool:
        return self.entered.acquire(timeout=WAIT_S)


def same(batch: Any) -> Any:
    return batch


@contextmanager
def calls(*steps: Callable[[Any], Any], most: int = 1) -> Iterator[OverlappedCalls[Any]]:
    call = OverlappedCalls[Any](steps, most)
    try:
        yield call
    finally:
        call.close()


def test_each_step_works_on_another_batch_at_the_same_time() -> None:
    first, second, third = gates = (Gate(), Gate(), Gate())
    with calls(*gates) as call, ThreadPoolExecutor(3) as pool:
        callers = [pool.submit(call, "a")]
        assert first.has_one()
        first.let_through()
        assert second.has_one()
        callers.append(pool.submit(call, "b"))
        assert first.has_one()
        second.let_through()
        assert third.has_one()
        first.let_through()
        assert second.has_one()
        callers.append(pool.submit(call, "c"))
        assert first.has_one()
        assert [gate.batches[-1] for gate in gates] == [["c"], ["b"], ["a"]]
        assert not any(caller.done() for caller in callers)
        for left, gate in enumerate(gates, start=1):
            for _ in range(left):
                gate.let_through()
        for caller in callers:
            caller.result(WAIT_S)


def test_what_waits_goes_together_in_order_up_to_the_most() -> None:
    gate = Gate()
    with calls(gate, most=3) as call, ThreadPoolExecutor(6) as pool:
        callers = [pool.submit(call, 0)]
        assert gate.has_one()
        for value in range(1, 6):
            callers.append(pool.submit(call, value))
            while call._callers.qsize() < value:
                assert not callers[-1].done()
        for _ in range(3):
            gate.let_through()
        for caller in callers:
            caller.result(WAIT_S)
    assert gate.batches == [[0], [1, 2, 3], [4, 5]]


def test_while_a_step_is_slow_few_batches_are_begun_and_the_rest_waits_to_be_taken_together() -> None:
    slow = Gate()
    begun: list[list[int]] = []

    def begin(batch: list[int]) -> list[int]:
        begun.append(batch)
        return batch

    with calls(begin, slow, most=8) as call, ThreadPoolExecutor(20) as pool:
        callers = []
        for value in range(3):  # in the slow step, before it, and ready for the place before it
            callers.append(pool.submit(call, value))
            while len(begun) <= value:
                assert not callers[-1].done()
        callers += [pool.submit(call, value) for value in range(3, 20)]
        while call._callers.qsize() < 17:
            assert not callers[-1].done()
        assert begun == [[0], [1], [2]]
        for _ in range(6):
            slow.let_through()
        for caller in callers:
            caller.result(WAIT_S)
    assert [len(batch) for batch in begun[3:]] == [8, 8, 1]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_error_is_raised_in_each_caller_of_its_batch_and_the_next_batch_works(place: int) -> None:
    def fails(batch: Any) -> Any:
        if "bad" in batch:
            raise ValueError("negative")
        return batch

    steps = [same, same, same]
    steps[place] = fails
    with calls(*steps) as call:
        with pytest.raises(ValueError, match="negative"):
            call("bad")
        call("good")


def test_closing_waits_for_what_was_taken_ends_the_threads_and_takes_nothing_more() -> None:
    gate, done = Gate(), []
    call = OverlappedCalls[Any]((same, gate, done.append), 1)
    with ThreadPoolExecutor(3) as pool:
        callers = [pool.submit(call, value) for value in "ab"]
        assert gate.has_one()
        while call._callers.qsize():
            assert not callers[-1].done()
        closing = pool.submit(call.close)
        while not call._is_closed:
            assert not closing.done()
        gate.let_through()
        gate.let_through()
        closing.result(WAIT_S)
        for caller in callers:
            caller.result(WAIT_S)
    assert sorted(done) == [["a"], ["b"]]
    assert not any(thread.is_alive() for thread in call._threads)
    with pytest.raises(RuntimeError, match="closed"):
        call("c")


def test_a_call_takes_at_least_one_value() -> None:
    with pytest.raises(ValueError, match="at least one"):
        OverlappedCalls((same,), 0)
