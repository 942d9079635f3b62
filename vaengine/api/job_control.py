"""Job control from outside a run: cancel, pause, retry, quarantine, release jobs, and read their logs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final

from schemas.errors import StoreUnreachable, UsageError
from schemas.storage.backend import JobControls, ResultStore, RunStore, StorageBackend
from schemas.work.attempt import IN_QUARANTINE
from schemas.work.job import BatchJob, JobStatus
from schemas.work.job_event import Control, JobEvent
from vaengine.console.output import Table
from vaengine.requests.store_location import existing
from vaengine.results.lookup import jobs_of

REQUEST_TIMEOUT_S: Final = 5.0  # time for a living run to carry out a request, before it is carried out here
POLL_INTERVAL_S: Final = 0.2


MIN_ID_LENGTH: Final = 4  # characters that a beginning of a job id needs
REASONS_NOT_CONCERNED: Final = {
    "cancelled": "only jobs that have not ended can be cancelled",
    "paused": "only jobs that have not ended can be paused",
    "retried": "only jobs that failed, were cancelled or are paused can be retried, none in quarantine",
    "quarantined": "only what failed can be put into quarantine, once",
    "released": "nothing of it is in quarantine",
}


def chosen(store: ResultStore, names: Sequence[str], *, every: bool = False) -> list[BatchJob]:
    """Jobs by id or its beginning, or all jobs of the video that a name means, as `lookup.jobs_of` finds it.

    Raises `NotFound` for an unknown name, `UsageError` for no name and for an ambiguous one.
    """
    jobs = list(store.jobs())
    if every:
        return jobs
    if not names:
        raise UsageError("name a job, a video id or a path (`vaengine status` lists them), or give --all")
    found = {job.job_id: job for name in names for job in _jobs_named(store, jobs, name)}
    return list(found.values())


def _jobs_named(store: ResultStore, jobs: Iterable[BatchJob], name: str) -> list[BatchJob]:
    by_id = [job for job in jobs if len(name) >= MIN_ID_LENGTH and job.job_id.startswith(name)]
    return by_id or jobs_of(store, name)


def not_concerned(word: str, jobs: Sequence[BatchJob], concerned: Sequence[BatchJob]) -> Iterator[str]:
    """A line for each named job that was not changed, with the reason."""
    ids = {job.job_id for job in concerned}
    for job in jobs:
        if job.job_id not in ids:
            yield (
                f"not {word}: {job.location} ({job.job_id[:8]}) is {job.status.value}, "
                f"and {REASONS_NOT_CONCERNED[word]}"
            )


def cancel(
    store: StorageBackend, jobs: Sequence[BatchJob], *, clock: Callable[[], float] = time.monotonic
) -> list[BatchJob]:
    """Cancel jobs; returns those that had not ended. Finished parts are kept, the rest fails as cancelled.

    A living run is requested to do this and does it at once. Without one the jobs are ended here, and late
    commits are refused.
    """
    ids = [job.job_id for job in jobs if job.status not in (JobStatus.COMPLETED, JobStatus.FAILED)]
    store.request(ids, Control.CANCEL)
    waiting, deadline = set(ids), clock() + REQUEST_TIMEOUT_S
    while waiting and clock() < deadline and any(batch.alive for batch in store.batches()):
        time.sleep(POLL_INTERVAL_S)
        waiting &= store.controls().keys()
    for job_id in sorted(waiting):
        store.cancel(None, job_id)
    return [job for job in jobs if job.job_id in set(ids)]


def pause(store: StorageBackend, jobs: Sequence[BatchJob]) -> list[BatchJob]:
    """Begin no more work of jobs until they are retried; returns those that had not ended."""
    open_jobs = [job for job in jobs if job.status not in (JobStatus.COMPLETED, JobStatus.FAILED)]
    store.request([job.job_id for job in open_jobs], Control.PAUSE)
    if not any(batch.alive for batch in store.batches()):
        for job in open_jobs:
            store.mark(None, job.job_id, list(job.pipeline_results), JobStatus.PENDING)
    return open_jobs


def retry(store: JobControls, jobs: Sequence[BatchJob]) -> list[BatchJob]:
    """Retry jobs that failed, were cancelled or are paused; returns these jobs.

    A living run that has them takes them up. What is in quarantine stays there.
    """
    failed = {job.job_id: _failed_outside_quarantine(job) for job in jobs}
    retried_jobs = [
        job
        for job in jobs
        if job.control is not None or (job.status is JobStatus.FAILED and failed[job.job_id])
    ]
    reopen(store, {job.job_id: failed[job.job_id] for job in retried_jobs})
    return retried_jobs


def quarantine(store: JobControls, jobs: Sequence[BatchJob]) -> list[BatchJob]:
    """Put what failed of jobs into quarantine: nothing tries it until it is released; returns these jobs."""
    failed = {job.job_id: names for job in jobs if (names := _failed_outside_quarantine(job))}
    put_into_quarantine(store, failed)
    return [job for job in jobs if job.job_id in failed]


def reopen(store: JobControls, pipelines: Mapping[str, Sequence[str]]) -> None:
    """Have these failed pipelines of jobs, by job id, tried again; clears requests to pause or cancel."""
    for names, job_ids in _by_pipelines(pipelines).items():
        store.reopen(job_ids, names)


def put_into_quarantine(store: JobControls, pipelines: Mapping[str, Sequence[str]]) -> None:
    """Put these failed pipelines of jobs, by job id, into quarantine."""
    for names, job_ids in _by_pipelines(pipelines).items():
        store.quarantine(job_ids, names)


def _by_pipelines(pipelines: Mapping[str, Sequence[str]]) -> Mapping[tuple[str, ...], list[str]]:
    """Job ids by the pipelines that are concerned: the store is asked once for each of a few combinations."""
    job_ids: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for job_id, names in pipelines.items():
        job_ids[tuple(names)].append(job_id)
    return job_ids


def _failed_outside_quarantine(job: BatchJob) -> list[str]:
    return [
        name
        for name, result in sorted(job.pipeline_results.items())
        if result.status is JobStatus.FAILED and result.failure_kind not in IN_QUARANTINE
    ]


def unpaused(store_url: str, batch_id: str) -> int:
    """Retry the paused jobs of a batch; returns their number.

    A store that does not exist has none.
    """
    from actors.stores import open_store

    try:
        found = existing(store_url, upgrade=True)  # as the run that follows does
    except StoreUnreachable:  # the run that follows reports the fault
        return 0
    if found is None:
        return 0
    with closing(found) as store:
        paused = [job for job in store.jobs(batch_id=batch_id) if job.control is Control.PAUSE]
    if paused:
        with closing(open_store(store_url)) as store:
            retry(store, paused)
    return len(paused)


def how_to_unpause(store: RunStore, where: str) -> str:
    """The command that takes up paused jobs; `where` are the options that name the store."""
    if any(batch.alive for batch in store.batches()):
        return f"go on with: vaengine retry --all{where}"
    return f"go on with: vaengine resume{where}"


def quarantined(store: ResultStore) -> list[tuple[BatchJob, str]]:
    """Jobs with the pipelines that are in quarantine: they end their process, or a person put them there."""
    return [
        (job, name)
        for job in store.jobs(status=JobStatus.FAILED)
        for name, result in sorted(job.pipeline_results.items())
        if result.failure_kind in IN_QUARANTINE
    ]


def released(store: StorageBackend, jobs: Sequence[BatchJob]) -> list[BatchJob]:
    """Release jobs from quarantine: their pipelines that are there are pending again."""
    job_ids = {job.job_id for job in jobs}
    pipelines: dict[str, list[str]] = {}
    for job, name in quarantined(store):
        if job.job_id in job_ids:
            pipelines.setdefault(job.job_id, []).append(name)
    reopen(store, pipelines)
    return [job for job in jobs if job.job_id in pipelines]


def how_it_goes_on(store: RunStore, where: str = "") -> str:
    """What takes up retried jobs; `where` are the options that name the store."""
    if any(batch.alive for batch in store.batches()):
        return "the run that is at work takes them up, if they are its own"
    newest = next(iter(store.batches()), None)
    return f"go on with: vaengine resume {newest.batch_id}{where}" if newest else "run the same command again"


def quarantine_table(found: Iterable[tuple[BatchJob, str]]) -> Table:
    """A row for each quarantined pipeline with the reason."""
    rows = (
        (job.job_id[:8], job.location, name, job.pipeline_results[name].error_message or "")
        for job, name in found
    )
    return Table(("job", "video", "pipeline", "why"), tuple(rows))


def log_of(store: JobControls, jobs: Sequence[BatchJob]) -> list[JobEvent]:
    """What happened to jobs, in order."""
    return sorted((event for job in jobs for event in store.events(job.job_id)), key=lambda event: event.at)


def log_lines(events: Iterable[JobEvent], *, details: bool) -> Iterator[str]:
    """Events as text, with tracebacks indented below them."""
    for event in events:
        pipeline = f" {event.pipeline}" if event.pipeline else ""
        yield (
            f"{event.at:%Y-%m-%d %H:%M:%S} UTC {event.job_id[:8]} {event.name}{pipeline}: "
            f"{event.message or ''}"
        ).rstrip(": ")
        if details and event.detail:
            yield from (f"    {line}" for line in event.detail.splitlines())


def log_data(event: JobEvent) -> dict[str, Any]:
    """An event of a job as programs read it; its time takes the place of now."""
    data = asdict(event)
    return {"time": f"{data.pop('at'):%Y-%m-%dT%H:%M:%SZ}", **data}
