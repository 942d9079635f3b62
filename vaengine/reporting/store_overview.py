"""The overview of a store that `vaengine status` and `vaengine errors` show."""

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
    """One job with its video, for users: the states of the job and its pipelines, the number of its rows.

    A `superseded` job has no result that a later job of the video has not too, or has replaced. Times are as
    stored, or None.
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
        """The row of a job that has this state for users."""
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
    """The states of a job's pipelines; those in work are interrupted if the job is."""
    idle = IN_WORK if state == INTERRUPTED else ()
    return {
        name: INTERRUPTED if result.status in idle else str(result.status)
        for name, result in sorted(job.pipeline_results.items())
    }


@dataclass(frozen=True, slots=True)
class FailedPipeline:
    """The failure of one pipeline of a video; `pipeline` is empty if the video as a whole failed."""

    video_id: str
    path: str
    pipeline: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Numbers of jobs and pipelines by state, every job with its video, and every run, newest first.

    `replaced` is the number of superseded jobs, which are among the other jobs only on request.
    """

    url: str
    jobs: Mapping[str, int]
    pipelines: Mapping[str, Mapping[str, int]]
    videos: tuple[VideoRow, ...]
    runs: tuple[RunState, ...]
    replaced: int = 0

    @property
    def batches(self) -> tuple[StoredBatch, ...]:
        """The runs as stored."""
        return tuple(run.batch for run in self.runs)

    @property
    def video_count(self) -> int:
        """Number of videos, each counted once however many jobs it has."""
        return len({video.video_id for video in self.videos})


def overview(store: StorageBackend, *, every: bool = False) -> Overview:
    """The overview of a store; with `every` it has superseded jobs too."""
    jobs, runs = list(store.jobs()), run_states(store)
    states = shown_states(store, jobs, runs)
    replaced = superseded(jobs, (run.batch for run in runs))
    videos = tuple(
        VideoRow.of(job, states[job.job_id], superseded=job.job_id in replaced)
        for job in jobs
        if every or job.job_id not in replaced
    )
    return Overview(store.url, _by_state(videos), _by_pipeline(videos), videos, runs, len(replaced))


def _by_state(videos: Iterable[VideoRow]) -> dict[str, int]:
    counts = Counter(video.status for video in videos)
    states = [*map(str, JobStatus), *filter(counts.__contains__, [INTERRUPTED])]
    return {state: counts[state] for state in states}


def _by_pipeline(videos: Iterable[VideoRow]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for video in videos:
        for name, state in video.pipelines.items():
            counts.setdefault(name, Counter())[state] += 1
    return {name: dict(counts[name]) for name in sorted(counts)}


def failures(store: ResultStore) -> list[FailedPipeline]:
    """The failed pipelines of all failed jobs."""
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


def summary_lines(overview: Overview) -> list[str]:
    """Lines with the jobs and pipelines by state, the videos, the rates of runs at work, and a next step."""
    width = max((len(name) for name in (*overview.pipelines, "jobs", "store", "videos")), default=0)
    lines = [
        ("store", overview.url),
        ("jobs", counts_text(overview.jobs)),
        ("videos", _videos_text(overview)),
    ]
    lines += [(name, counts_text(counts)) for name, counts in overview.pipelines.items()]
    lines += [("run", f"{run.batch.batch_id}: {run.pace}") for run in overview.runs if run.is_at_work]
    return [f"{name:<{width}}  {text}" for name, text in [*lines, *_next_steps(overview)]]


def _videos_text(overview: Overview) -> str:
    if not overview.replaced:
        return f"{overview.video_count:,}"
    hint = "" if any(video.superseded for video in overview.videos) else ": --all lists them"
    replaced = f"{counted(overview.replaced, 'job')} replaced by those of later settings"
    return f"{overview.video_count:,} ({replaced}{hint})"


def _next_steps(overview: Overview) -> Iterator[tuple[str, str]]:
    """How to resume interrupted jobs, if there are any."""
    if overview.jobs.get(INTERRUPTED):
        interrupted = next((run for run in overview.runs if run.state == INTERRUPTED), None)
        run = interrupted or next(iter(overview.runs), None)
        batch_id = run.batch.batch_id if run else "BATCH"
        yield "next", f"what was committed is kept; go on with: vaengine resume {batch_id}"


def video_table(
    overview: Overview, rows: int = ROWS, found: Mapping[str, FoundCounts] | None = None
) -> Table:
    """The table of up to `rows` videos; `found` has the counts by job id."""
    shown, counts = overview.videos[:rows], found or {}
    cells = tuple(
        (
            shown_path(video.path),
            _state_text(video),
            *counts.get(video.job_id, FoundCounts()).cells,
            counts_text(Counter(video.pipelines.values())),
        )
        for video in shown
    )
    colours = tuple(COLOURS.get(video.status, "") for video in shown)
    return Table(("video", "status", *TITLES, "pipelines"), cells, colours, names=0)


def found_in_rows(store: ResultStore, overview: Overview, rows: int = ROWS) -> dict[str, FoundCounts]:
    """The counts in complete results of the first `rows` jobs, by job id."""
    jobs = store.jobs(job_ids=[video.job_id for video in overview.videos[:rows]])
    return found_in(store, jobs, by=lambda job: job.job_id)


def _state_text(video: VideoRow) -> str:
    return f"{video.status} (superseded)" if video.superseded else video.status


def batch_table(overview: Overview, rows: int = ROWS) -> Table:
    """The table of up to `rows` runs, newest first; times are UTC, as stored."""
    cells = tuple(
        (run.batch.batch_id, run.batch.started_at, run.word, f"{len(run.batch.inputs):,}")
        for run in overview.runs[:rows]
    )
    return Table(("batch", "started (UTC)", "outcome (UTC)", "inputs"), cells)


def failure_table(found: Iterable[FailedPipeline]) -> Table:
    """The table of failures: a row for each file and reason, with the pipelines that failed for it."""
    pipelines: dict[tuple[str, str, str], list[str]] = {}
    for failure in found:
        message = failure.message.removeprefix(f"{failure.path}: ")  # the path has its own column
        pipelines.setdefault((failure.path, failure.kind, message), []).append(failure.pipeline)
    rows = tuple(
        (shown_path(path), ", ".join(filter(None, names)), kind, message)
        for (path, kind, message), names in pipelines.items()
    )
    return Table(("video", "pipelines", "kind", "message"), rows, names=0)


def rest(count: int, rows: int, noun: str) -> str:
    """`and 12 more videos` for a table of `rows` out of `count` rows; empty for a complete table."""
    return f"and {count - rows:,} more {noun}" if count > rows else ""


def totals(overview: Overview) -> dict[str, Any]:
    """The counts of a store as JSON values."""
    counts = {INTERRUPTED: 0, **overview.jobs}
    videos = {"videos": overview.video_count, "superseded": overview.replaced, "total": len(overview.videos)}
    return {"store": overview.url, "skipped": 0, **counts, **videos}


def batch_data(run: RunState) -> dict[str, Any]:
    """A run as JSON values, without its configuration."""
    stored = {key: value for key, value in asdict(run.batch).items() if key != "config"}
    return stored | {"alive": run.is_at_work} | run.data()
