"""A cluster of three nodes on this machine loses some of them in mid-run, and a local run its only one:
the store ends up the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.runs.runs import Reference

CHUNKS = "SELECT count(*) FROM chunks"
STORE_BYTES = 100 << 20

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(500)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("films")
    for persons in (1, 2):
        clips.with_persons(place, frames=120 + persons, cuts=(20,), persons=persons)
    return place


def command(folder: Path, out: Path, *more: str) -> tuple[str | Path, ...]:
    narrow = ("--pipelines", "scene,person", "--set", "engine.chunk_seconds=1")
    return ("run", folder, "--out", out, "--preset", "embedded", *narrow, *more)


@pytest.fixture(scope="module")
def undisturbed(folder: Path, reference_digest: Reference) -> str:
    return reference_digest(folder, engine__chunk_seconds=1.0)


@pytest.fixture(scope="module")
def started_cluster() -> Iterator[Any]:
    """A head, where the command runs and the store is; it has one CPU and a small object store."""
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": False},
    )
    yield made
    made.shutdown()


@pytest.fixture
def cluster(started_cluster: Any) -> Any:
    """The head and two nodes like it, which may be lost."""
    while len(started_cluster.worker_nodes) < 2:
        started_cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    started_cluster.wait_for_nodes()
    return started_cluster


def raylet_of(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def playing(node: Any, role: str) -> psutil.Process | None:
    """A process of a node whose title names the role."""
    return next(
        (
            process
            for process in psutil.Process(raylet_of(node)).children()
            if role in commands.command_line(process)
        ),
        None,
    )


def home_of(cluster: Any, role: str) -> Any:
    nodes = [cluster.head_node, *cluster.worker_nodes]
    return commands.wait_for(lambda: next((node for node in nodes if playing(node, role)), None), role)


def away_from_the_driver(cluster: Any, role: str) -> Any:
    """The node that plays a role; on the head, or where the driver and its store are, it is ended until
    it is played elsewhere.
    """
    needed = (cluster.head_node, home_of(cluster, "ray::StoreActor"))
    for _ in range(20):
        home = home_of(cluster, role)
        if home not in needed:
            return home
        victim = playing(home, role)
        if victim is not None:
            victim.kill()
            victim.wait(10)
    raise AssertionError(f"{role} never leaves the head and the driver's node")


@pytest.mark.parametrize(
    ("role", "scheduler"),
    [
        ("ray::FinalizerActor", "dataset"),
        ("ray::MapWorker", "dataset"),
        ("ray::VisionWorker", "pool"),
    ],
)
def test_a_node_lost_in_mid_run_costs_nothing_but_time(
    role: str, scheduler: str, cluster: Any, folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    options = ("--cluster", cluster.address, "--set", f"engine.scheduler={scheduler}")
    process = commands.start(*command(folder, tmp_path, *options))
    commands.wait_for(
        lambda: commands.counted(tmp_path / "batch_processing.db", CHUNKS) >= 1, "a first chunk"
    )
    cluster.remove_node(away_from_the_driver(cluster, role), allow_graceful=False)
    out, err = process.communicate(timeout=commands.PATIENCE_S * 2)
    assert process.returncode == 0, out + err
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed


@pytest.mark.parametrize("when", ["at work", "on the way"])
def test_a_local_run_that_loses_its_node_starts_another(
    when: str, folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    """On the way: workers are being started, and threads that wait for them are inside Ray."""
    process = commands.start(*command(folder, tmp_path))
    if when == "at work":
        commands.wait_for(
            lambda: commands.counted(tmp_path / "batch_processing.db", CHUNKS) >= 1, "a first chunk"
        )
    else:
        commands.wait_for(lambda: commands.worker_of(process.pid, "MapWorker"), "a vision actor")
    next(child for child in commands.workers(process.pid) if child.name() == "raylet").kill()
    _, err = process.communicate(timeout=commands.PATIENCE_S)
    assert process.returncode == 0, err
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed
