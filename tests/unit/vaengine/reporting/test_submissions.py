"""What is shown of batches on a cluster, and of the cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cluster.connection.versions import Versions
from cluster.overview import ClusterOverview, NodeState
from cluster.submission.submission import Submission
from vaengine.reporting.submissions import (
    node_table,
    overview_lines,
    state_word,
    submission_data,
    submission_table,
)

BEGAN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "code", "word"),
    [
        ("PENDING", None, "starting"),
        ("RUNNING", None, "running"),
        ("SUCCEEDED", 0, "completed"),
        ("STOPPED", None, "stopped"),
        ("FAILED", 1, "some work failed"),
        ("FAILED", 2, "refused"),
        ("FAILED", 143, "stopped"),
        ("FAILED", None, "failed"),
        ("NEW", None, "new"),
    ],
)
def test_a_state_is_a_word_of_the_commands(state: str, code: int | None, word: str) -> None:
    assert state_word(Submission("vaengine-b", "b", state, "run", exit_code=code)) == word


def test_a_row_says_how_long_a_batch_took_or_takes_and_where_its_results_are() -> None:
    running = Submission("vaengine-a", "a", "RUNNING", "run", out="/out", started_at=BEGAN)
    ended = Submission(
        *("vaengine-b-2", "b", "SUCCEEDED", "run", "/out", "postgresql://db/x"),
        started_at=BEGAN,
        ended_at=BEGAN + timedelta(minutes=2),
    )
    waiting = Submission("vaengine-c", "c", "PENDING", "run")
    table = submission_table([running, ended, waiting], {"vaengine-a": "3 of 9"}, BEGAN + timedelta(hours=1))
    assert table.rows == (
        ("running", "a", "2026-03-01 12:00:00", "1:00:00", "/out", "3 of 9"),
        ("completed", "b", "2026-03-01 12:00:00", "2:00", "postgresql://db/x", ""),
        ("starting", "c", "", "", "", ""),
    )
    data = submission_data(running, "3 of 9")
    assert (data["started_at"], data["ended_at"]) == ("2026-03-01T12:00:00+00:00", None)
    assert (data["word"], data["last_line"]) == ("running", "3 of 9")


def test_a_cluster_is_shown_with_its_nodes_and_what_waits() -> None:
    nodes = (
        NodeState(
            "10.0.0.1", "IDLE", {"CPU": 0.0, "memory": 2.0 * 1024**3}, {"CPU": 0.0, "memory": 1024.0**3}
        ),
        NodeState("10.0.0.2", "RUNNING", {"CPU": 4.0, "GPU": 1.0}, {"CPU": 1.5}),
        NodeState("10.0.0.3", "pending"),
    )
    seen = ClusterOverview(
        "h:6379", Versions("2.60.0", "3.11.7"), "h:8265", nodes, (({"GPU": 1.0}, 3), ({}, 1))
    )
    assert overview_lines(seen) == [
        "cluster at h:6379: Ray 2.60.0 and Python 3.11.7, 2 nodes",
        "jobs: http://h:8265",
        "3 wait for 1 GPU",
        "1 wait for a start",
    ]
    assert node_table(seen).rows == (
        ("10.0.0.1", "idle", "0 of 0", "", "1.0 GiB of 2.0 GiB", ""),
        ("10.0.0.2", "running", "1.5 of 4", "0 of 1", "", ""),
        ("10.0.0.3", "pending", "", "", "", ""),
    )
