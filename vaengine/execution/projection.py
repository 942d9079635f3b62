"""Writes projections: the JSON files of each video beside a database, made from the store."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from actors.atomic_files import storage_errors, write_atomic, write_or_remove
from actors.stores.encoding.documents import job_object, pipeline_bytes, sidecars, summary_object
from actors.stores.rules.erasure_text import require_inside
from schemas.annotations.coco import TAIL_BYTES, files_of, generation_of
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import current_results
from schemas.work.job import BatchJob, JobStatus, PipelineResult


def is_fresh(path: Path, generation: str) -> bool:
    """Whether the file is complete, is of this generation, and has the files that it names beside it.

    Only its last bytes are read.
    """
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            tail = file.read()
        return generation_of(tail) == generation and all(
            path.with_name(name).stat().st_size == size for name, size in files_of(tail).items()
        )
    except OSError:
        return False


def project_job(store: ResultStore, job: BatchJob, out: Path) -> int:
    """Bring the files of a video for a job's pipelines up to date; returns the number of files written.

    The files have the current results and the newest job of the video, as in a store of files: an older
    result that is kept beside the current one has no file. Raises `DiskFull` and other storage errors, and
    `LeadsOut`.
    """
    folder = out / job.video_id
    require_inside(folder, out)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    jobs = store.jobs_of([job.video_id])
    current = [
        (owner, result)
        for owner, result in current_results(jobs).values()
        if result.pipeline in job.pipeline_results
    ]
    written = sum(_project_pipeline(store, owner, result, folder) for owner, result in current)
    newest = max(jobs, key=lambda job: (job.created_at, job.job_id), default=job)
    _write_changed(folder / "job_metadata.json", job_object(newest))
    _write_changed(folder / "batch_summary.json", summary_object(newest))
    return written


def _project_pipeline(store: ResultStore, job: BatchJob, result: PipelineResult, folder: Path) -> bool:
    path = folder / f"{result.pipeline}.json"
    if (
        result.status not in (JobStatus.COMPLETED, JobStatus.FAILED)
        or not result.digest
        or is_fresh(path, result.digest)
    ):
        return False
    video = store.videos([job.video_id]).get(job.video_id)
    annotations = store.annotations(WorkKey(job.video_id, result.pipeline, result.config_hash))
    # They come before the pipeline's file, whose end says that all of them are there.
    for name, data in sidecars(result.pipeline, video, annotations).items():
        write_or_remove(folder / name, data)
    write_atomic(path, pipeline_bytes(job, result, video, annotations))
    return True


def _write_changed(path: Path, content: Mapping[str, Any]) -> None:
    data = json.dumps(content, ensure_ascii=False, indent=1).encode(errors="surrogateescape")
    if not path.exists() or path.read_bytes() != data:
        write_atomic(path, data)


class Projector:
    """Writes projections during a run, on a thread with a connection of its own."""

    def __init__(self, url: str, out: Path) -> None:
        self._url, self._out = url, out
        self._jobs: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="projector", daemon=True)
        self._thread.start()

    def refresh(self, job_ids: Iterable[str]) -> None:
        """Queue the files of these jobs for an update."""
        for job_id in job_ids:
            self._jobs.put(job_id)

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
            while (job_id := self._jobs.get()) is not None:
                project_job(store, store.load_job_metadata(job_id), self._out)
            store.close()
        except Exception as error:  # noqa: BLE001 handed to `close`, which raises it on the main thread
            self._error = error
