"""How a run that may do without Ray cuts its videos: enough parts for every processor, the same ones each
time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.inventory import Inventory
from tests.support.runs import runs
from vaengine.backends.local import ordered, worker_count
from vaengine.planning import local_plan
from vaengine.planning.backlog import RemainingWork
from vaengine.planning.local_plan import parts_of_each
from vaengine.planning.plan import MIN_CHUNK_S, chunk_seconds
from vaengine.requests.executor_choice import EITHER, NONE, OWN_RAY


@pytest.fixture(autouse=True)
def _four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_plan, "local_inventory", lambda: Inventory(1, 4.0, 0.0, 1 << 33, 0))


@pytest.mark.parametrize(
    ("videos", "workers", "cluster", "parts"),
    [
        (1, 0, NONE, 4),
        (1, 0, EITHER, 4),
        (1, 0, OWN_RAY, 1),
        (1, 0, "10.0.0.1:6379", 1),
        (2, 0, NONE, 2),
        (3, 0, NONE, 1),
        (9, 0, NONE, 1),
        (1, 2, NONE, 2),
        (1, 32, NONE, 4),
        (0, 0, NONE, 1),
    ],
)
def test_few_videos_are_cut_into_as_many_parts_as_there_are_workers_for_them(
    videos: int, workers: int, cluster: str, parts: int, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.mp4" for number in range(videos)]
    assert parts_of_each(runs.request(paths, tmp_path, cluster=cluster, engine__workers=workers)) == parts


@pytest.mark.parametrize(
    ("video_s", "parts", "chunk_s"),
    [(10.0, 1, 10.0), (10.0, 2, 5.0), (10.0, 8, MIN_CHUNK_S), (600.0, 2, 15.0), (0.5, 4, MIN_CHUNK_S)],
)
def test_parts_are_neither_longer_than_a_chunk_nor_tiny(video_s: float, parts: int, chunk_s: float) -> None:
    assert chunk_seconds(video_s, 15.0, parts) == chunk_s


def test_there_are_no_more_workers_than_processors_and_never_none() -> None:
    from cluster.placement import Demand, place

    few, many = (place(Inventory(1, cpus, 0.0, 1 << 33, 0), Demand(32, vision=True)) for cpus in (1.0, 8.0))
    assert (worker_count(few, 1.0), worker_count(many, 8.0)) == (1, 8)


def test_nothing_left_is_nothing_to_hand_out() -> None:
    assert ordered(RemainingWork({}, ()), 15.0) == []
