"""What a run on simulated nodes is measured by."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.harness import simulated_nodes
from bench.harness.simulated_nodes import Pace, lengths, role_of
from schemas.work.progress import Snapshot


@pytest.mark.parametrize(
    ("title", "role"),
    [
        ("ray::StoreActor.call", "store"),
        ("ray::FinalizerActor", "finalizer"),
        ("ray::DecodeWorker.decode", "workers"),
        ("/ray/core/src/ray/raylet/raylet --node_id=1", "ray"),
        ("ray::DashboardAgent", "ray"),
    ],
)
def test_a_process_has_the_role_of_its_title(title: str, role: str) -> None:
    assert role_of(title) == role


def test_processor_time_counts_from_when_all_are_at_work_to_the_last_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = iter([Counter(driver=3.0, store=1.0), Counter(driver=5.0, store=1.5)])
    monkeypatch.setattr(simulated_nodes, "cpu_seconds", lambda: next(used))
    pace = Pace(slots=2)
    for done, in_work in ((0, 2), (60, 1), (120, 2), (240, 2), (600, 0), (600, 0)):
        pace(Snapshot(frames_done=done, frames_total=600, in_work=in_work))
    assert pace.began is not None
    assert (pace.began[1], pace.last[1]) == (120, 600)
    assert pace.cpu_s_per_chunk(8) == {"driver": 0.25, "store": 0.0625}


@pytest.mark.parametrize("chunks", [12, 96, 320])
def test_one_video_has_a_third_of_all_chunks(chunks: int) -> None:
    assert sum(lengths(chunks)) == chunks
    assert max(lengths(chunks)) == chunks // 3
