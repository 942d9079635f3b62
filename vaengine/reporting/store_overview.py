"""What `vaengine status` and `vaengine errors` show of a store; needs neither Ray nor a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from actors.stores.encoding.rows import time_text
from schemas.storage.backend import ResultStore, StorageBackend
from schemas.work.batch_progress import INTERRUPTED
from schemas.work.job import BatchJob, JobStatus
from schemas.work.run import StoredBatch
from vaengine.console.output import Table, shown_path
from vaengine.console.units import counted
from vaengine.reporting.annotation_counts import TITLES, FoundCounts, found_in
from vaengine.reporting.run_states import IN_WORK, RunState, run_states, shown_states, superseded

ROWS: Final = 20
COLOURS: Final = {"failed": "red", "completed": "green", "running": "yellow", INTERRUPTED: "yellow"}


@dataclass(frozen=True, slots=True)
class VideoRow:
    """One job: its video, its state and that of each pipeline, as they are shown, with the rows it has.

    `superseded`: a later job of the video has or replaced all of its results. Times are as they are stored,
    None for not yet.
    """

    video_id: str
    path: str
    status: str
    pipelines: Mapping[str, str]
    annotations: int
    job_id: str
    superseded: bool
    started_at: str | None
    completed_at: str | None

    @classmethod
    def of(cls, job: BatchJob, state: str, *, superseded: bool = False) -> VideoRow:
        return cls(
            job.video_id,
            job.location,
            state,
            _shown_pipelines(job, state),
            sum(result.annotation_count or 0 for result in job.pipeline_results.values()),
            job.job_id,
            superseded,
            time_text(job.started_at),
            time_text(job.completed_at),
        )


def _shown_pipelines(job: BatchJob, state: str) -> dict[str, str]:
    """States of a job's pipelines; of one that nobody is at work on none is running."""
    idle = IN_WORK if state == INTERRUPTED else ()
    return {
        name: INTERRUPTED if result.status in idle else str(result.status)
        for name, result in sorted(job.pipeline_results.items())
    }


@dataclass(frozen=True, slots=True)
class FailedPipeline:
    """Why one pipeline of one video failed; `pipeline` is empty where the video as a whole did."""

    video_id: str
    path: str
    pipeline: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Jobs by state, pipelines by state, every job with its video, every run of a batch (newest first).

    `replaced` counts the superseded jobs, which are among the others only if asked for.
    """

    url: str
    jobs: Mapping[str, int]
    pipelines: Mapping[str, Mapping[str, int]]
    videos: tuple[VideoRow, ...]
    runs: tuple[RunState, ...]
    replaced: int = 0

    @property
    def batches(self) -> tuple[StoredBatch, ...]:
        return tuple(run.batch for run in self.runs)

    @property
    def video_count(self) -> int:
        """A video counts once, however many jobs it has."""
        return len({video.video_id for video in self.videos})


def overview(store: StorageBackend, *, every: bool = False) -> Overview:
    """Everything `status` shows; `every`: superseded jobs too."""
    jobs, runs = list(store.jobs()), run_states(store)
    states = shown_states(store, jobs, runs)
    replaced = superseded(jobs, (run.batch for run in runs))
    told = [job for job in jobs if every or job.job_id not in replaced]
    videos = tuple(VideoRow.of(job, states[job.job_id], superseded=job.job_id in replaced) for job in told)
    return Overview(store.url, _by_state(videos), _by_pipeline(videos), videos, runs, len(replaced))


def _by_state(videos: Iterable[VideoRow]) -> dict[str, int]:
    counts = Counter(video.status for video in videos)
    words = [*map(str, JobStatus), *filter(counts.__contains__, [INTERRUPTED])]
    return {word: counts[word] for word in words}


def _by_pipeline(videos: Iterable[VideoRow]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for video in videos:
        for name, state in video.pipelines.items():
            counts.setdefault(name, Counter())[state] += 1
    return {name: dict(counts[name]) for name in sorted(counts)}


def failures(store: ResultStore) -> list[FailedPipeline]:
    """Everything `errors` shows: each failed pipeline of each failed job."""
    return [failure for job in store.jobs(status=JobStatus.FAILED) for failure in _failures_of(job)]


def _failures_of(job: BatchJob) -> Iterator[FailedPipeline]:
    failed = [result for result in job.pipeline_results.values() if result.status is JobStatus.FAILED]
    for result in sorted(failed, key=lambda result: result.pipeline):
        message = result.error_message or job.error_message or "no reason stored"
        yield FailedPipeline(
            job.video_id,
            job.location,
            result.pipeline,
            result.failure_kind or job.failure_kind or "",
            message,
        )
    if not failed:
        yield FailedPipeline(
            job.video_id,
            job.location,
            "",
            job.failure_kind or "",
            job.error_message or "no reason stored",
        )


def counts_text(counts: Mapping[str, int]) -> str:
    """`3 completed, 1 failed`; states without a job are left out."""
    return ", ".join(f"{number:,} {state}" for state, number in counts.items() if number) or "none"


def summary_lines(seen: Overview) -> list[str]:
    """Jobs and pipelines by state, videos, and how fast a run at work goes."""
    width = max((len(name) for name in (*seen.pipelines, "jobs", "store", "videos")), default=0)
    lines = [("store", seen.url), ("jobs", counts_text(seen.jobs)), ("videos", _videos_text(seen))]
    lines += [(name, counts_text(by)) for name, by in seen.pipelines.items()]
    lines += [("run", f"{run.batch.batch_id}: {run.pace}") for run in seen.runs if run.is_at_work]
    return [f"{name:<{width}}  {text}" for name, text in [*lines, *_cures(seen)]]


def _videos_text(seen: Overview) -> str:
    told = any(video.superseded for video in seen.videos)
    replaced = f"{counted(seen.replaced, 'job')} replaced by those of later settings" if seen.replaced else ""
    return f"{seen.video_count:,}" + (
        f" ({replaced}{'' if told else ': --all lists them'})" if replaced else ""
    )


def _cures(seen: Overview) -> Iterator[tuple[str, str]]:
    """What to do about jobs that nobody is at work on."""
    lost = next((run for run in seen.runs if run.state == INTERRUPTED), None)
    if seen.jobs.get(INTERRUPTED):
        batch = lost or next(iter(seen.runs), None)
        yield (
            "next",
            "what was committed is kept; go on with: vaengine resume "
            f"{batch.batch.batch_id if batch else 'BATCH'}",
        )


def video_table(seen: Overview, rows: int = ROWS, found: Mapping[str, FoundCounts] | None = None) -> Table:
    """The videos, `rows` at most, with what was `found`, by job."""
    shown, counts = seen.videos[:rows], found or {}
    lines = tuple(
        (
            shown_path(video.path),
            _state_text(video),
            *counts.get(video.job_id, FoundCounts()).cells,
            counts_text(Counter(video.pipelines.values())),
        )
        for video in shown
    )
    colours = tuple(COLOURS.get(video.status, "") for video in shown)
    return Table(("video", "status", *TITLES, "pipelines"), lines, colours, names=0)


def found_in_rows(store: ResultStore, seen: Overview, rows: int = ROWS) -> dict[str, FoundCounts]:
    """What the complete results of the first `rows` jobs have, by job."""
    jobs = store.jobs(job_ids=[video.job_id for video in seen.videos[:rows]])
    return found_in(store, jobs, by=lambda job: job.job_id)


def _state_text(video: VideoRow) -> str:
    return f"{video.status} (superseded)" if video.superseded else video.status


def batch_table(seen: Overview, rows: int = ROWS) -> Table:
    """The runs of batches, newest first, `rows` at most; times are UTC, as they are stored."""
    shown = ((run.batch, run.word) for run in seen.runs[:rows])
    lines = tuple((batch.batch_id, batch.started_at, word, f"{len(batch.inputs):,}") for batch, word in shown)
    return Table(("batch", "started (UTC)", "outcome (UTC)", "inputs"), lines)


def failure_table(found: Iterable[FailedPipeline]) -> Table:
    """One line for each reason that a file failed for, with all the pipelines that it holds for; the path
    has its own column.
    """
    pipelines: dict[tuple[str, str, str], list[str]] = {}
    for line in found:
        pipelines.setdefault((line.path, line.kind, line.message.removeprefix(f"{line.path}: ")), []).append(
            line.pipeline
        )
    rows = tuple(
        (shown_path(path), ", ".join(filter(None, names)), kind, message)
        for (path, kind, message), names in pipelines.items()
    )
    return Table(("video", "pipelines", "kind", "message"), rows, names=0)


def rest(there: int, rows: int, noun: str) -> str:
    """`and 12 more videos`, or nothing."""
    return f"and {there - rows:,} more {noun}" if there > rows else ""


def totals(seen: Overview) -> dict[str, Any]:
    """The counts of a store as programs read them."""
    counts = {INTERRUPTED: 0, **seen.jobs}
    videos = {"videos": seen.video_count, "superseded": seen.replaced, "total": len(seen.videos)}
    return {"store": seen.url, "skipped": 0, **counts, **videos}


def batch_data(run: RunState) -> dict[str, Any]:
    """A run of a batch as programs read it, without its configuration."""
    stored = {key: value for key, value in asdict(run.batch).items() if key != "config"}
    return stored | {"alive": run.is_at_work} | run.data()
