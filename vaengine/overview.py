"""What a store holds, as `vaengine status` and `vaengine errors` show it; reading needs neither Ray nor a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from schemas.job import BatchJob, JobStatus
from schemas.store import StorageBackend, StoredBatch
from vaengine.output import Table
from vaengine.quantities import timestamp

ROWS: Final = 20
COLOURS: Final = {"failed": "red", "completed": "green", "running": "yellow"}


@dataclass(frozen=True, slots=True)
class VideoRow:
    """One job: its video, its state and that of each pipeline with the rows it has."""

    video_id: str
    path: str
    status: str
    pipelines: Mapping[str, str]
    annotations: int

    @classmethod
    def of(cls, job: BatchJob) -> VideoRow:
        states = {name: str(result.status) for name, result in sorted(job.pipeline_results.items())}
        count = sum(result.annotation_count or 0 for result in job.pipeline_results.values())
        return cls(job.video_id, str(job.video_path), str(job.status), states, count)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one pipeline of one video failed; `pipeline` is empty where the video as a whole did."""

    video_id: str
    path: str
    pipeline: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Jobs by state, pipelines by state, every video, every batch (newest first)."""

    url: str
    jobs: Mapping[str, int]
    pipelines: Mapping[str, Mapping[str, int]]
    videos: tuple[VideoRow, ...]
    batches: tuple[StoredBatch, ...]


def overview(store: StorageBackend) -> Overview:
    """Everything `status` shows."""
    jobs = list(store.jobs())
    states = Counter(str(job.status) for job in jobs)
    return Overview(
        url=store.url,
        jobs={str(status): states[str(status)] for status in JobStatus},
        pipelines=_by_pipeline(jobs),
        videos=tuple(VideoRow.of(job) for job in jobs),
        batches=tuple(store.batches()),
    )


def _by_pipeline(jobs: Iterable[BatchJob]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for job in jobs:
        for name, result in job.pipeline_results.items():
            counts.setdefault(name, Counter())[str(result.status)] += 1
    return {name: dict(counts[name]) for name in sorted(counts)}


def failures(store: StorageBackend) -> list[Failure]:
    """Everything `errors` shows: each failed pipeline of each failed job."""
    return [failure for job in store.jobs(status=JobStatus.FAILED) for failure in _failures_of(job)]


def _failures_of(job: BatchJob) -> Iterator[Failure]:
    failed = [result for result in job.pipeline_results.values() if result.status is JobStatus.FAILED]
    for result in sorted(failed, key=lambda result: result.pipeline):
        message = result.error_message or job.error_message or "no reason stored"
        yield Failure(job.video_id, str(job.video_path), result.pipeline, result.failure_kind or job.failure_kind or "", message)
    if not failed:
        yield Failure(job.video_id, str(job.video_path), "", job.failure_kind or "", job.error_message or "no reason stored")


def counts_text(counts: Mapping[str, int]) -> str:
    """`3 completed, 1 failed`; states without a job are left out."""
    return ", ".join(f"{number:,} {state}" for state, number in counts.items() if number) or "none"


def batch_outcome(batch: StoredBatch) -> str:
    """How a batch ended, in words."""
    return f"{batch.outcome} {batch.ended_at or ''}".strip() if batch.outcome else "running, or killed"


def summary_lines(seen: Overview) -> list[str]:
    """Jobs and pipelines by state."""
    width = max((len(name) for name in (*seen.pipelines, "jobs", "store")), default=0)
    lines = [("store", seen.url), ("jobs", counts_text(seen.jobs)), *((name, counts_text(by)) for name, by in seen.pipelines.items())]
    return [f"{name:<{width}}  {text}" for name, text in lines]


def video_table(seen: Overview, rows: int = ROWS) -> Table:
    """The videos, `rows` at most."""
    shown = seen.videos[:rows]
    lines = tuple((video.path, video.status, counts_text(Counter(video.pipelines.values())), f"{video.annotations:,}") for video in shown)
    return Table(("video", "status", "pipelines", "annotations"), lines, tuple(COLOURS.get(video.status, "") for video in shown))


def batch_table(seen: Overview, rows: int = ROWS) -> Table:
    """The batches, newest first, `rows` at most."""
    lines = tuple((batch.batch_id, batch.started_at, batch_outcome(batch), f"{len(batch.inputs):,}") for batch in seen.batches[:rows])
    return Table(("batch", "started", "outcome", "inputs"), lines)


def failure_table(found: Iterable[Failure]) -> Table:
    """One line per failed pipeline; the path has its own column."""
    rows = ((line.path, line.pipeline, line.kind, line.message.removeprefix(f"{line.path}: ")) for line in found)
    return Table(("video", "pipeline", "kind", "message"), tuple(rows))


def rest(there: int, rows: int, noun: str) -> str:
    """`and 12 more videos`, or nothing."""
    return f"and {there - rows:,} more {noun}" if there > rows else ""


def status_events(seen: Overview) -> Iterator[dict[str, Any]]:
    """Batches, pipelines and videos as JSON events, the counts last."""
    now = timestamp()
    for batch in seen.batches:
        yield {"event": "batch", "time": now, **{key: value for key, value in asdict(batch).items() if key != "config"}}
    for name, by in seen.pipelines.items():
        yield {"event": "pipeline", "time": now, "pipeline": name, **by}
    for video in seen.videos:
        yield {"event": "video", "time": now, **asdict(video)}
    yield {"event": "report", "time": now, "store": seen.url, "skipped": 0, **seen.jobs, "total": len(seen.videos)}


def failure_events(found: list[Failure]) -> Iterator[dict[str, Any]]:
    """Failures as JSON events, their number in videos last."""
    now = timestamp()
    for line in found:
        yield {"event": "failure", "time": now, **asdict(line)}
    yield {"event": "report", "time": now, "failed": len({line.video_id for line in found}), "failures": len(found)}
