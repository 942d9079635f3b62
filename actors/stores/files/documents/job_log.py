"""Reads and writes the logs of jobs in a store of files: one file for each job, to which lines are added."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from actors.stores.encoding import attempt_rows, rows
from actors.stores.files.documents import event_file
from actors.stores.files.documents.layout import FileLayout
from actors.stores.rules import job_log
from schemas.work.job import BatchJob
from schemas.work.job_event import JobEvent, NumberedEvent


@dataclass(frozen=True, slots=True)
class FileJobLog:
    """See `backend.transaction.JobLog`; the caller has locked the store while it writes."""

    layout: FileLayout

    def note(self, entries: Iterable[tuple[BatchJob, JobEvent]]) -> None:
        noted = list(entries)
        for job, event in noted:
            path = self.layout.log(job.video_id, job.job_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8", errors="surrogateescape") as file:
                file.write(line_of(attempt_rows.event_row(event)))
        event_file.append(self.layout.events, [event for _, event in noted])

    def after(self, number: int, limit: int) -> list[NumberedEvent]:
        return event_file.read(self.layout.events, number, limit)

    def newest(self) -> int:
        return event_file.count(self.layout.events)

    def events(self, job: BatchJob) -> list[JobEvent]:
        """The events of a job's log in order; a line that was cut off is left out."""
        path = self.layout.log(job.video_id, job.job_id)
        lines = (
            path.read_text(encoding="utf-8", errors="surrogateescape").split("\n") if path.is_file() else []
        )
        return [attempt_rows.event_from(row) for row in map(_object_in, lines) if row]

    def registered_by(self, jobs: Sequence[BatchJob], epoch: int) -> set[str]:
        registration = (job_log.REGISTERED, job_log.run_name(epoch))
        return {
            job.job_id
            for job in jobs
            if any((event.name, event.message) == registration for event in self.events(job))
        }


def line_of(row: rows.Row) -> str:
    """One line of a log, which starts with a line break: a kill may have cut off the line before."""
    return f"\n{json.dumps(row, ensure_ascii=False)}"


def _object_in(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
