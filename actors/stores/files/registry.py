"""What the files of jobs and videos hold in a store of files.

Their files are written without waiting for the disk: whatever a power cut takes, the same command registers
again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.atomic_files import read_object, write_atomic
from actors.stores.encoding import rows
from actors.stores.encoding.documents import job_object, summary_object
from actors.stores.files.layout import FileLayout
from schemas.media.video import Video
from schemas.work.job import BatchJob
from schemas.work.job_event import Control


@dataclass(frozen=True, slots=True)
class Registry:
    """What is known of videos and jobs below one tree; the caller holds the store while it writes."""

    tree: FileLayout

    def put(self, path: Path, value: Mapping[str, Any], *, durable: bool = False) -> None:
        """Write a JSON object, unless it is there already: a second run over the same folder writes
        nothing.
        """
        if read_object(path) == value:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(value, indent=1, ensure_ascii=False).encode(errors="surrogateescape")
        write_atomic(path, data, scratch=self.tree.scratch, durable=durable)

    def video(self, video_id: str) -> rows.Row | None:
        """A video's facts as a row of table `videos`; None where it was never readable."""
        found = read_object(self.tree.video(video_id))
        return found and found | {"frame_index": base64.b64decode(found["frame_index"])}

    def put_video(self, video: Video) -> None:
        """Write a video's facts, and the path it was found under; who did not look for sound leaves what
        is known of it.
        """
        row = rows.video_row(video)
        if not video.is_sound_known and (before := read_object(self.tree.video(video.video_id))):
            row["sound"] = before.get("sound") or row["sound"]
        self.put(
            self.tree.video(video.video_id),
            row | {"frame_index": base64.b64encode(row["frame_index"]).decode()},
        )
        self.put_path(video)

    def put_path(self, video: Video) -> None:
        """Write the path that a video was found under."""
        entry = {name: getattr(video, name) for name in ("path", "video_id", "size_bytes", "mtime_ns")}
        self.put(self.tree.source(video.path), entry)

    def jobs_of(self, video_id: str) -> list[BatchJob]:
        return [job for path in self.tree.jobs_of(video_id) if (job := job_in(path))]

    def controls(self) -> dict[str, Control]:
        """What is asked of which job, where something is: their files repeated in one, so that it can be
        read every second.
        """
        return {
            job_id: Control(control) for job_id, control in (read_object(self.tree.controls) or {}).items()
        }

    def note_controls(self, changed: Mapping[str, Control | None]) -> None:
        before = self.controls()
        after = {job_id: control for job_id, control in {**before, **changed}.items() if control is not None}
        if after != before:
            self.put(self.tree.controls, after)

    def drop_jobs(self, video_id: str, job_ids: Iterable[str]) -> None:
        """Remove jobs of a video with their logs."""
        gone = list(job_ids)
        for job_id in gone:
            self.tree.log(video_id, job_id).unlink(missing_ok=True)
            self.tree.job(video_id, job_id).unlink(missing_ok=True)
        self.note_controls(dict.fromkeys(gone))
        self.show(video_id)

    def forget_controls(self, job_ids: Iterable[str]) -> None:
        """Nothing is asked of these jobs any longer."""
        self.note_controls(dict.fromkeys(job_ids))

    def show(self, video_id: str) -> None:
        """Write what people open about a video: its newest job, and a summary of it; without a job there
        is neither.
        """
        newest = max(self.jobs_of(video_id), key=lambda job: (job.created_at, job.job_id), default=None)
        if newest is None:
            self.tree.newest_job(video_id).unlink(missing_ok=True)
            self.tree.summary(video_id).unlink(missing_ok=True)
            return
        self.put(self.tree.newest_job(video_id), job_object(newest))
        self.put(self.tree.summary(video_id), summary_object(newest))


def job_in(path: Path) -> BatchJob | None:
    """The job in a file; None where there is none."""
    found = read_object(path)
    if found is None:
        return None
    results = {name: rows.result_from(name, state) for name, state in sorted(found["pipelines"].items())}
    return rows.job_from(found | {"config": json.dumps(found["config"])}, results)
