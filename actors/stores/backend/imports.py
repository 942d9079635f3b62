"""Stores results that people made, beside those of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from actors.stores.backend.transaction import Transaction
from actors.stores.rules import job_log
from actors.stores.rules.states import keys_of, now
from actors.stores.rules.transitions import finish_pipeline, result_of
from schemas.errors import PeopleChanged, ResultsChanged
from schemas.pipelines import is_human, of_machine
from schemas.storage.backend import Outcome
from schemas.storage.imports import HumanResults, NamingEdits
from schemas.work.current_result import answering_results
from schemas.work.job import BatchJob, JobStatus


def add_human_results(
    tx: Transaction, imports: Sequence[HumanResults], naming: NamingEdits | None
) -> frozenset[str]:
    """See `ImportStore.add_human_results`.

    Jobs are completed last: in files a kill may come in between, and then none of the rows are current.
    """
    new = [one for one in imports if not _is_there(tx, one.job)]
    if naming is not None and naming.edits and tx.people.log().newest != naming.after:
        raise PeopleChanged(tx.url)
    for one in new:
        _require_unchanged(tx, one)
    tx.jobs.put([one.job for one in new])
    tx.jobs.put([_stored(tx, one) for one in new])
    if naming is not None:
        known = {one.reference_id: one for one in naming.references}
        for edit in naming.edits:
            tx.people.append(edit, [known[name] for name in edit.references if name in known])
    return frozenset(one.job.job_id for one in new)


def _is_there(tx: Transaction, job: BatchJob) -> bool:
    keys = set(keys_of(job).values())
    return keys <= tx.results.complete(keys).keys()


def _require_unchanged(tx: Transaction, one: HumanResults) -> None:
    if not one.made_of:
        return
    answering = answering_results(tx.jobs.of_videos([one.job.video_id]), "corrected")
    for pipeline, config_hash in one.made_of.items():
        found = answering.get((one.job.video_id, of_machine(pipeline)))
        if found is None or found[1].config_hash != config_hash:
            raise ResultsChanged(one.job.video_id, tx.url)


def _time_of_next(tx: Transaction, job: BatchJob) -> datetime:
    """Now, but later than any import of the video: times are whole seconds, and the newest import counts."""
    results = (
        result for other in tx.jobs.of_videos([job.video_id]) for result in other.pipeline_results.values()
    )
    ends = (result.completed_at for result in results if is_human(result.pipeline) and result.completed_at)
    return max([now(), *(end + timedelta(seconds=1) for end in ends)])


def _stored(tx: Transaction, one: HumanResults) -> BatchJob:
    """The job after its rows were stored."""
    job, at = one.job, _time_of_next(tx, one.job)
    for pipeline, key in keys_of(job).items():
        rows = one.rows[pipeline]
        outcome = Outcome(key, job.job_id, JobStatus.COMPLETED, rows, keep_runs=True)
        data = [row.to_data() for row in rows]
        result = replace(result_of(outcome, data, 0.0, at, None), processing_time_seconds=None)
        tx.results.store(outcome, result, job, data)
        job = finish_pipeline(job, result, at)
        tx.log.note([(job, job_log.pipeline_end(job, result, outcome, at))])
    return job
