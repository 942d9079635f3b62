"""The order in which chunks are pulled, and what it comes to on machines of different speed."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.work.chunk import ChunkSpec
from vaengine.planning.work_queue import MAX_ITEM_S, WorkQueue, item_seconds

CHUNK_S = 15.0
lengths = st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=12), max_size=12)


def chunk(video: int, start_s: int, length_s: int) -> ChunkSpec:
    none = np.zeros(0, np.int64)
    facts = (f"v{video}", "/clips/v.mp4", 0, Fraction(1), 0, 0, 640, 360, start_s, length_s)
    return ChunkSpec(*facts, start_s, start_s + length_s, None, none, 0, (), ())


def videos(lengths_s: Sequence[Sequence[int]]) -> list[list[ChunkSpec]]:
    return [
        [chunk(video, sum(own[:number]), length_s) for number, length_s in enumerate(own)]
        for video, own in enumerate(lengths_s)
    ]


def hours(count: int) -> list[list[ChunkSpec]]:
    """Videos as collections have them: 90 % of a few minutes, 9 % of up to an hour, 1 % of three hours."""
    chance = random.Random(1)
    minutes = [
        chance.uniform(0.5, 5) if kind < 0.9 else chance.uniform(20, 60) if kind < 0.99 else 180.0
        for kind in (chance.random() for _ in range(count))
    ]
    return videos([[15] * max(1, round(length * 4)) for length in minutes])


def makespan(per_video: Sequence[Sequence[ChunkSpec]], speeds: Sequence[float]) -> float:
    """Seconds until the last worker is done, where each pulls when it is free."""
    queue = WorkQueue(per_video, CHUNK_S)
    free = [(0.0, worker) for worker in range(len(speeds))]
    heapq.heapify(free)
    end = 0.0
    while queue:
        now, worker = heapq.heappop(free)
        now += queue.next(len(speeds)).duration_s / speeds[worker]
        end = max(end, now)
        heapq.heappush(free, (now, worker))
    return end


@given(lengths, st.integers(1, 64))
def test_every_chunk_is_handed_out_once(lengths_s: list[list[int]], slots: int) -> None:
    per_video = videos(lengths_s)
    queue = WorkQueue(per_video, CHUNK_S)
    taken: list[str] = []
    while queue:
        item = queue.next(slots)
        assert len(item.chunks) == 1 or item.duration_s <= MAX_ITEM_S
        taken += [one.chunk_id for one in item.chunks]
    assert Counter(taken) == Counter(one.chunk_id for own in per_video for one in own)
    with pytest.raises(IndexError):
        queue.next(slots)


def test_the_longest_video_comes_first_and_videos_end_one_after_the_other() -> None:
    queue = WorkQueue(videos([[15], [15, 15, 15], [15, 15]]), CHUNK_S)
    assert [queue.next(1).chunks[0].video_id for _ in range(len(queue))] == [
        "v1",
        "v1",
        "v1",
        "v2",
        "v2",
        "v0",
    ]


def test_items_are_long_while_much_is_left_and_single_chunks_at_the_end() -> None:
    queue, counts = WorkQueue(videos([[15] * 400]), CHUNK_S), []
    while queue:
        counts.append(len(queue.next(10).chunks))
    assert counts[0] == MAX_ITEM_S / CHUNK_S
    assert counts == sorted(counts, reverse=True)
    assert counts[-20:] == [1] * 20


def test_short_videos_share_an_item() -> None:
    assert len(WorkQueue(videos([[5]] * 6), CHUNK_S).next(8).chunks) == 3


@pytest.mark.parametrize("nodes", [1, 8, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize("fast", [1.0, 2.5], ids=["equal", "a quarter is faster"])
def test_the_end_is_near_the_optimum_on_any_machines(nodes: int, fast: float) -> None:
    speeds = [fast if number % 4 == 0 else 1.0 for number in range(4 * nodes)]
    per_video = hours(max(40, 15 * nodes))
    best = sum(one.duration_s for own in per_video for one in own) / sum(speeds)
    assert makespan(per_video, speeds) <= 1.05 * best


def test_the_share_of_an_item_never_falls_below_a_chunk() -> None:
    assert item_seconds(0.0, 0, CHUNK_S) == CHUNK_S
    assert item_seconds(1e9, 4000, CHUNK_S) == MAX_ITEM_S
