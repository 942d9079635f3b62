"""Updates jobs whose result has lost rows by erasure."""

from __future__ import annotations

from collections.abc import Sequence

from actors.stores.backend.transaction import JobLog, Jobs
from actors.stores.rules.erasure import job_with_rows
from actors.stores.rules.states import keys_of, now
from schemas.annotations.annotation import Annotation
from schemas.work.chunk import WorkKey
from schemas.work.job_event import JobEvent


def recount(jobs: Jobs, log: JobLog, key: WorkKey, remaining: Sequence[Annotation]) -> None:
    """Count the `remaining` rows in all jobs of a result, and log that rows of a person were forgotten."""
    jobs_with_result = [job for job in jobs.of_videos([key.video_id]) if key in keys_of(job).values()]
    changed_jobs = [new for job in jobs_with_result if (new := job_with_rows(job, key, remaining)) != job]
    jobs.put(changed_jobs)
    log.note(
        (job, JobEvent(job.job_id, now(), "forgotten", key.pipeline, "a person's rows"))
        for job in changed_jobs
    )
