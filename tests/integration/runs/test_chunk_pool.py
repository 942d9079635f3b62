"""The pool of chunks on real Ray, with decoders that do as they are told."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.stages.stages import ActorNames
from cluster.autoscaling import PendingTasks, Resources
from cluster.inventory import Node
from cluster.placement import Demand
from cluster.session import Session
from schemas.settings.settings import Settings
from schemas.work.chunk import ChunkSpec
from schemas.work.progress import Worker
from tests.support.runs import commands, planned
from vaengine.backends import node_workers
from vaengine.backends.chunk_pool import ChunkPool
from vaengine.backends.resource_requests import ResourceRequests
from vaengine.planning.plan import chunk_spec
from vaengine.planning.work_queue import WorkQueue

SETTINGS = Settings()
PATIENCE_S = 60


class Told:
    """A decoder that notes each chunk by its path, and ends its process at a chunk of that name."""

    def __init__(self, connect: Any, silent_s: float) -> None:
        self._worker = Worker("node", "host", os.getpid())

    def identity(self) -> Worker:
        return self._worker

    def decode(self, chunks: Sequence[ChunkSpec], models: Sequence[Any]) -> None:
        for chunk in chunks:
            with Path(chunk.path).open("a") as notes:
                notes.write(f"{os.getpid()} {chunk.video_id}\n")
            if chunk.video_id == "killer":
                os._exit(1)
            if chunk.video_id == "silent":
                threading.Event().wait()


@pytest.fixture
def pool_of(ray_session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Pools over nodes that the test names; the real one stands for each."""
    monkeypatch.setattr(node_workers, "DecodeWorker", Told)
    made: list[ChunkPool] = []

    def make(nodes: Any, missing: list[Resources] | None = None) -> ChunkPool:
        def wait_for(resources: Resources, _there: Resources) -> None:
            if missing is not None:
                missing.append(resources)

        requests = ResourceRequests(Resources(8), SETTINGS.engine, uses_gpu=False, wait_for=wait_for)
        made.append(ChunkPool(ActorNames("nobody", 1), SETTINGS, Demand(0, vision=False), requests, nodes))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def work(notes: Path, *names: str) -> WorkQueue:
    spec = chunk_spec(planned.video(25, 25), 0, 25)
    return WorkQueue([[replace(spec, video_id=name, path=str(notes))] for name in names], chunk_s=1.0)


def noted(notes: Path) -> list[str]:
    return [line.split()[1] for line in notes.read_text().splitlines()] if notes.exists() else []


@pytest.mark.long
def test_a_killer_costs_its_decoder_and_nobody_else(
    pool_of: Any, ray_session: Session, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    names = ["killer", *(f"v{number}" for number in range(12))]
    pool_of(lambda: [Node(ray_session.node_id, 1)]).run(work(notes, *names), threading.Event())
    assert "killer" in noted(notes)
    assert names[-1] in noted(notes), "another decoder goes on; what waited in the lost one is for later"


def test_a_node_that_comes_late_is_used_and_requested_before(
    pool_of: Any, ray_session: Session, tmp_path: Path
) -> None:
    looks: list[int] = []
    missing: list[Resources] = []

    def nodes() -> list[Node]:
        looks.append(1)
        return [Node(ray_session.node_id, 1)] if len(looks) > 1 else []

    pool = pool_of(nodes, missing)
    pool.run(work(tmp_path / "notes", "v1", "v2"), threading.Event())
    assert sorted(noted(tmp_path / "notes")) == ["v1", "v2"]
    assert missing[0] == Resources(1)


def test_tasks_that_wait_for_nodes_run_where_there_is_room_and_are_cancelled_where_there_is_none(
    ray_session: Session,
) -> None:
    """What has found room is not asked for again before other nodes are there."""
    tasks, there, more = PendingTasks(), Resources(int(ray_session.inventory.cpus)), Resources(1000)
    tasks.wait_for(Resources(2, gpus=1), there)
    commands.wait_for(lambda: tasks.wait_for(Resources(2, gpus=1), there) or waiting(tasks) == (0, 1), "room")
    tasks.wait_for(Resources(2, gpus=3), there)
    assert waiting(tasks) == (0, 3), "no node here has a GPU"
    tasks.wait_for(Resources(2), more)
    assert waiting(tasks) == (2, 0)
    tasks.wait_for(Resources(), Resources())
    assert waiting(tasks) == (0, 0)


def waiting(tasks: PendingTasks) -> tuple[int, int]:
    return len(tasks._cpus._tasks), len(tasks._gpus._tasks)


@pytest.mark.long
def test_what_a_silent_decoder_holds_is_given_up(pool_of: Any, ray_session: Session, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    pool = pool_of(lambda: [Node(ray_session.node_id, 1)])
    running = threading.Thread(target=pool.run, args=(work(notes, "silent"), threading.Event()), daemon=True)
    running.start()
    commands.wait_for(lambda: noted(notes), "the chunk to begin")
    pool.abandon(Worker("node", "host", int(notes.read_text().split()[0])))
    running.join(PATIENCE_S)
    assert not running.is_alive()
