"""A cluster at zero grows with the work of a run, and is at zero again after it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.runs.runs import Reference
from tests.support.servers import hosts
from tests.support.servers.ray_hosts import RayHosts, autoscaled_host, raylets

MOST_NODES: Final = 3
FILMS: Final = 6
END_SECONDS: Final = 1500.0
LOOK_SECONDS: Final = 1.0
PATIENT: Final = ("--set", "engine.worker_silent_seconds=600")  # a busy machine is no lost node

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(4000)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayHosts]:
    if reason := hosts.reason_against():
        pytest.skip(reason)
    shared = Path(tempfile.mkdtemp(prefix="va-scaled-", dir="/tmp"))
    try:
        (shared / "films").mkdir()
        for number in range(FILMS):
            clips.with_persons(shared / "films", frames=80 + 2 * number, cuts=(20,))
        with autoscaled_host(shared, MOST_NODES) as made:
            yield made
    finally:
        shutil.rmtree(shared, ignore_errors=True)


@pytest.mark.parametrize("scheduler", ["pool", "dataset"])
def test_nodes_come_for_the_work_of_a_run_and_leave_after_it(
    scheduler: str, cluster: RayHosts, reference_digest: Reference
) -> None:
    films, out = cluster.shared / "films", cluster.shared / scheduler
    assert workers(cluster) == 0
    narrow = ("--pipelines", "scene,person", "--preset", "embedded", "--set", "engine.chunk_seconds=1")
    by = ("--cluster", "auto", "--set", f"engine.scheduler={scheduler}", *PATIENT)
    run = cluster.vaengine("run", films, "--out", out, *by, *narrow)
    most, deadline_s = 0, time.monotonic() + END_SECONDS
    while run.process.poll() is None:
        assert time.monotonic() < deadline_s, f"no end, with {workers(cluster)} nodes:\n{run.told()}"
        most = max(most, workers(cluster))
        time.sleep(LOOK_SECONDS)
    assert run.process.returncode == 0, run.told()
    assert runs.digest(runs.sqlite(out)) == reference_digest(films, engine__chunk_seconds=1.0)
    assert most == MOST_NODES
    commands.wait_for(lambda: workers(cluster) == 0, "all nodes to leave", END_SECONDS)


def workers(cluster: RayHosts) -> int:
    """Nodes beside the head."""
    return raylets(cluster.head) - 1
