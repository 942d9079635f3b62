"""What jobs say of a result that has lost rows."""

from __future__ import annotations

from collections.abc import Sequence

from actors.stores.backend.transaction import JobLog, Jobs
from actors.stores.rules.erasure import job_with
from actors.stores.rules.transitions import keys_of, now
from schemas.annotations.annotation import Annotation
from schemas.work.chunk import WorkKey
from schemas.work.job_event import JobEvent


def recount(jobs: Jobs, log: JobLog, key: WorkKey, left: Sequence[Annotation]) -> None:
    """Have jobs count what is left of a result, and note in their logs that some of it was forgotten."""
    linked = [job for job in jobs.of_videos([key.video_id]) if key in keys_of(job).values()]
    changed = [new for job in linked if (new := job_with(job, key, left)) != job]
    jobs.put(changed)
    log.note(
        (job, JobEvent(job.job_id, now(), "forgotten", key.pipeline, "a person's rows")) for job in changed
    )
