"""The store in one SQLite file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from actors.stores import queries, rows
from actors.stores.database import Database, current_epoch
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
from schemas import tables
from schemas.annotation import Annotation
from schemas.chunk import ChunkCommit, ManifestLine, WorkKey
from schemas.coco import reading_order
from schemas.job import BatchJob, JobStatus
from schemas.store import Embeddings, Identity, Outcome, RunInfo, StorageBackend, StoredBatch
from schemas.video import Video


class SQLiteStorageBackend(StorageBackend):
    """Everything in one file at `db_path`, made if need be; `read_only` never creates or changes anything.

    One writer at a time (the engine drives it as one actor), any number of readers beside it. Raises `StoreUnreachable` when the file
    cannot be used, `NotFound` when it is to be read and is not there.
    """

    def __init__(self, db_path: Path, *, read_only: bool = False) -> None:
        self._db = Database(Path(db_path).absolute(), read_only=read_only)
        self.url = self._db.url

    def save_annotations(self, job_id: str, pipeline: str, annotations: list[dict[str, Any]]) -> str:
        with self._db.write(None) as connection:
            job = queries.job_by_id(connection, job_id, self.url)
            known = job.pipeline_results.get(pipeline)
            key = WorkKey(job.video_id, pipeline, known.config_hash if known else rows.hash_by_hand(job.config))
            made = tuple(rows.annotations_by_hand(key, annotations))
            self._finish(connection, Outcome(key, job_id, JobStatus.COMPLETED, made))
        return self.url

    def load_annotations(self, job_id: str, pipeline: str) -> list[dict[str, Any]]:
        with self._db.read() as connection:
            key = key_of(queries.job_by_id(connection, job_id, self.url), pipeline, self.url)
            return [annotation.to_data() for annotation in _annotations(connection, key)]

    def annotation_exists(self, job_id: str, pipeline: str) -> bool:
        states, names = tables.job_pipeline_status.c, tables.pipelines.c
        query = select(states.digest).join(tables.pipelines).where(states.job_id == job_id, names.name == pipeline)
        with self._db.read() as connection:
            return connection.scalar(query.where(states.status == JobStatus.COMPLETED.value)) is not None

    def save_job_metadata(self, job: BatchJob) -> None:
        with self._db.write(None) as connection:
            queries.put_jobs(connection, [job])

    def load_job_metadata(self, job_id: str) -> BatchJob:
        with self._db.read() as connection:
            return queries.job_by_id(connection, job_id, self.url)

    def open_run(self, run: RunInfo) -> int:
        with self._db.write(None) as connection:
            epoch = current_epoch(connection) + 1
            connection.execute(insert(tables.runs), [rows.run_row(run, epoch, rows.time_text(now()) or "")])
        return epoch

    def close_run(self, epoch: int, outcome: str) -> None:
        with self._db.write(epoch) as connection:
            ended = update(tables.runs).where(tables.runs.c.epoch == epoch)
            connection.execute(ended.values(ended_at=rows.time_text(now()), outcome=outcome))

    def batches(self) -> list[StoredBatch]:
        with self._db.read() as connection:
            found = connection.execute(select(tables.runs).order_by(tables.runs.c.epoch.desc())).mappings()
            return [rows.batch_from(row) for row in found]

    def known_videos(self, paths: Sequence[str]) -> dict[str, Video]:
        with self._db.read() as connection:
            return queries.videos_by_path(connection, paths)

    def fingerprints(self, video_ids: Sequence[str]) -> dict[str, str]:
        columns = tables.videos.c
        query = select(columns.video_id, columns.fingerprint)
        with self._db.read() as connection:
            pages = (connection.execute(query.where(columns.video_id.in_(page))) for page in queries.paged(video_ids))
            return {row.video_id: row.fingerprint for page in pages for row in page}

    def register(self, epoch: int, videos: Sequence[Video], jobs: Sequence[BatchJob]) -> None:
        with self._db.write(epoch) as connection:
            queries.put_videos(connection, videos)
            known = queries.jobs_by_id(connection, (job.job_id for job in jobs))
            complete = queries.complete(connection, (key for job in jobs for key in keys_of(job).values()))
            queries.put_jobs(connection, [registered(job, known.get(job.job_id), complete) for job in jobs])

    def completed(self, keys: Sequence[WorkKey]) -> set[WorkKey]:
        with self._db.read() as connection:
            return set(queries.complete(connection, keys))

    def manifest(self, keys: Sequence[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        with self._db.read() as connection:
            return queries.lines_of(connection, keys)

    def commit_chunks(self, epoch: int, commits: Sequence[ChunkCommit]) -> dict[WorkKey, int]:
        keys = dict.fromkeys(commit.line.key for commit in commits)
        with self._db.write(epoch) as connection:
            ids = queries.pipeline_ids(connection, {key.pipeline for key in keys})
            done = queries.complete(connection, keys)  # a late repetition must not undo a finished result
            at = rows.time_text(now()) or ""
            for commit in commits:
                if commit.line.key not in done:
                    queries.put_chunk(connection, rows.checked(commit), ids[commit.line.key.pipeline], at)
            return queries.frames_committed(connection, keys, ids)

    def payloads(self, key: WorkKey) -> list[bytes]:
        with self._db.read() as connection:
            pipeline_id = queries.pipeline_ids(connection).get(key.pipeline, 0)
            query = select(tables.chunks.c.payload).where(queries.of_key(tables.chunks, key, pipeline_id))
            query = query.where(tables.chunks.c.payload.is_not(None)).order_by(tables.chunks.c.first_frame)
            return [payload for payload in connection.execute(query).scalars() if payload]

    def finish(self, epoch: int, outcome: Outcome) -> None:
        with self._db.write(epoch) as connection:
            self._finish(connection, outcome)

    def _finish(self, connection: Connection, outcome: Outcome) -> None:
        key, at = outcome.key, now()
        job = queries.job_by_id(connection, outcome.job_id, self.url)
        pipeline_id = queries.pipeline_ids(connection, [key.pipeline])[key.pipeline]
        if outcome.annotations is None:
            data = queries.data_of(connection, key)
        else:
            data = [annotation.to_data() for annotation in outcome.annotations]
            queries.replace_rows(connection, key, pipeline_id, outcome.annotations, outcome.job_id, rows.time_text(at) or "")
        if outcome.replaces_embeddings:
            queries.replace_embeddings(connection, key, pipeline_id, outcome.embeddings)
        result = result_of(outcome, data, queries.seconds_of(connection, key, pipeline_id), at)
        siblings = queries.jobs_where(connection, tables.jobs.c.video_id == key.video_id)
        linked = [other for other in siblings if other.job_id == job.job_id or keys_of(other).get(key.pipeline) == key]
        queries.put_jobs(connection, [finished(other, result, at) for other in linked])
        if outcome.status is JobStatus.COMPLETED:
            queries.drop_payloads(connection, key, pipeline_id)
            if not outcome.keep_runs:
                self._supersede(connection, key, pipeline_id, [other for other in siblings if other not in linked])

    def _supersede(self, connection: Connection, key: WorkKey, pipeline_id: int, others: Sequence[BatchJob]) -> None:
        """Take what other configurations of this pipeline and video left out of the store, and out of their jobs."""
        queries.drop_other_configurations(connection, key, pipeline_id)
        for job in (job for job in others if key.pipeline in job.pipeline_results):
            rest = superseded(job, key.pipeline, now())
            queries.drop_result(connection, job, pipeline_id, whole=rest is None)
            queries.put_jobs(connection, [rest] if rest else [])

    def mark(self, epoch: int, job_id: str, pipelines: Sequence[str], status: JobStatus) -> None:
        with self._db.write(epoch) as connection:
            job = queries.job_by_id(connection, job_id, self.url)
            for pipeline in pipelines:
                key_of(job, pipeline, self.url)
            queries.put_jobs(connection, [marked(job, pipelines, status, now())])

    def jobs(self, *, status: JobStatus | None = None, batch_id: str | None = None) -> Iterator[BatchJob]:
        conditions: list[ColumnElement[bool]] = []
        if status is not None:
            conditions.append(tables.jobs.c.status == status.value)
        if batch_id is not None:
            conditions.append(tables.jobs.c.batch_id == batch_id)
        with self._db.read() as connection:
            return iter(queries.jobs_where(connection, *conditions))

    def videos(self, video_ids: Sequence[str]) -> dict[str, Video]:
        with self._db.read() as connection:
            return queries.videos_by_id(connection, video_ids)

    def annotations(self, key: WorkKey) -> list[Annotation]:
        with self._db.read() as connection:
            return _annotations(connection, key)

    def embeddings(self, key: WorkKey) -> Embeddings | None:
        with self._db.read() as connection:
            return queries.embeddings_of(connection, key)

    def put_identities(self, identities: Sequence[Identity]) -> None:
        with self._db.write(None) as connection:
            connection.execute(delete(tables.identities))
            queries.put(connection, tables.identities, [rows.identity_row(one) for one in identities])

    def identities(self) -> list[Identity]:
        columns = tables.identities.c
        query = select(tables.identities).order_by(columns.identity_id, columns.video_id, columns.face_id)
        with self._db.read() as connection:
            return [rows.identity_from(row) for row in connection.execute(query).mappings()]

    def canonical_rows(self) -> Iterator[Mapping[str, Any]]:
        with self._db.read() as connection:
            table = tables.embeddings.c
            for one, model, vector in connection.execute(select(table.annotation_id, table.model, table.vector)):
                yield from Embeddings((one,), np.frombuffer(vector, "<f4").astype(np.float32)[None], model).canonical()
            for data in connection.execute(select(tables.annotations.c.data)).scalars():
                yield {"annotation": json.loads(data)}
            for job in queries.jobs_where(connection):
                yield from canonical_states(job)

    def meta(self, name: str) -> str | None:
        with self._db.read() as connection:
            return connection.scalar(select(tables.meta.c.value).where(tables.meta.c.name == name))

    def set_meta(self, epoch: int, name: str, value: str) -> None:
        with self._db.write(epoch) as connection:
            queries.put(connection, tables.meta, [{"name": name, "value": value}])

    def close(self) -> None:
        self._db.close()


def _annotations(connection: Connection, key: WorkKey) -> list[Annotation]:
    return sorted((Annotation.from_data(data) for data in queries.data_of(connection, key)), key=reading_order)
