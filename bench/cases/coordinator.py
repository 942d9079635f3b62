"""Benchmark of the coordinator: the events of 1,000 and 10,000 jobs, written to a store in batches."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any, Final

from actors.coordination.coordinator import Coordinator
from actors.stores import open_store
from bench.harness.report import table
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import Token
from schemas.work.chunk import WorkKey
from schemas.work.messages import ChunkFailure
from schemas.work.progress import Finished, PlannedVideo, Worker
from schemas.work.run import RunInfo

TITLE = "Keeping account"
FEW, MANY = 1_000, 10_000
PIPELINES: Final = ("scene_detection", "person_tracking")
CHUNKS: Final = 4  # of each job
CHUNKS_PER_FAILURE: Final = 20  # of so many chunks one fails at its first attempt
BATCH: Final = 500  # events that are written to the store together
WORKER: Final = Worker("node", "host", 1)
FAILURE: Final = ChunkFailure("out_of_memory", "no memory was left", transient=True)


def measure(rounds: int) -> dict[str, Any]:
    """The processor seconds and the events a second for both sizes, measured `rounds` times in turns."""
    seconds: dict[int, list[float]] = {FEW: [], MANY: []}
    walls: dict[int, list[float]] = {FEW: [], MANY: []}
    events = {FEW: 0, MANY: 0}
    for _ in range(rounds):
        for jobs, cpu_seconds in seconds.items():
            cpu_began_s, wall_began_s = time.process_time(), time.perf_counter()
            events[jobs] = run_jobs(jobs)
            cpu_seconds.append(time.process_time() - cpu_began_s)
            walls[jobs].append(time.perf_counter() - wall_began_s)
    return {
        "events": {str(jobs): count for jobs, count in events.items()},
        "cpu_s": {str(jobs): min(cpu_seconds) for jobs, cpu_seconds in seconds.items()},
        "events_per_s": {str(jobs): events[jobs] / min(wall_s) for jobs, wall_s in walls.items()},
        "many_over_few": min(seconds[MANY]) / min(seconds[FEW]),
    }


def run_jobs(jobs: int) -> int:
    """Run through the events of so many jobs and write them to a store; returns the number of events."""
    coordinator, count = Coordinator(), 0
    with (
        tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name,
        closing(open_store(f"sqlite:///{name}/store.db")) as store,
    ):
        epoch = store.open_run(RunInfo("bench", "host", 1, {}, ()))
        for count, event in enumerate(events_of(coordinator, jobs), 1):
            event()
            if count % BATCH == 0:
                record(coordinator, store, epoch)
        record(coordinator, store, epoch)
    if coordinator.snapshot().videos_done != jobs:
        raise RuntimeError(f"{coordinator.snapshot().videos_done} of {jobs} videos are done")
    return count


def events_of(coordinator: Coordinator, jobs: int) -> Iterator[Callable[[], object]]:
    """Yield the events of a run as calls."""
    for number in range(jobs):
        video_id = f"video{number:06}"
        keys = [WorkKey(video_id, pipeline, "0" * 16) for pipeline in PIPELINES]
        yield partial(coordinator.planned, [PlannedVideo(video_id, dict.fromkeys(keys, 100), 100, 4.0)])
        for chunk in range(CHUNKS):
            token = Token(f"{video_id}[{chunk},{chunk + 1})", video_id, 1)
            fails = (number * CHUNKS + chunk) % CHUNKS_PER_FAILURE == 0
            yield partial(coordinator.started, token, WORKER)
            yield partial(coordinator.heartbeat, WORKER, video_id)
            yield partial(coordinator.idle, WORKER)
            yield partial(coordinator.left, token.chunk_id, FAILURE if fails else None)
        for key in keys:
            yield partial(coordinator.finished, Finished(key, None))


def record(coordinator: Coordinator, store: StorageBackend, epoch: int) -> None:
    """Write one batch to the store, as the recorder does."""
    attempts, snapshot = coordinator.batch()
    store.record(epoch, attempts, snapshot.to_json())


def described(measured: Mapping[str, Any]) -> str:
    """The case's table."""
    rows = [
        [
            f"{int(jobs):,}",
            f"{count:,}",
            f"{measured['cpu_s'][jobs]:.2f}",
            f"{measured['events_per_s'][jobs]:,.0f}",
        ]
        for jobs, count in measured["events"].items()
    ]
    return "\n\n".join(
        [
            f"{CHUNKS} chunks and {len(PIPELINES)} pipelines a job, one transaction of SQLite for {BATCH} "
            "events, one process.",
            table(["jobs", "events", "processor s", "events a second"], rows),
            f"Ten times the jobs cost {measured['many_over_few']:.1f} times as much.",
        ]
    )
