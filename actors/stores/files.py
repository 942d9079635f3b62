"""The store of plain files: the seed's tree, with the manifest hidden beside what people open."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actors.stores import rows
from actors.stores.atomic import read_object, storage_errors, write_or_remove
from actors.stores.documents import pipeline_bytes, sidecars
from actors.stores.register import Register, job_in
from actors.stores.transitions import (
    canonical_states,
    finished,
    key_of,
    keys_of,
    marked,
    now,
    registered,
    result_of,
)
from actors.stores.tree import Tree
from actors.stores.work import Work
from schemas.annotation import Annotation
from schemas.chunk import ChunkCommit, ManifestLine, WorkKey
from schemas.errors import NotFound, StaleEpoch, StoreUnreachable
from schemas.job import BatchJob, JobStatus, PipelineResult
from schemas.store import Embeddings, Identity, Outcome, RunInfo, StorageBackend, StoredBatch
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
        self._register = Register(self._tree)
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
            job = self._register.job(job_id)
            known = job.pipeline_results.get(pipeline)
            key = WorkKey(job.video_id, pipeline, known.config_hash if known else rows.hash_by_hand(job.config))
            made = tuple(rows.annotations_by_hand(key, annotations))
            return str(self._finish(Outcome(key, job_id, JobStatus.COMPLETED, made)))

    def load_annotations(self, job_id: str, pipeline: str) -> list[dict[str, Any]]:
        return [row.to_data() for row in self._work(key_of(self._register.job(job_id), pipeline, self.url)).annotations()]

    def annotation_exists(self, job_id: str, pipeline: str) -> bool:
        path = self._register.job_path(job_id)
        job = job_in(path) if path else None
        return job is not None and pipeline in job.pipeline_results and self._work(keys_of(job)[pipeline]).complete() is not None

    def save_job_metadata(self, job: BatchJob) -> None:
        with self._write(None):
            self._register.put_jobs([job])

    def load_job_metadata(self, job_id: str) -> BatchJob:
        return self._register.job(job_id)

    # Runs.

    def open_run(self, run: RunInfo) -> int:
        with self._write(None) as current:
            epoch = current + 1
            self._register.put(self._tree.run(epoch), rows.run_row(run, epoch, rows.time_text(now()) or ""), durable=True)
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
            self._register.put(self._tree.run(epoch), run | {"ended_at": rows.time_text(now()), "outcome": outcome})

    def batches(self) -> list[StoredBatch]:
        runs = (read_object(path) for path in sorted(self._tree.runs.glob("*.json"), reverse=True))
        return [rows.batch_from(run) for run in runs if run]

    # Videos, jobs, manifest.

    def known_videos(self, paths: Sequence[str]) -> dict[str, Video]:
        found = ((path, read_object(self._tree.source(path))) for path in dict.fromkeys(paths))
        known = ((path, entry, self._register.video(entry["video_id"])) for path, entry in found if entry)
        return {path: rows.video_from(video | entry) for path, entry, video in known if video and rows.sound_is_known(video)}

    def fingerprints(self, video_ids: Sequence[str]) -> dict[str, str]:
        found = ((video_id, self._register.video(video_id)) for video_id in dict.fromkeys(video_ids))
        return {video_id: video["fingerprint"] for video_id, video in found if video}

    def register(self, epoch: int, videos: Sequence[Video], jobs: Sequence[BatchJob]) -> None:
        with self._write(epoch):
            for video in videos:
                self._register.put_video(video)
            complete = self._complete(key for job in jobs for key in keys_of(job).values())
            self._register.put_jobs([registered(job, job_in(self._tree.job(job.video_id, job.job_id)), complete) for job in jobs])
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
                self._register.job(commit.job_id)
                if commit.line.key not in done:
                    self._work(commit.line.key).commit(commit)
            return {key: self._work(key).frames_committed() for key in keys}

    def payloads(self, key: WorkKey) -> list[bytes]:
        return self._work(key).payloads()

    def finish(self, epoch: int, outcome: Outcome) -> None:
        with self._write(epoch):
            self._finish(outcome)

    def mark(self, epoch: int, job_id: str, pipelines: Sequence[str], status: JobStatus) -> None:
        with self._write(epoch):
            job = self._register.job(job_id)
            for pipeline in pipelines:
                key_of(job, pipeline, self.url)
            self._register.put_jobs([marked(job, pipelines, status, now())])

    # Reading.

    def jobs(self, *, status: JobStatus | None = None, batch_id: str | None = None) -> Iterator[BatchJob]:
        wanted = (job for job in self._register.all_jobs() if status in (None, job.status) and batch_id in (None, job.batch_id))
        return iter(sorted(wanted, key=lambda job: (job.created_at, job.job_id)))

    def videos(self, video_ids: Sequence[str]) -> dict[str, Video]:
        found = ((video_id, self._register.video(video_id)) for video_id in dict.fromkeys(video_ids))
        return {video_id: rows.video_from(video) for video_id, video in found if video}

    def annotations(self, key: WorkKey) -> list[Annotation]:
        return self._work(key).annotations()

    def embeddings(self, key: WorkKey) -> Embeddings | None:
        return self._work(key).embeddings()

    def put_identities(self, identities: Sequence[Identity]) -> None:
        with self._write(None):
            self._register.put(self._tree.identities, {"identities": [rows.identity_row(one) for one in identities]}, durable=True)

    def identities(self) -> list[Identity]:
        found = (read_object(self._tree.identities) or {}).get("identities", ())
        return sorted((rows.identity_from(row) for row in found), key=lambda one: (one.identity_id, one.video_id, one.face_id))

    def canonical_rows(self) -> Iterator[Mapping[str, Any]]:
        for video_id in self._tree.video_ids():
            for key in self._tree.keys_of(video_id):
                if stored := self._work(key).embeddings():
                    yield from stored.canonical()
                yield from ({"annotation": row.to_data()} for row in self._work(key).annotations())
        for job in self.jobs():
            yield from canonical_states(job)

    def meta(self, name: str) -> str | None:
        return (read_object(self._tree.meta) or {}).get(name)

    def set_meta(self, epoch: int, name: str, value: str) -> None:
        with self._write(epoch):
            self._register.put(self._tree.meta, (read_object(self._tree.meta) or {}) | {name: value}, durable=True)

    def close(self) -> None:
        """Nothing is held open between calls."""

    def _work(self, key: WorkKey) -> Work:
        return Work(self._tree, key)

    def _complete(self, keys: Iterable[WorkKey]) -> dict[WorkKey, PipelineResult]:
        found = {key: self._work(key).complete() for key in keys}
        return {key: result for key, result in found.items() if result}

    def _finish(self, outcome: Outcome) -> Path:
        key, at, work = outcome.key, now(), self._work(outcome.key)
        job = self._register.job(outcome.job_id)
        given = work.annotations() if outcome.annotations is None else outcome.annotations
        lines = work.lines()
        result = result_of(outcome, [row.to_data() for row in given], sum(line.seconds for line in lines), at)
        if outcome.status is JobStatus.COMPLETED and outcome.keep_runs:
            for other in self._other_configurations(key):
                other.set_aside()
        video = self.videos([job.video_id]).get(job.video_id)
        kept = outcome.embeddings if outcome.replaces_embeddings else work.embeddings()
        if outcome.status is JobStatus.COMPLETED:
            for name, data in sidecars(key.pipeline, video, given).items():
                write_or_remove(self._tree.folder(key.video_id) / name, data, scratch=self._tree.scratch)
        path = work.conclude(result, pipeline_bytes(job, result, video, given), lines, kept)
        linked = [
            other for other in self._register.jobs_of(key.video_id) if other.job_id == job.job_id or keys_of(other).get(key.pipeline) == key
        ]
        self._register.put_jobs([finished(other, result, at) for other in linked])
        if outcome.status is JobStatus.COMPLETED:
            self._tidy(key, [] if outcome.keep_runs else self._other_configurations(key))
        return path

    def _other_configurations(self, key: WorkKey) -> list[Work]:
        """Work of the same pipeline and video that there is anything of, be it only a job that asks for it."""
        asked = [other for job in self._register.jobs_of(key.video_id) for other in keys_of(job).values()]
        keys = dict.fromkeys([*self._tree.keys_of(key.video_id), *asked])
        return [self._work(other) for other in keys if other.pipeline == key.pipeline and other != key]

    def _tidy(self, key: WorkKey, replaced: Sequence[Work]) -> None:
        """Take out of the store what a complete result has made superfluous: its chunks, and the configurations it replaced."""
        self._work(key).drop_chunks()
        for other in replaced:
            other.clear()
        self._register.supersede(key.video_id, key.pipeline, {other.key.config_hash for other in replaced})
