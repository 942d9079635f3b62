"""The plan of a large run, with a stand-in for the prober: how soon work begins, and what a video costs.

`python -m bench.harness.large_plan VIDEOS` prints JSON. Pages, ids, the SQLite store, leases, the order of
work, the coordinator and the report are the real ones. Nothing is decoded: what a page has counts as done.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from actors.coordination.coordinator import Coordinator
from actors.stores import open_store
from schemas.media.video import FrameIndex, Video, video_id_for
from schemas.work.attempt import Token
from schemas.work.chunk import ChunkSpec
from schemas.work.progress import Finished, Worker
from schemas.work.run import RunInfo
from vaengine.backends.actor_group import planned_video
from vaengine.planning.backlog import Backlog, RemainingWork
from vaengine.planning.prober import ProbedVideo
from vaengine.planning.probing import FileToProbe, Probing
from vaengine.planning.work_queue import WorkQueue
from vaengine.requests.request import RunRequest
from vaengine.requests.run_options import RunOptions, resolve_request

SLOTS: Final = 4000  # of 1,000 nodes
SAMPLES: Final = 10  # of memory, evenly over the plan
EVENTS_RECORDED: Final = 500  # chunks; the run loop records four times a second
WORKER: Final = Worker("node", "host", 1)
INDEX: Final = FrameIndex(np.arange(40, dtype=np.int64) * 512, np.arange(0, 40, 20, dtype=np.int64), True)
PICTURE: Final = ("mov,mp4", "h264", 0, Fraction(1, 2048), 0, 40 * 512, 640, 360, 0, Fraction(4))


class StandInProbing(Probing):
    """Finds a video of 10 s under each path, with a content of its own, and opens nothing."""

    def _reuse_or_probe(self, file: FileToProbe) -> ProbedVideo:
        path = file.path
        fingerprint = hashlib.sha256(path.encode()).hexdigest()
        video_id = video_id_for(path, fingerprint)
        video = Video(video_id, fingerprint, path, 10_000_000, 1, *PICTURE, INDEX)
        return ProbedVideo(path, video_id, fingerprint, video)


def plan(videos: int) -> dict[str, Any]:
    """Plan a run of so many videos; returns times in seconds and memory in bytes."""
    with tempfile.TemporaryDirectory(prefix="va-plan-") as name:
        request, database = _request(Path(name), videos), Path(name) / "out" / "batch_processing.db"
        database.parent.mkdir(exist_ok=True)
        began_s, resident = time.monotonic(), _resident()
        with closing(open_store(f"sqlite:///{database}")) as store:
            epoch = store.open_run(RunInfo("bench", "host", 1, {}, ()))
            backlog, coordinator = Backlog(request, "bench"), Coordinator()
            first_work_s, samples = 0.0, [(0, resident)]
            for left in _pages(request, backlog, store, epoch):
                coordinator.planned([planned_video(video_id, left) for video_id in left.video_ids])
                queue = WorkQueue(left.chunks.values(), request.settings.engine.chunk_seconds)
                while queue:
                    first_work_s = first_work_s or time.monotonic() - began_s
                    _count_as_done(coordinator, queue.next(SLOTS).chunks)
                if len(backlog.entries) >= len(samples) * videos / SAMPLES:
                    samples.append((len(backlog.entries), _resident()))
            planned_s = time.monotonic() - began_s
            _complete_all(database)
            before_s = time.monotonic()
            is_done = not backlog.left(store, epoch)
            at_the_end = _resident()
            outcomes = backlog.outcomes(store)
            ended_s = time.monotonic() - before_s
    if not is_done or len(outcomes) != videos:
        raise RuntimeError(f"{len(outcomes)} of {videos} videos have an outcome")
    return {
        "videos": videos,
        "first_work_s": first_work_s,
        "planned_s": planned_s,
        "ended_s": ended_s,
        "resident_bytes": samples,
        "bytes_per_video": (samples[-1][1] - samples[1][1]) / max(1, samples[-1][0] - samples[1][0]),
        "end_bytes": [at_the_end, _resident()],
        "peak_bytes": _peak(),
    }


def _request(folder: Path, videos: int) -> RunRequest:
    """A request whose inputs nobody has looked at."""
    (folder / "one.mp4").touch()
    options = RunOptions(
        paths=(str(folder / "one.mp4"),),
        out=str(folder / "out"),
        pipelines="scene",
        files=False,
        settings=("preset=embedded",),
    )
    paths = tuple(f"/videos/{number % 1000:03}/{number:09}.mp4" for number in range(videos))
    return replace(resolve_request(options).request, inputs=paths)


def _pages(request: RunRequest, backlog: Backlog, store: Any, epoch: int) -> Iterator[RemainingWork]:
    engine = request.settings.engine
    with closing(StandInProbing(request.inputs, lambda _paths: {}, sound=False)) as probing:
        while not probing.exhausted:
            yield backlog.take(probing.page(engine.page_chunks, engine.chunk_seconds), store, epoch).left


def _count_as_done(coordinator: Coordinator, chunks: Sequence[ChunkSpec]) -> None:
    """What the workers tell of chunks, each the only one of its video."""
    for chunk in chunks:
        coordinator.started(Token(chunk.chunk_id, chunk.video_id, 1), WORKER)
        coordinator.idle(WORKER)
        coordinator.committed(chunk)
        for key in chunk.keys:
            coordinator.finished(Finished(key, None))
    coordinator.batch()
    coordinator.status()


def _complete_all(database: Path) -> None:
    """Complete every job as the finalizers would, in one statement."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE job_pipeline_status SET status = 'completed'")
        connection.execute("UPDATE jobs SET status = 'completed'")


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


def _peak() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(plan(int(sys.argv[1]))) + "\n")
