"""Registers and leases work, commits it chunk by chunk, and finishes pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

from actors.stores.backend.checks import (
    require_job,
    require_leases,
    require_leases_for_chunks,
    require_newest,
)
from actors.stores.backend.transaction import Transaction
from actors.stores.encoding import rows
from actors.stores.encoding.annotation_forms import annotations_given, with_own_ids
from actors.stores.rules import job_log
from actors.stores.rules.states import is_open, key_of, keys_of, keys_to_lease, now, settled_results
from actors.stores.rules.transitions import (
    finish_pipeline,
    mark_pipelines,
    registered_job,
    result_of,
    start_ending,
    without_pipeline,
)
from schemas.media.video import Video
from schemas.storage.backend import Outcome
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus
from schemas.work.manifest import ChunkCommit


def register(tx: Transaction, epoch: int, videos: Sequence[Video], jobs: Sequence[BatchJob]) -> set[WorkKey]:
    """Insert or update videos and jobs, and lease what is open; returns the keys of other live runs."""
    keys, at = [key for job in jobs for key in keys_of(job).values()], tx.now()
    tx.videos.put(videos)
    siblings = tx.jobs.of_videos(job.video_id for job in jobs)
    complete = tx.results.complete(keys)
    held_by_others = tx.runs.held_by_others(epoch, keys, at) - complete.keys()
    known = {job.job_id: job for job in siblings}
    settled = settled_results(siblings, complete, held_by_others)
    new = [registered_job(job, known.get(job.job_id), settled) for job in jobs]
    tx.jobs.put(new)
    for key, kept in tx.results.interrupted(complete, epoch, at):
        _remove_replaced(tx, key, kept, tx.jobs.of_videos([key.video_id]))
    tx.runs.take(epoch, {key for job in new for key in keys_to_lease(job)} - held_by_others)
    tx.runs.heartbeat(epoch, at)
    _note_registered(
        tx, epoch, [job for job in new if job.job_id not in known or job.status is not JobStatus.COMPLETED]
    )
    return held_by_others


def _note_registered(tx: Transaction, epoch: int, jobs: Sequence[BatchJob]) -> None:
    logged = tx.log.registered_by(jobs, epoch)
    tx.log.note((job, job_log.registration(job, epoch, now())) for job in jobs if job.job_id not in logged)


def commit_chunks(tx: Transaction, epoch: int, commits: Sequence[ChunkCommit]) -> dict[WorkKey, int]:
    """Store chunks, replacing those that share a frame with them; returns the frames committed by key."""
    keys = dict.fromkeys(commit.line.key for commit in commits)
    done = tx.results.complete(keys)  # a late repetition must not undo a finished result
    new = [commit for commit in commits if commit.line.key not in done]
    require_leases_for_chunks(tx, epoch, [key for key in keys if key not in done])
    require_newest(tx, new)
    tx.chunks.put(new, now())
    tx.attempts.end_leased(commits)
    return tx.chunks.frames_committed(keys)


def mark(
    tx: Transaction, epoch: int | None, job_id: str, pipelines: Sequence[str], status: JobStatus
) -> None:
    """Move these pipelines of a job to pending or running."""
    job = require_job(tx, job_id)
    keys = {pipeline: key_of(job, pipeline, tx.url) for pipeline in pipelines}
    if epoch is not None:
        require_leases(tx, epoch, [keys[name] for name in pipelines if is_open(job.pipeline_results[name])])
    tx.jobs.put([mark_pipelines(job, pipelines, status, now())])


def save_annotations(
    tx: Transaction, job_id: str, pipeline: str, annotations: Sequence[dict[str, Any]]
) -> str:
    """Finish a job's pipeline by hand with these rows; returns the file or URL of the result."""
    job = require_job(tx, job_id)
    known = job.pipeline_results.get(pipeline)
    key = WorkKey(job.video_id, pipeline, known.config_hash if known else rows.hash_by_hand(job.config))
    provided = annotations_given(key, annotations)
    taken_ids = tx.results.ids_of_others(key, [row.annotation_id for row in provided])
    stored = with_own_ids(key, provided, taken_ids)
    _finish(tx, None, Outcome(key, job_id, JobStatus.COMPLETED, stored))
    return tx.results.location(key)


def finish(tx: Transaction, epoch: int | None, outcome: Outcome) -> None:
    """Store how a pipeline of a video ended; a key that is complete already is not changed."""
    if tx.results.complete([outcome.key]):
        return
    if epoch is not None:
        require_leases(tx, epoch, [outcome.key])
    _finish(tx, epoch, outcome)


def _finish(tx: Transaction, epoch: int | None, outcome: Outcome) -> None:
    """Write rows first, then jobs, then remove what is superfluous: in files a kill may come in between."""
    key, at = outcome.key, now()
    job = start_ending(require_job(tx, outcome.job_id), key.pipeline, epoch, at)
    stored = outcome.annotations
    data = tx.results.data_of(key) if stored is None else [row.to_data() for row in stored]
    result = result_of(outcome, data, tx.chunks.seconds_of(key), at, job.pipeline_results.get(key.pipeline))
    tx.results.store(outcome, result, job, data)
    siblings = [other for other in tx.jobs.of_videos([key.video_id]) if other.job_id != job.job_id]
    linked = [job, *(other for other in siblings if keys_of(other).get(key.pipeline) == key)]
    tx.jobs.put([finish_pipeline(other, result, at) for other in linked])
    tx.log.note((other, job_log.pipeline_end(other, result, outcome, at)) for other in linked)
    if outcome.status is JobStatus.COMPLETED:
        _replace_others(tx, epoch, outcome, siblings)
    tx.runs.drop([key])


def _replace_others(
    tx: Transaction, epoch: int | None, outcome: Outcome, siblings: Sequence[BatchJob]
) -> None:
    key = outcome.key
    if outcome.keep_runs:
        tx.chunks.drop_payloads(key)
        return
    kept = tx.results.configurations_in_work(epoch, key, tx.now())
    if outcome.keep_complete:
        complete = tx.results.complete_of([key.video_id])
        kept |= {other.config_hash for other in complete if other.pipeline == key.pipeline}
    _remove_replaced(tx, key, kept, siblings)


def _remove_replaced(tx: Transaction, key: WorkKey, kept: Set[str], jobs: Iterable[BatchJob]) -> None:
    """Remove the payloads of a complete result and the configurations that it replaces, also from jobs."""
    tx.chunks.drop_payloads(key)
    tx.results.drop_configurations(key, kept)
    candidates = [(job, job.pipeline_results.get(key.pipeline)) for job in jobs]
    replaced = [
        job for job, result in candidates if result and result.config_hash not in (key.config_hash, *kept)
    ]
    tx.jobs.supersede(key.pipeline, [(job, without_pipeline(job, key.pipeline, now())) for job in replaced])
