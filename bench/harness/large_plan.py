"""The plan of a large run, with a stand-in for the prober: how soon work begins, and what a video costs.

`python -m bench.harness.large_plan SOURCE [first]` prints JSON. SOURCE is a folder, a list or a Parquet file
of paths, as for `vaengine run`. Finding the files, checkpoint, pages, ids, the SQLite store, leases, order
of work, the coordinator and the report are the real ones. Nothing is decoded: what a page has counts as done.
With `first` the plan ends at the first work.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
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
from schemas.work.job import BatchReport
from schemas.work.progress import Finished, Worker
from schemas.work.run import RunInfo
from vaengine.backends.actor_group import planned_video
from vaengine.planning.backlog import Backlog, RemainingWork
from vaengine.planning.prober import ProbedVideo
from vaengine.planning.probing import FileToProbe, Probing
from vaengine.planning.work_queue import WorkQueue
from vaengine.reporting.run_report import write_report
from vaengine.requests.checkpoint import Checkpoint
from vaengine.requests.request import RunRequest
from vaengine.requests.run_options import RunOptions, resolve_request

SOURCES: Final = ("folder", "list", "parquet")
PER_FOLDER: Final = 1_000
SLOTS: Final = 4000  # of 1,000 nodes
SAMPLES: Final = 20  # of memory, evenly over the plan
WORKER: Final = Worker("node", "host", 1)
INDEX: Final = FrameIndex(np.arange(40, dtype=np.int64) * 512, np.arange(0, 40, 20, dtype=np.int64), True)
PICTURE: Final = ("mov,mp4", "h264", 0, Fraction(1, 2048), 0, 40 * 512, 640, 360, 0, Fraction(4))


@dataclass(slots=True)
class PlanFigures:
    """Seconds from the beginning, and resident bytes of the process, with the coordinator in it.

    `cpu_s` are seconds of the processor until then: those of the clock are longer on a busy machine.
    `resident_bytes` are (videos planned, bytes). `peak_bytes` is the most until then, by the name of a step.
    """

    videos: int = 0
    found_s: float = 0.0
    first_work_s: float = 0.0
    planned_s: float = 0.0
    ended_s: float = 0.0  # that the end took: what is left, outcomes and the report's file
    resident_bytes: list[tuple[int, int]] = field(default_factory=list)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    bytes_per_video: float = 0.0  # from the first sample to the last one

    def reached(self, step: str) -> None:
        """Note the most memory and the processor time until the end of a step."""
        self.peak_bytes[step], self.cpu_s[step] = _peak(), time.process_time()


class StandInProbing(Probing):
    """Finds a video of 10 s in each file, whose content is the file's one line."""

    def _reuse_or_probe(self, file: FileToProbe) -> ProbedVideo:
        fingerprint = hashlib.sha256(Path(file.path).read_bytes()).hexdigest()
        video_id = video_id_for(file.path, fingerprint)
        video = Video(video_id, fingerprint, file.path, 10_000_000, 1, *PICTURE, INDEX)
        return ProbedVideo(file.path, video_id, fingerprint, video)


@contextmanager
def one_line_videos(videos: int) -> Iterator[dict[str, Path]]:
    """So many files of one line each in folders, and lists of them; by the names of `SOURCES`."""
    with tempfile.TemporaryDirectory(prefix="va-videos-") as name:
        place = Path(name)
        for number in range(videos):
            path = place / "videos" / f"{number // PER_FOLDER:03}" / f"clip_{number:07}.mp4"
            if number % PER_FOLDER == 0:
                path.parent.mkdir(parents=True)
            path.write_text(f"video {number}\n", encoding="utf-8")
        yield sources_of(place / "videos", place)


def sources_of(videos: Path, place: Path) -> dict[str, Path]:
    """A folder of videos as it is, and as lists that are written into `place`."""
    import pyarrow as pa
    from pyarrow import parquet

    paths = sorted(map(str, videos.glob("*/*.mp4")))
    (place / "list.txt").write_text("\n".join(paths), encoding="utf-8")
    parquet.write_table(pa.table({"path": paths}), place / "list.parquet")
    return dict(zip(SOURCES, (videos, place / "list.txt", place / "list.parquet"), strict=True))


def plan(source: Path, *, only_first: bool = False) -> PlanFigures:
    """Plan a run of all videos that a source leads to."""
    figures, began_s = PlanFigures(), time.monotonic()
    figures.resident_bytes.append((0, _resident()))
    with tempfile.TemporaryDirectory(prefix="va-plan-") as name:
        request = _request(source, Path(name))
        figures.videos, figures.found_s = len(request.inputs), time.monotonic() - began_s
        figures.reached("found")
        request.out.mkdir(exist_ok=True)
        with closing(open_store(request.store_url)) as store:
            epoch = store.open_run(RunInfo("bench", "host", 1, {}, request.inputs))
            Checkpoint.of(request, "bench").write(request.out)
            figures.reached("stored")
            backlog, coordinator = Backlog(request, "bench"), Coordinator()
            for left in _pages(request, backlog, store, epoch):
                if not figures.first_work_s:
                    figures.first_work_s = time.monotonic() - began_s
                    figures.reached("first work")
                if only_first:
                    return figures
                _work_through(left, coordinator, request.settings.engine.chunk_seconds)
                if len(backlog.entries) >= len(figures.resident_bytes) * figures.videos / SAMPLES:
                    figures.resident_bytes.append((len(backlog.entries), _resident()))
                    sys.stderr.write(f"{time.monotonic() - began_s:.0f} s: {asdict(figures)}\n")
            figures.planned_s = time.monotonic() - began_s
            figures.reached("planned")
            _end(request, backlog, store, epoch)
            figures.ended_s = time.monotonic() - began_s - figures.planned_s
            figures.reached("ended")
    (first, first_bytes), (last, last_bytes) = figures.resident_bytes[1], figures.resident_bytes[-1]
    figures.bytes_per_video = (last_bytes - first_bytes) / max(1, last - first)
    return figures


def _request(source: Path, folder: Path) -> RunRequest:
    options = RunOptions(
        paths=(str(source),),
        out=str(folder / "out"),
        pipelines="scene",
        files=False,
        settings=("preset=embedded",),
    )
    return resolve_request(options).request


def _pages(request: RunRequest, backlog: Backlog, store: Any, epoch: int) -> Iterator[RemainingWork]:
    engine = request.settings.engine
    with closing(StandInProbing(request.inputs, lambda _paths: {}, sound=False)) as probing:
        while not probing.exhausted:
            yield backlog.take(probing.page(engine.page_chunks, engine.chunk_seconds), store, epoch).left


def _work_through(left: RemainingWork, coordinator: Coordinator, chunk_s: float) -> None:
    coordinator.planned([planned_video(video_id, left) for video_id in left.video_ids])
    queue = WorkQueue(left.chunks.values(), chunk_s)
    while queue:
        _count_as_done(coordinator, queue.next(SLOTS).chunks)


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


def _end(request: RunRequest, backlog: Backlog, store: Any, epoch: int) -> None:
    """Look for what is left, and write the report; every job was completed meanwhile."""
    _complete_all(request.out / "batch_processing.db")
    is_done = not backlog.left(store, epoch)
    report = BatchReport("bench", backlog.outcomes(store), 1.0)
    write_report(report, request.out, {})
    if not is_done or report.completed != len(request.inputs):
        raise RuntimeError(f"{report.completed} of {len(request.inputs)} videos are complete")


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
    figures = plan(Path(sys.argv[1]), only_first="first" in sys.argv[2:])
    sys.stdout.write(json.dumps(asdict(figures)) + "\n")
