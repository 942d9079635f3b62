"""Writes projections: the JSON files of each video beside a database, made from the store.

They are in a folder, and where the run says so also below a URL.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from actors.stores.encoding.documents import job_object, pipeline_bytes, sidecars, summary_object
from schemas.annotations.coco import TAIL_BYTES, files_of, generation_of
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import current_results, newest_job
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from vaengine.execution.result_files import ResultFiles, files_in


def is_fresh(files: ResultFiles, name: str, generation: str) -> bool:
    """Whether the file is complete, is of this generation, and has the files that it names beside it.

    Only its last bytes are read.
    """
    tail = files.tail(name, TAIL_BYTES)
    return (
        tail is not None
        and generation_of(tail) == generation
        and all(files.size(beside) == size for beside, size in files_of(tail).items())
    )


def project_job(store: ResultStore, job: BatchJob, out: Path | str) -> int:
    """Bring the files of a video for a job's pipelines up to date; returns the number of files written.

    `out` is a folder or a URL. The files have the current results and the newest job of the video, as in a
    store of files: an older result that is kept beside the current one has no file. Raises `DiskFull` and
    other storage errors, and `LeadsOut`.
    """
    files = files_in(out, job.video_id)
    jobs = store.jobs_of([job.video_id])
    current = [
        (owner, result)
        for owner, result in current_results(jobs).values()
        if result.pipeline in job.pipeline_results
    ]
    written = sum(_project_pipeline(store, owner, result, files) for owner, result in current)
    newest = newest_job(jobs) or job
    _write_changed(files, "job_metadata.json", job_object(newest))
    _write_changed(files, "batch_summary.json", summary_object(newest))
    return written


def _project_pipeline(store: ResultStore, job: BatchJob, result: PipelineResult, files: ResultFiles) -> bool:
    document = f"{result.pipeline}.json"
    if (
        result.status not in (JobStatus.COMPLETED, JobStatus.FAILED)
        or not result.digest
        or is_fresh(files, document, result.digest)
    ):
        return False
    video = store.videos([job.video_id]).get(job.video_id)
    annotations = store.annotations(WorkKey(job.video_id, result.pipeline, result.config_hash))
    # They come before the pipeline's file, whose end says that all of them are there.
    for name, data in sidecars(result.pipeline, video, annotations).items():
        files.write(name, data)
    files.write(document, pipeline_bytes(job, result, video, annotations))
    return True


def _write_changed(files: ResultFiles, name: str, content: Mapping[str, Any]) -> None:
    data = json.dumps(content, ensure_ascii=False, indent=1).encode(errors="surrogateescape")
    if files.size(name) != len(data) or files.tail(name, len(data)) != data:
        files.write(name, data)


class Projector:
    """Writes projections during a run, on a thread with a connection of its own."""

    def __init__(self, url: str, places: Sequence[Path | str]) -> None:
        """`url` is the store's; `places` are folders and URLs."""
        self._url, self._places = url, places
        self._jobs: queue.SimpleQueue[Iterable[str] | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="projector", daemon=True)
        self._thread.start()

    def refresh(self, job_ids: Iterable[str]) -> None:
        """Queue the files of these jobs for an update; their ids are read on the thread."""
        self._jobs.put(job_ids)

    def close(self) -> None:
        """Wait for the queued jobs. Raises the error of a write.

        After an error the next run writes the files again from the store, which has everything.
        """
        self._jobs.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        from actors.stores import open_store

        try:
            store = open_store(self._url, read_only=True)
            while (job_ids := self._jobs.get()) is not None:
                for job in map(store.load_job_metadata, job_ids):
                    for place in self._places:
                        project_job(store, job, place)
            store.close()
        except Exception as error:  # noqa: BLE001 handed to `close`, which raises it on the main thread
            self._error = error
