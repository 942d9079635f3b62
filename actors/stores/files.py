"""The store of plain files: the seed's tree, with the manifest hidden beside what people open."""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from actors.stores import rows
from actors.stores.atomic import read_object, storage_errors, write_atomic
from actors.stores.transitions import (
    canonical_states,
    finished,
    key_of,
    keys_of,
    marked,
    now,
    registered,
    result_of,
    superseded,
)
from actors.stores.tree import Tree
from actors.stores.work import Work
from schemas import coco
from schemas.annotation import Annotation
from schemas.chunk import ChunkCommit, ManifestLine, Numbers, WorkKey
from schemas.errors import NotFound, StaleEpoch, StoreUnreachable
from schemas.job import BatchJob, JobStatus, PipelineResult
from schemas.pipeline import VERSIONS
from schemas.store import Outcome, RunInfo, StorageBackend, StoredBatch
from schemas.video import Video


class FileStorageBackend(StorageBackend):
    """A folder per video under `base_dir`, made if need be; `read_only` never creates or changes anything.

    Every file is replaced whole. Results and chunks are synced to the disk before they count; job and video files are not, since the same
    command registers them again. One writer at a time, any number of readers. Raises `StoreUnreachable` when the folder cannot be used,
    `NotFound` when it is to be read and holds no store.
    """

    def __init__(self, base_dir: Path, *, read_only: bool = False) -> None:
        base = Path(base_dir).absolute()
        self.url = f"files:{base}"
        self._tree, self._read_only = Tree(base), read_only
        self._video_of: dict[str, str] = {}  # job id -> video id, which never changes
        if read_only and not self._tree.epoch.is_file():
            raise NotFound("store", self.url)
        if not read_only:
            with storage_errors(base):
                self._tree.scratch.mkdir(parents=True, exist_ok=True)
                self._tree.runs.mkdir(exist_ok=True)
                self._tree.epoch.touch()

    @contextmanager
    def _write(self, epoch: int | None) -> Iterator[int]:
        """Hold the epoch file while something is written; raises `StaleEpoch` unless `epoch` is the store's (None: by hand)."""
        if self._read_only:
            raise StoreUnreachable(self.url, "it was opened for reading only")
        with storage_errors(self._tree.base), self._tree.epoch.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            current = int(file.read() or 0)
            if epoch is not None and epoch != current:
                raise StaleEpoch(epoch, current)
            yield current

    # The seed's five.

    def save_annotations(self, job_id: str, pipeline: str, annotations: list[dict[str, Any]]) -> str:
        with self._write(None):
            job = self._job(job_id)
            known = job.pipeline_results.get(pipeline)
            key = WorkKey(job.video_id, pipeline, known.config_hash if known else rows.hash_by_hand(job.config))
            made = tuple(rows.annotations_by_hand(key, annotations))
            return str(self._finish(Outcome(key, job_id, JobStatus.COMPLETED, made)))

    def load_annotations(self, job_id: str, pipeline: str) -> list[dict[str, Any]]:
        return [row.to_data() for row in self._work(key_of(self._job(job_id), pipeline, self.url)).annotations()]

    def annotation_exists(self, job_id: str, pipeline: str) -> bool:
        path = self._job_path(job_id)
        job = _job_in(path) if path else None
        return job is not None and pipeline in job.pipeline_results and self._work(keys_of(job)[pipeline]).complete() is not None

    def save_job_metadata(self, job: BatchJob) -> None:
        with self._write(None):
            self._put_jobs([job])

    def load_job_metadata(self, job_id: str) -> BatchJob:
        return self._job(job_id)

    # Runs.

    def open_run(self, run: RunInfo) -> int:
        with self._write(None) as current:
            epoch = current + 1
            self._put(self._tree.run(epoch), rows.run_row(run, epoch, rows.time_text(now()) or ""), durable=True)
            with self._tree.epoch.open("r+") as file:  # in place: replacing it would leave the lock on the old one
                file.write(f"{epoch:012d}\n")
                file.flush()
                os.fsync(file.fileno())
            for leftover in self._tree.scratch.iterdir():
                leftover.unlink()
        return epoch

    def close_run(self, epoch: int, outcome: str) -> None:
        with self._write(epoch):
            run = read_object(self._tree.run(epoch)) or {}
            self._put(self._tree.run(epoch), run | {"ended_at": rows.time_text(now()), "outcome": outcome})

    def batches(self) -> list[StoredBatch]:
        runs = (read_object(path) for path in sorted(self._tree.runs.glob("*.json"), reverse=True))
        return [rows.batch_from(run) for run in runs if run]

    # Videos, jobs, manifest.

    def known_videos(self, paths: Sequence[str]) -> dict[str, Video]:
        found = ((path, read_object(self._tree.source(path))) for path in dict.fromkeys(paths))
        known = ((path, entry, self._video(entry["video_id"])) for path, entry in found if entry)
        return {path: rows.video_from(video | entry) for path, entry, video in known if video}

    def fingerprints(self, video_ids: Sequence[str]) -> dict[str, str]:
        found = ((video_id, self._video(video_id)) for video_id in dict.fromkeys(video_ids))
        return {video_id: video["fingerprint"] for video_id, video in found if video}

    def register(self, epoch: int, videos: Sequence[Video], jobs: Sequence[BatchJob]) -> None:
        with self._write(epoch):
            for video in videos:
                self._put_video(video)
            complete = self._complete(key for job in jobs for key in keys_of(job).values())
            self._put_jobs([registered(job, _job_in(self._tree.job(job.video_id, job.job_id)), complete) for job in jobs])
            for key in complete:  # what a kill just after the result was written has left
                self._tidy(key, [other for other in self._other_configurations(key) if other.is_overwritten()])

    def completed(self, keys: Sequence[WorkKey]) -> set[WorkKey]:
        return set(self._complete(keys))

    def manifest(self, keys: Sequence[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        return {key: self._work(key).lines() for key in keys}

    def commit_chunks(self, epoch: int, commits: Sequence[ChunkCommit]) -> dict[WorkKey, int]:
        keys = dict.fromkeys(commit.line.key for commit in commits)
        with self._write(epoch):
            done = self._complete(keys)  # a late repetition must not undo a finished result
            for commit in commits:
                self._job(commit.job_id)
                if commit.line.key not in done:
                    self._work(commit.line.key).commit(commit)
            return {key: self._work(key).frames_committed() for key in keys}

    def numbers(self, key: WorkKey) -> Numbers:
        return self._work(key).numbers()

    def finish(self, epoch: int, outcome: Outcome) -> None:
        with self._write(epoch):
            self._finish(outcome)

    def mark(self, epoch: int, job_id: str, pipelines: Sequence[str], status: JobStatus) -> None:
        with self._write(epoch):
            job = self._job(job_id)
            for pipeline in pipelines:
                key_of(job, pipeline, self.url)
            self._put_jobs([marked(job, pipelines, status, now())])

    # Reading.

    def jobs(self, *, status: JobStatus | None = None, batch_id: str | None = None) -> Iterator[BatchJob]:
        found = [job for path in self._tree.all_jobs() if (job := _job_in(path))]
        wanted = (job for job in found if status in (None, job.status) and batch_id in (None, job.batch_id))
        return iter(sorted(wanted, key=lambda job: (job.created_at, job.job_id)))

    def videos(self, video_ids: Sequence[str]) -> dict[str, Video]:
        found = ((video_id, self._video(video_id)) for video_id in dict.fromkeys(video_ids))
        return {video_id: rows.video_from(video) for video_id, video in found if video}

    def annotations(self, key: WorkKey) -> list[Annotation]:
        return self._work(key).annotations()

    def canonical_rows(self) -> Iterator[Mapping[str, Any]]:
        for video_id in self._tree.video_ids():
            for key in self._tree.keys_of(video_id):
                yield from ({"annotation": row.to_data()} for row in self._work(key).annotations())
        for job in self.jobs():
            yield from canonical_states(job)

    def meta(self, name: str) -> str | None:
        return (read_object(self._tree.meta) or {}).get(name)

    def set_meta(self, epoch: int, name: str, value: str) -> None:
        with self._write(epoch):
            self._put(self._tree.meta, (read_object(self._tree.meta) or {}) | {name: value}, durable=True)

    def close(self) -> None:
        """Nothing is held open between calls."""

    # Below: one place for each kind of file.

    def _work(self, key: WorkKey) -> Work:
        return Work(self._tree, key)

    def _complete(self, keys: Iterable[WorkKey]) -> dict[WorkKey, PipelineResult]:
        found = {key: self._work(key).complete() for key in keys}
        return {key: result for key, result in found.items() if result}

    def _finish(self, outcome: Outcome) -> Path:
        key, at, work = outcome.key, now(), self._work(outcome.key)
        job = self._job(outcome.job_id)
        given = work.annotations() if outcome.annotations is None else outcome.annotations
        lines = work.lines()
        result = result_of(outcome, [row.to_data() for row in given], sum(line.seconds for line in lines), at)
        if outcome.status is JobStatus.COMPLETED and outcome.keep_runs:
            for other in self._other_configurations(key):
                other.set_aside()
        path = work.conclude(result, self._document(job, result, given), lines)
        linked = [other for other in self._siblings(key) if other.job_id == job.job_id or keys_of(other).get(key.pipeline) == key]
        self._put_jobs([finished(other, result, at) for other in linked])
        if outcome.status is JobStatus.COMPLETED:
            self._tidy(key, [] if outcome.keep_runs else self._other_configurations(key))
        return path

    def _other_configurations(self, key: WorkKey) -> list[Work]:
        """Work of the same pipeline and video that there is anything of, be it only a job that asks for it."""
        asked = [other for job in self._siblings(key) for other in keys_of(job).values()]
        keys = dict.fromkeys([*self._tree.keys_of(key.video_id), *asked])
        return [self._work(other) for other in keys if other.pipeline == key.pipeline and other != key]

    def _siblings(self, key: WorkKey) -> list[BatchJob]:
        return [job for path in self._tree.jobs_of(key.video_id) if (job := _job_in(path))]

    def _tidy(self, key: WorkKey, replaced: Sequence[Work]) -> None:
        """Take out of the store what a complete result has made superfluous: its chunks, and the configurations it replaced."""
        self._work(key).drop_chunks()
        for other in replaced:
            other.clear()
        gone = {other.key for other in replaced}
        for job in (job for job in self._siblings(key) if keys_of(job).get(key.pipeline) in gone):
            path = self._tree.job(job.video_id, job.job_id)
            if rest := superseded(job, key.pipeline, now()):
                self._put(path, _job_object(rest, {}))
            else:
                path.unlink()
        if gone:
            self._show(key.video_id)

    def _document(self, job: BatchJob, result: PipelineResult, given: Iterable[Annotation]) -> bytes:
        info = {
            "version": version("vaengine"),
            "pipeline_version": VERSIONS.get(result.pipeline),
            "date_created": rows.time_text(result.completed_at),
            "status": result.status.value,
            "warning": result.warning,
            "error_message": result.error_message,
            "job_id": job.job_id,
            "config_hash": result.config_hash,
            "configuration": job.config,
        }
        video = self.videos([job.video_id]).get(job.video_id)
        return coco.to_bytes(coco.document(result.pipeline, video, given, info=info, generation=result.digest or ""))

    def _put(self, path: Path, value: Mapping[str, Any], *, durable: bool = False) -> None:
        if read_object(path) == value:  # a second run over the same folder writes nothing
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(value, indent=1, ensure_ascii=False).encode(errors="surrogateescape")
        write_atomic(path, data, scratch=self._tree.scratch, durable=durable)

    def _video(self, video_id: str) -> dict[str, Any] | None:
        found = read_object(self._tree.video(video_id))
        return found and found | {"frame_index": base64.b64decode(found["frame_index"])}

    def _put_video(self, video: Video) -> None:
        row = rows.video_row(video)
        entry = {name: row[name] for name in ("path", "video_id", "size_bytes", "mtime_ns")}
        new = row | {"frame_index": base64.b64encode(row["frame_index"]).decode()}
        self._put(self._tree.video(video.video_id), new)
        self._put(self._tree.source(video.path), entry)

    def _job_path(self, job_id: str) -> Path | None:
        if job_id not in self._video_of:
            self._video_of |= {job.job_id: job.video_id for job in self.jobs()}
        video_id = self._video_of.get(job_id)
        return self._tree.job(video_id, job_id) if video_id is not None else None

    def _job(self, job_id: str) -> BatchJob:
        path = self._job_path(job_id)
        job = _job_in(path) if path else None
        if job is None:
            raise NotFound(f"job {job_id}", self.url)
        return job

    def _put_jobs(self, jobs: Sequence[BatchJob]) -> None:
        for job in jobs:
            path = self._tree.job(job.video_id, job.job_id)
            before = read_object(path) or {}
            self._put(path, _job_object(job, before.get("pipelines", {})))
            self._video_of[job.job_id] = job.video_id
        for video_id in dict.fromkeys(job.video_id for job in jobs):
            self._show(video_id)

    def _show(self, video_id: str) -> None:
        """Write what people open about a video's jobs: the newest job, and a summary of its pipelines."""
        jobs = [job for path in self._tree.jobs_of(video_id) if (job := _job_in(path))]
        newest = max(jobs, key=lambda job: (job.created_at, job.job_id))
        summary = {"video_id": video_id, "video_path": str(newest.video_path), "job_id": newest.job_id, "status": newest.status.value}
        pipelines = {name: rows.status_row(result) for name, result in newest.pipeline_results.items()}
        self._put(self._tree.newest_job(video_id), _job_object(newest, {}))
        self._put(self._tree.summary(video_id), summary | {"error_message": newest.error_message, "pipelines": pipelines})


def _job_object(job: BatchJob, before: Mapping[str, Any]) -> dict[str, Any]:
    """A job as a JSON object; pipelines it does not name keep the state they had."""
    states = {name: rows.status_row(result) for name, result in job.pipeline_results.items()}
    return rows.job_row(job) | {"config": dict(job.config), "pipelines": {**before, **states}}


def _job_in(path: Path) -> BatchJob | None:
    """The job in a file; None where there is none."""
    found = read_object(path)
    if found is None:
        return None
    results = {name: rows.result_from(name, state) for name, state in sorted(found["pipelines"].items())}
    return rows.job_from(found | {"config": json.dumps(found["config"])}, results)
