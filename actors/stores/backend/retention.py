"""What goes by age or by request: decided here, carried out by whatever holds it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from actors.stores.backend.transaction import Transaction
from actors.stores.rules.erasure import Erasure, withdrawal_of
from actors.stores.rules.erasure_text import removed, require_idle
from actors.stores.rules.pruning import PruneDecision, batch_at, held_jobs
from actors.stores.rules.transitions import keys_of
from schemas.storage.retention import PersonIn, Pruning, Removed, Stock
from schemas.work.job import BatchJob
from schemas.work.run import StoredBatch


def stock(tx: Transaction) -> Stock:
    """Everything a decision about pruning needs."""
    jobs, batches = tx.jobs.select(), tx.runs.batches(tx.now())
    return Stock(
        jobs=tuple(jobs),
        held=_held(tx, jobs, batches),
        batches=tuple(batches),
        key_bytes=tx.removal.key_bytes(jobs),
        video_bytes=tx.removal.video_bytes(jobs),
    )


def _held(tx: Transaction, jobs: Sequence[BatchJob], batches: Sequence[StoredBatch]) -> frozenset[str]:
    """Those of the jobs that a live run is at."""
    keys = [key for job in jobs for key in keys_of(job).values()]
    return held_jobs(jobs, tx.runs.held_elsewhere(None, keys, tx.now()), batches)


def prune(tx: Transaction, pruning: Pruning) -> Removed:
    """Remove what was decided on, as far as it is as it was then."""
    videos = dict.fromkeys(job.video_id for job in pruning.jobs)
    tx.removal.require_inside(videos)
    there, batches = tx.jobs.of_videos(videos), tx.runs.batches(tx.now())
    going = PruneDecision.of(pruning, there, _held(tx, there, batches))
    return removed(tx.removal.drop_jobs(going, _runs_that_go(tx, pruning, going, batches), there))


def _runs_that_go(
    tx: Transaction, pruning: Pruning, going: PruneDecision, batches: Sequence[StoredBatch]
) -> list[int]:
    """Those that were decided on and are over and without a job still."""
    over = [run for run in batches if run.epoch in pruning.epochs and not run.alive]
    used = tx.jobs.batch_ids(without={job.job_id for job in going.jobs}) if over else set()
    return [run.epoch for run in over if run.batch_id not in used]


def forget_video(tx: Transaction, video_id: str) -> Removed:
    """Remove every trace of a video that no live run is at."""
    tx.removal.require_inside([video_id])
    jobs, paths = tx.jobs.of_videos([video_id]), tx.videos.paths_of(video_id)
    _require_idle(tx, video_id, jobs, paths)
    return removed(tx.removal.drop_video(video_id, jobs, paths), tx.removal.remains)


def _require_idle(tx: Transaction, video_id: str, jobs: Sequence[BatchJob], paths: Collection[str]) -> None:
    batches = tx.runs.batches(tx.now())
    require_idle(video_id, batch_at(jobs, _held(tx, jobs, batches), batches, paths))


def forget_persons(tx: Transaction, persons: Sequence[PersonIn]) -> Removed:
    """Remove what is of these persons, and of who they are linked to."""
    found = [(person, _withdrawal(tx, person)) for person in persons]
    redone = {key for _, one in found for key in one.redone if tx.removal.has_rows(key)}
    counts = tx.removal.drop_persons([one.erasure(person) for person, one in found])
    told = dict.fromkeys(line for _, one in found for line in one.told(redone.intersection(one.redone)))
    return removed(counts, (*told, *tx.removal.remains))


def _withdrawal(tx: Transaction, person: PersonIn) -> Erasure:
    tx.removal.require_inside([person.video_id])
    jobs = tx.jobs.of_videos([person.video_id])
    _require_idle(tx, person.video_id, jobs, tx.videos.paths_of(person.video_id))
    return withdrawal_of(person, jobs, cache(tx.removal.rows_of))
