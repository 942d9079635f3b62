"""Batches: what is at work and what was, and submitting, pausing, cancelling and retrying."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import NotFound, UsageError
from schemas.storage.backend import StorageBackend
from schemas.work.submission import Submission
from vaengine.server.collection.entry import shown_text
from vaengine.server.collection.index import Snapshot
from vaengine.server.context import Collection, Context, Reader, Writer
from vaengine.server.error_answers import declared
from vaengine.server.routes.videos import Done, acted

router = APIRouter(prefix="/api/batches", tags=["batches"])

ERRORS: Final = declared(400, 401, 403, 404, 409, 422, 503)
MAX_PATHS: Final = 10_000
PathText = Annotated[str, Field(min_length=1, max_length=4096)]


class BatchRequest(BaseModel):
    """What `vaengine run` is given: `paths` of the server's machine, or `uploads` by their ids.

    `pipelines`, `preset` and `settings` are as on the command line; `replace` says what is to become of
    complete results of other settings.
    """

    model_config = ConfigDict(extra="forbid")

    paths: Annotated[list[PathText], Field(max_length=MAX_PATHS)] = []
    uploads: Annotated[list[str], Field(max_length=MAX_PATHS)] = []
    pipelines: Annotated[list[str], Field(max_length=20)] | None = None
    preset: Annotated[str, Field(max_length=50)] | None = None
    settings: Annotated[dict[str, Any], Field(max_length=200)] = {}
    replace: Literal["ask", "replace", "keep", "as-before"] = "ask"
    workers: Annotated[int, Field(ge=0, le=32)] | None = None


class BatchRow(BaseModel):
    """A batch of the list: `state` is that of its newest run, or of its submission while it waits.

    `videos` counts its jobs by state; `inputs` is the number of files that it was given.
    """

    batch_id: str
    state: str
    submission: str | None
    started_at: str
    ended_at: str | None
    inputs: int
    videos: dict[str, int]
    eta_s: float | None
    realtime_factor: float | None
    videos_per_hour: float | None
    error: str | None


class BatchList(BaseModel):
    """Batches, newest first; `next_offset` goes on after them."""

    batches: list[BatchRow]
    total: int
    next_offset: int | None


class SubmittedBatch(BaseModel):
    """A batch that waits for an engine."""

    batch_id: str
    state: str
    at: str


class BatchDetails(BaseModel):
    """A batch: its row, its progress as `vaengine.ProgressTracker` reads it, and what was submitted."""

    batch: BatchRow
    progress: dict[str, Any] | None
    submission: dict[str, Any] | None


class BatchAction(BaseModel):
    """What is to be done with all jobs of a batch that it concerns."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["retry", "cancel", "pause", "release"]


@router.get("", responses=declared(401, 404, 422, 503))
def batches(
    store: Reader,
    collection: Collection,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> BatchList:
    """Every batch, newest first, those that wait among them."""
    rows = batch_rows(store, collection)
    end = offset + limit
    return BatchList(batches=rows[offset:end], total=len(rows), next_offset=end if end < len(rows) else None)


@router.post("", responses=ERRORS, status_code=201)
def submit(store: Writer, context: Context, wanted: BatchRequest) -> SubmittedBatch:
    """Submit a batch; an engine (`vaengine work`, or the server's own) takes it."""
    from vaengine.api.submission.submissions import submit as submit_batch

    paths = [*wanted.paths, *(str(context.uploads.path_of(one)) for one in wanted.uploads)]
    options = {
        "paths": [_absolute(path) for path in paths],
        "pipelines": wanted.pipelines,
        "preset": wanted.preset,
        "settings": wanted.settings,
        "replace": wanted.replace,
        "workers": wanted.workers,
    }
    made = submit_batch(store, options, uploads=tuple(wanted.uploads))
    return SubmittedBatch(batch_id=made.batch_id, state=str(made.state), at=made.at)


@router.get("/{batch_id}", responses=declared(400, 401, 404, 422, 503))
def batch(store: Reader, collection: Collection, batch_id: str) -> BatchDetails:
    """One batch by its id."""
    from vaengine.api.progress_tracker import ProgressTracker
    from vaengine.api.submission.submissions import submissions

    row = next((row for row in batch_rows(store, collection) if row.batch_id == batch_id), None)
    if row is None:
        raise NotFound(f"batch {shown_text(batch_id)}", store.url)
    is_begun = any(run.batch.batch_id == batch_id for run in collection.runs)
    progress = ProgressTracker(store, batch_id=batch_id).snapshot().to_dict() if is_begun else None
    submitted = submissions(store).get(batch_id)
    return BatchDetails(batch=row, progress=progress, submission=_submission_facts(submitted))


@router.post("/{batch_id}/actions", responses=ERRORS)
def act(store: Writer, collection: Collection, batch_id: str, wanted: BatchAction) -> Done:
    """Retry, cancel, pause or release all jobs of a batch; a submission that waits is cancelled too."""
    from vaengine.api.submission.submissions import cancel_submission

    notes = []
    if wanted.action == "cancel" and cancel_submission(store, batch_id):
        notes.append(f"batch {batch_id} is cancelled")
    jobs = list(store.jobs(batch_id=batch_id))
    if not jobs and not notes:
        raise NotFound(f"batch {shown_text(batch_id)}, or a job of it,", store.url)
    done = acted(store, jobs, wanted.action) if jobs else Done(job_ids=[], notes=[])
    return Done(job_ids=done.job_ids, notes=[*notes, *done.notes])


def batch_rows(store: StorageBackend, collection: Snapshot) -> list[BatchRow]:
    """Every batch with a run or a submission, newest first."""
    from vaengine.api.submission.submissions import submissions

    submitted = submissions(store)
    newest: dict[str, Any] = {}
    for run in collection.runs:
        newest.setdefault(run.batch.batch_id, run)
    counts = _counts_by_batch(collection)
    begun = [
        BatchRow(
            batch_id=batch_id,
            state=run.state if run.state != "ended" else run.batch.outcome or "ended",
            submission=str(submitted[batch_id].state) if batch_id in submitted else None,
            started_at=run.batch.started_at,
            ended_at=run.batch.ended_at,
            inputs=len(run.batch.inputs),
            videos=counts.get(batch_id, {}),
            eta_s=run.data().get("eta_s"),
            realtime_factor=run.data().get("realtime_factor"),
            videos_per_hour=run.data().get("videos_per_hour"),
            error=submitted[batch_id].error if batch_id in submitted else None,
        )
        for batch_id, run in newest.items()
    ]
    waiting = [_waiting_row(one) for batch_id, one in submitted.items() if batch_id not in newest]
    return [*reversed(waiting), *begun]


def _waiting_row(submission: Submission) -> BatchRow:
    return BatchRow(
        batch_id=submission.batch_id,
        state=str(submission.state),
        submission=str(submission.state),
        started_at=submission.at,
        ended_at=None,
        inputs=len(submission.options.get("paths", ())),
        videos={},
        eta_s=None,
        realtime_factor=None,
        videos_per_hour=None,
        error=submission.error,
    )


def _counts_by_batch(collection: Snapshot) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for video in collection.videos.values():
        if video.batch_id:
            of_batch = counts.setdefault(video.batch_id, {})
            of_batch[video.status] = of_batch.get(video.status, 0) + 1
    return counts


def _submission_facts(submission: Submission | None) -> dict[str, Any] | None:
    if submission is None:
        return None
    return {"state": str(submission.state), "at": submission.at, "error": submission.error} | {
        "options": dict(submission.options)
    }


def _absolute(path: str) -> str:
    """A path of the server's machine, in full: nobody knows where its process was started."""
    from schemas.paths import absolute_path, is_url

    if not is_url(path) and not path.startswith(("/", "~")):
        raise UsageError(f"{shown_text(path)!r} is relative: give the whole path on the server's machine")
    return path if is_url(path) else str(absolute_path(path))
