"""Reads and writes the files of jobs and videos in a store of files.

They are written without waiting for the disk: what a power cut takes is registered again by the same command.
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
from actors.stores.files.documents.layout import FileLayout
from schemas.media.video import Video
from schemas.work.current_result import newest_job
from schemas.work.job import BatchJob
from schemas.work.job_event import Control


@dataclass(frozen=True, slots=True)
class Registry:
    """The videos and jobs of a store; the caller has locked the store while it writes."""

    layout: FileLayout

    def put(self, path: Path, value: Mapping[str, Any], *, durable: bool = False) -> None:
        """Write a JSON object unless the file has it already: a second run over a folder writes nothing."""
        if read_object(path) == value:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(value, indent=1, ensure_ascii=False).encode(errors="surrogateescape")
        write_atomic(path, data, scratch=self.layout.scratch, durable=durable)

    def video(self, video_id: str) -> rows.Row | None:
        """A video as a row of table `videos`; None where it was never readable."""
        stored = read_object(self.layout.video(video_id))
        return stored and stored | {"frame_index": base64.b64decode(stored["frame_index"])}

    def put_video(self, video: Video) -> None:
        """Write a video and its path; the stored facts of the sound stay where the sound was not probed."""
        row = rows.video_row(video)
        if not video.is_sound_known and (before := read_object(self.layout.video(video.video_id))):
            row["sound"] = before.get("sound") or row["sound"]
        self.put(
            self.layout.video(video.video_id),
            row | {"frame_index": base64.b64encode(row["frame_index"]).decode()},
        )
        self.put_path(video)

    def put_path(self, video: Video) -> None:
        """Write the path at which a video was found."""
        entry = {name: getattr(video, name) for name in ("path", "video_id", "size_bytes", "mtime_ns")}
        self.put(self.layout.source(video.path), entry)

    def jobs_of(self, video_id: str) -> list[BatchJob]:
        return [job for path in self.layout.jobs_of(video_id) if (job := job_in(path))]

    def controls(self) -> dict[str, Control]:
        """The requests to pause or cancel, by job id.

        They repeat what is in the files of jobs, in one file that can be read every second.
        """
        return {
            job_id: Control(control) for job_id, control in (read_object(self.layout.controls) or {}).items()
        }

    def note_controls(self, changed: Mapping[str, Control | None]) -> None:
        before = self.controls()
        after = {job_id: control for job_id, control in {**before, **changed}.items() if control is not None}
        if after != before:
            self.put(self.layout.controls, after)

    def drop_jobs(self, video_id: str, job_ids: Iterable[str]) -> None:
        """Remove jobs of a video, with their logs."""
        removed_ids = list(job_ids)
        for job_id in removed_ids:
            self.layout.log(video_id, job_id).unlink(missing_ok=True)
            self.layout.job(video_id, job_id).unlink(missing_ok=True)
        self.note_controls(dict.fromkeys(removed_ids))
        self.write_views(video_id)

    def forget_controls(self, job_ids: Iterable[str]) -> None:
        """Remove the requests for these jobs."""
        self.note_controls(dict.fromkeys(job_ids))

    def write_views(self, video_id: str) -> None:
        """Write the files that people open: the newest job of a video and its summary; none without a job."""
        newest = newest_job(self.jobs_of(video_id))
        if newest is None:
            self.layout.newest_job(video_id).unlink(missing_ok=True)
            self.layout.summary(video_id).unlink(missing_ok=True)
            return
        self.put(self.layout.newest_job(video_id), job_object(newest))
        self.put(self.layout.summary(video_id), summary_object(newest))


def job_in(path: Path) -> BatchJob | None:
    """The job in a file; None where the file is missing or damaged."""
    stored = read_object(path)
    if stored is None:
        return None
    results = {name: rows.result_from(name, state) for name, state in sorted(stored["pipelines"].items())}
    return rows.job_from(stored | {"config": json.dumps(stored["config"])}, results)
