"""The videos of the collection, what was found in them, and what can be done about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import NotFound, UsageError
from schemas.pipelines import pipeline_named
from schemas.storage.backend import StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from vaengine.reporting.annotation_counts import FoundCounts
from vaengine.server.collection.entry import VideoEntry, shown_text
from vaengine.server.collection.found_counts import FoundCountLog
from vaengine.server.collection.index import Snapshot
from vaengine.server.collection.page import SortKey, VideoFilter, page_of
from vaengine.server.context import Collection, Found, Reader, Writer
from vaengine.server.error_answers import declared

router = APIRouter(prefix="/api/videos", tags=["videos"])

MAX_PAGE: Final = 500
MAX_ROWS: Final = 20_000
MAX_NAMED: Final = 10_000
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Text = Annotated[str, Query(max_length=500)]
Seconds = Annotated[float, Query(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class ListedVideo(VideoEntry):
    """A video of a page, with the numbers of what was found in it."""

    found: FoundCounts


class VideoList(BaseModel):
    """One page; `total` and `facets` count all videos that pass the filter."""

    videos: list[ListedVideo]
    total: int
    next_page: str | None
    facets: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result that the store has of a video: `is_current` is what pages and commands show."""

    pipeline: str
    config_hash: str
    job_id: str
    status: str
    annotations: int | None
    is_current: bool


class VideoDetails(BaseModel):
    """A video with every result that is stored of it."""

    video: ListedVideo
    results: list[StoredResult]


class Rows(BaseModel):
    """Rows of one result in reading order; `next_offset` goes on after them."""

    pipeline: str
    config_hash: str
    rows: list[dict[str, Any]]
    total: int
    next_offset: int | None


class LogLine(BaseModel):
    """One event of a video's jobs; `at` is UTC, `detail` a traceback."""

    at: str
    job_id: str
    name: str
    pipeline: str | None
    message: str | None
    detail: str | None


class Action(BaseModel):
    """What is to be done with the jobs of these videos.

    `retry` tries again what failed, was cancelled or is paused; `quarantine` keeps what failed from every
    retry and run until `release` tries it again.
    """

    model_config = ConfigDict(extra="forbid")

    action: Literal["retry", "cancel", "pause", "quarantine", "release"]
    video_ids: Annotated[list[str], Field(min_length=1, max_length=MAX_NAMED)]


class Done(BaseModel):
    """The ids of the jobs that were changed, and why others were not."""

    job_ids: list[str]
    notes: list[str]


@router.get("", responses=declared(400, 401, 404, 422, 503))
def videos(
    store: Reader,
    collection: Collection,
    counts: Found,
    text: Text = "",
    status: Annotated[list[str] | None, Query(max_length=20)] = None,
    batch: str | None = None,
    pipeline: str | None = None,
    failure: str | None = None,
    preset: str | None = None,
    warning: bool | None = None,
    min_duration_s: Seconds | None = None,
    max_duration_s: Seconds | None = None,
    sort: SortKey = "name",
    descending: bool = False,
    limit: Limit = 100,
    page: Annotated[str | None, Query(max_length=5000)] = None,
) -> VideoList:
    """A page of the videos that pass every filter given."""
    named = pipeline_named(pipeline) if pipeline else None
    wanted = VideoFilter(
        *(text, tuple(status or ()), batch, named, failure, preset, warning, min_duration_s, max_duration_s)
    )
    found = page_of(collection, wanted, sort, descending=descending, limit=limit, page=page)
    return VideoList(
        videos=listed(counts, store, found.videos),
        total=found.total,
        next_page=found.next_page,
        facets={name: dict(values) for name, values in found.facets.items()},
    )


@router.post("/actions", responses=declared(400, 401, 403, 404, 422, 503))
def act(store: Writer, wanted: Action) -> Done:
    """Retry, cancel, pause, quarantine or release; a run at work does it at once."""
    return acted(store, store.jobs_of(wanted.video_ids), wanted.action)


@router.get("/{video_id}", responses=declared(401, 404, 422, 503))
def video(store: Reader, collection: Collection, counts: Found, video_id: str) -> VideoDetails:
    """One video by its id."""
    entry = entry_in(collection, video_id, store)
    [row] = listed(counts, store, [entry])
    return VideoDetails(video=row, results=_results(store, entry))


@router.get("/{video_id}/results/{pipeline}", responses=declared(400, 401, 404, 422, 503))
def results(
    store: Reader,
    collection: Collection,
    video_id: str,
    pipeline: str,
    config_hash: str | None = None,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 1000,
) -> Rows:
    """Rows of a result, of the current one unless a configuration is named; see the output format."""
    name, entry = pipeline_named(pipeline), entry_in(collection, video_id, store)
    if config_hash is None and name not in entry.pipelines:
        raise NotFound(f"{name} of video {video_id}", store.url)
    key = WorkKey(video_id, name, config_hash or entry.pipelines[name].config_hash)
    rows = store.annotations(key)
    end = offset + limit
    return Rows(
        pipeline=name,
        config_hash=key.config_hash,
        rows=[row.to_data() for row in rows[offset:end]],
        total=len(rows),
        next_offset=end if end < len(rows) else None,
    )


@router.get("/{video_id}/log", responses=declared(401, 404, 422, 503))
def log(store: Reader, collection: Collection, video_id: str) -> list[LogLine]:
    """What happened to the jobs of a video, the oldest first, with tracebacks."""
    from vaengine.api.job_control import log_of

    entry_in(collection, video_id, store)
    return [
        LogLine(
            at=event.at.isoformat(),
            job_id=event.job_id,
            name=event.name,
            pipeline=event.pipeline,
            message=shown_text(event.message) if event.message else None,
            detail=shown_text(event.detail) if event.detail else None,
        )
        for event in log_of(store, store.jobs_of([video_id]))
    ]


def entry_in(collection: Snapshot, video_id: str, store: StorageBackend) -> VideoEntry:
    """The entry of a video; raises `NotFound`."""
    if video_id not in collection.videos:
        raise NotFound(f"video {shown_text(video_id)}", store.url)
    return collection.videos[video_id]


def listed(counts: FoundCountLog, store: StorageBackend, entries: Sequence[VideoEntry]) -> list[ListedVideo]:
    """These entries with the counts of their current results."""
    found = counts.of(store, entries)
    return [
        ListedVideo(
            **{field.name: getattr(entry, field.name) for field in fields(VideoEntry)},
            found=found[entry.video_id],
        )
        for entry in entries
    ]


def acted(store: StorageBackend, jobs: Sequence[BatchJob], action: str) -> Done:
    """Carry out an action on jobs; raises `UsageError` where there is none."""
    from vaengine.api import job_control

    if not jobs:
        raise UsageError("none of these videos is known here: `GET /api/videos` lists them")
    verbs: Mapping[str, Any] = {
        "retry": (job_control.retry, "retried"),
        "cancel": (job_control.cancel, "cancelled"),
        "pause": (job_control.pause, "paused"),
        "quarantine": (job_control.quarantine, "quarantined"),
        "release": (job_control.released, "released"),
    }
    carry_out, word = verbs[action]
    concerned = carry_out(store, jobs)
    notes = [shown_text(line) for line in job_control.not_concerned(word, jobs, concerned)]
    return Done(job_ids=[job.job_id for job in concerned], notes=notes)


def _results(store: StorageBackend, entry: VideoEntry) -> list[StoredResult]:
    current = {(name, state.config_hash) for name, state in entry.pipelines.items()}
    found = {
        (result.pipeline, result.config_hash): (job, result)
        for job in store.jobs_of([entry.video_id])
        for result in job.pipeline_results.values()
    }
    return [
        StoredResult(*key, job.job_id, str(result.status), result.annotation_count, key in current)
        for key, (job, result) in sorted(found.items())
    ]
