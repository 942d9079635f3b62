"""Logs of jobs in a store of files: one file for each job, to which lines are added."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from actors.stores.encoding import attempt_rows, rows
from actors.stores.files.layout import FileLayout
from schemas.work.job import BatchJob
from schemas.work.job_event import JobEvent


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs below one tree; the caller holds the store while it writes."""

    tree: FileLayout

    def note(self, job: BatchJob, *events: JobEvent) -> None:
        """Add lines to the log of a job."""
        path = self.tree.log(job.video_id, job.job_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(
            "a", encoding="utf-8", errors="surrogateescape"
        ) as file:  # each line begins anew, whatever a kill has left of the last
            file.writelines(line_of(attempt_rows.event_row(event)) for event in events)

    def noted(self, job: BatchJob) -> list[JobEvent]:
        """Lines of a job's log as they were added; one that was cut off does not count."""
        path = self.tree.log(job.video_id, job.job_id)
        lines = (
            path.read_text(encoding="utf-8", errors="surrogateescape").split("\n") if path.is_file() else []
        )
        return [attempt_rows.event_from(row) for row in map(_object_in, lines) if row]


def line_of(row: rows.Row) -> str:
    """One line of a log."""
    return f"\n{json.dumps(row, ensure_ascii=False)}"


def _object_in(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
