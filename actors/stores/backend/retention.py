"""Prunes and erases: decides what is removed, and has the transaction remove it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from actors.stores.backend.erased_people import people_of_erasures, people_of_videos
from actors.stores.backend.transaction import Transaction
from actors.stores.rules.erasure import Erasure, erasure_of
from actors.stores.rules.erasure_text import removed, require_idle
from actors.stores.rules.pruning import PruneDecision, batch_at, held_jobs
from actors.stores.rules.states import keys_of
from schemas.storage.retention import PersonIn, Pruning, Removed, Stock
from schemas.work.job import BatchJob
from schemas.work.run import StoredBatch


def stock(tx: Transaction) -> Stock:
    """Everything that a decision about pruning needs."""
    jobs, batches = tx.jobs.select(), tx.runs.batches(tx.now())
    return Stock(
        jobs=tuple(jobs),
        held=_held_jobs(tx, jobs, batches),
        batches=tuple(batches),
        key_bytes=tx.removal.key_bytes(jobs),
        video_bytes=tx.removal.video_bytes(jobs),
    )


def _held_jobs(tx: Transaction, jobs: Sequence[BatchJob], batches: Sequence[StoredBatch]) -> frozenset[str]:
    """The ids of those jobs that a live run works on."""
    keys = [key for job in jobs for key in keys_of(job).values()]
    return held_jobs(jobs, tx.runs.held_by_others(None, keys, tx.now()), batches)


def prune(tx: Transaction, pruning: Pruning) -> Removed:
    """Remove the jobs and runs of a pruning; what has changed since the decision stays."""
    videos = dict.fromkeys(job.video_id for job in pruning.jobs)
    tx.removal.require_inside(videos)
    siblings, batches = tx.jobs.of_videos(videos), tx.runs.batches(tx.now())
    decision = PruneDecision.of(pruning, siblings, _held_jobs(tx, siblings, batches))
    epochs, people = _epochs_to_remove(tx, pruning, decision, batches), people_of_videos(tx, decision.videos)
    return removed(tx.removal.drop_jobs(decision, epochs, siblings, people))


def _epochs_to_remove(
    tx: Transaction, pruning: Pruning, decision: PruneDecision, batches: Sequence[StoredBatch]
) -> list[int]:
    """The runs of the pruning that have ended and still have no job."""
    ended = [run for run in batches if run.epoch in pruning.epochs and not run.alive]
    used = tx.jobs.batch_ids(without={job.job_id for job in decision.jobs}) if ended else set()
    return [run.epoch for run in ended if run.batch_id not in used]


def forget_video(tx: Transaction, video_id: str) -> Removed:
    """Remove everything of a video; raises `AtWork` where a live run works on it."""
    tx.removal.require_inside([video_id])
    jobs, paths = tx.jobs.of_videos([video_id]), tx.videos.paths_of(video_id)
    _require_idle(tx, video_id, jobs, paths)
    people = people_of_videos(tx, [video_id])
    return removed(tx.removal.drop_video(video_id, jobs, paths, people), tx.removal.remains)


def _require_idle(tx: Transaction, video_id: str, jobs: Sequence[BatchJob], paths: Collection[str]) -> None:
    batches = tx.runs.batches(tx.now())
    require_idle(video_id, batch_at(jobs, _held_jobs(tx, jobs, batches), batches, paths))


def forget_persons(tx: Transaction, persons: Sequence[PersonIn], person_ids: Sequence[str]) -> Removed:
    """Remove these persons, and the labels that are linked to them in other pipelines."""
    erasures = [(person, _erasure(tx, person)) for person in persons]
    people = people_of_erasures(tx, [erasure.of_person(person) for person, erasure in erasures], person_ids)
    lost = {key for _, erasure in erasures for key in erasure.unfinished if tx.removal.has_rows(key)}
    counts = tx.removal.drop_persons([erasure.of_person(person) for person, erasure in erasures], people)
    notes = dict.fromkeys(
        note for _, erasure in erasures for note in erasure.notes(lost.intersection(erasure.unfinished))
    )
    return removed(counts, (*notes, *tx.removal.remains))


def _erasure(tx: Transaction, person: PersonIn) -> Erasure:
    tx.removal.require_inside([person.video_id])
    jobs = tx.jobs.of_videos([person.video_id])
    _require_idle(tx, person.video_id, jobs, tx.videos.paths_of(person.video_id))
    return erasure_of(person, jobs, cache(tx.removal.rows_of))
