"""Towards the end of a run each chunk goes to whoever would end it first."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaengine.backends.node_workers import PREFETCHED
from vaengine.planning.list_schedule import PaceClock, WorkerLoad, shares, usual_pace

CHUNK_S = 15.0
loads = st.lists(st.builds(WorkerLoad, st.floats(0, 100), st.floats(0.01, 10)), min_size=1, max_size=12)


@given(st.integers(0, 60), loads)
def test_everything_that_waits_is_shared_out_and_nobody_would_end_a_chunk_sooner(
    waiting: int, workers: list[WorkerLoad]
) -> None:
    counts = shares(waiting, CHUNK_S, workers)
    assert sum(counts) == waiting
    ends = [load.free_in_s + count * CHUNK_S * load.pace for load, count in zip(workers, counts, strict=True)]
    latest = max((end for end, count in zip(ends, counts, strict=True) if count), default=0.0)
    for end, load in zip(ends, workers, strict=True):
        assert end + CHUNK_S * load.pace >= latest - 1e-6


def test_a_slow_worker_takes_nothing_that_a_fast_one_would_end_before() -> None:
    slow, fast = WorkerLoad(0.0, 0.5), WorkerLoad(1.0, 0.1)
    assert shares(3, CHUNK_S, [slow, fast]) == [0, 3]
    assert shares(6, CHUNK_S, [slow, fast]) == [1, 5]


def test_nobody_is_there_to_take_anything() -> None:
    assert shares(3, CHUNK_S, []) == []


def test_a_pace_is_that_of_what_was_ended_and_the_newest_counts_most() -> None:
    clock = PaceClock()
    clock.took(10.0, now_s=0.0)
    clock.took(20.0, now_s=1.0)
    assert clock.load(2.0, now_s=5.0) == WorkerLoad(15.0 + 40.0, 2.0)
    clock.ended(now_s=10.0)
    assert clock.load(2.0, now_s=15.0) == WorkerLoad(15.0, 1.0)
    clock.ended(now_s=50.0)
    assert clock.load(2.0, now_s=60.0) == WorkerLoad(0.0, 1.5)
    assert usual_pace([clock, PaceClock()]) == 1.5
    assert usual_pace([]) == 1.0


def test_a_worker_that_hangs_attracts_less_and_less() -> None:
    hangs, idle = PaceClock(pace=1.0), PaceClock(pace=1.0)
    hangs.took(10.0, now_s=0.0)
    assert shares(1, 10.0, [hangs.load(1.0, 9.0), idle.load(1.0, 9.0)]) == [0, 1]
    assert hangs.load(1.0, 100.0).free_in_s == 90.0


def makespan(chunks: int, paces: Sequence[float], chunk_s: float = CHUNK_S) -> float:
    """Seconds until the last of so many chunks is done, where workers take them as the pool gives them."""
    clocks, now_s, waiting = [PaceClock() for _ in paces], 0.0, chunks
    held, ends = [0] * len(paces), []
    while waiting or any(held):
        loads = [clock.load(usual_pace(clocks), now_s) for clock in clocks]
        left = shares(waiting, chunk_s, loads) if waiting <= 4 * len(paces) else [PREFETCHED] * len(paces)
        for depth in range(PREFETCHED):
            for worker, clock in enumerate(clocks):
                if waiting and held[worker] == depth and left[worker]:
                    waiting, held[worker], left[worker] = waiting - 1, depth + 1, left[worker] - 1
                    clock.took(chunk_s, now_s)
                    if not depth:
                        heapq.heappush(ends, (now_s + chunk_s * paces[worker], worker))
        now_s, worker = heapq.heappop(ends)
        clocks[worker].ended(now_s)
        held[worker] -= 1
        if held[worker]:
            heapq.heappush(ends, (now_s + chunk_s * paces[worker], worker))
    return now_s


@pytest.mark.parametrize("fast", [1.0, 2.5, 8.0])
@pytest.mark.parametrize("workers", [4, 8, 64])
def test_the_end_is_near_the_optimum_on_machines_of_different_speed(workers: int, fast: float) -> None:
    paces = [1 / fast if number % 4 == 0 else 1.0 for number in range(workers)]
    chunks = 20 * workers
    best = chunks * CHUNK_S / sum(1 / pace for pace in paces)
    assert makespan(chunks, paces) <= 1.05 * best
