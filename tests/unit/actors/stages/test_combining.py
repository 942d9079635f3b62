"""Calls of several threads are worked on together, each told of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.stages.combining import CombinedCalls


def test_what_waits_while_one_call_is_at_work_goes_together_in_order() -> None:
    batches: list[list[int]] = []
    at_work, go_on = threading.Event(), threading.Event()

    def work(values: list[int]) -> None:
        batches.append(values)
        at_work.set()
        assert go_on.wait(10)

    call = CombinedCalls(work, most=3)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(call, 0)
        assert at_work.wait(10)
        others = []
        for value in range(1, 6):
            others.append(pool.submit(call, value))
            while len(call._waiting) < value:
                assert not others[-1].done()
        go_on.set()
        for each in (first, *others):
            each.result(10)
    assert batches == [[0], [1, 2, 3], [4, 5]]


def test_an_error_is_raised_in_each_caller_of_its_batch_and_the_next_batch_works() -> None:
    def work(values: list[int]) -> None:
        if values[0] < 0:
            raise ValueError("negative")

    call = CombinedCalls(work, most=8)
    with pytest.raises(ValueError, match="negative"):
        call(-1)
    call(1)


def test_a_call_takes_at_least_one_value() -> None:
    with pytest.raises(ValueError, match="at least one"):
        CombinedCalls(lambda values: None, most=0)
