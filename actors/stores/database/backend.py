"""A store in a database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, select

from actors.stores.database.retention import DatabaseRetention
from actors.stores.encoding import rows
from actors.stores.encoding.annotation_forms import annotations_given, with_own_ids
from actors.stores.rules import job_log
from actors.stores.rules.transitions import (
    as_it_ends,
    canonical_states,
    finished,
    is_open,
    key_of,
    keys_of,
    marked,
    now,
    registered,
    result_of,
    standing,
    superseded,
    to_lease,
)
from actors.stores.sql import attempts, chunks, leases, named_queries, queries, similarity
from schemas.annotations.annotation import Annotation
from schemas.annotations.coco import reading_order
from schemas.errors import NotFound
from schemas.media.video import Video
from schemas.storage import tables
from schemas.storage.backend import Embeddings, Identity, Outcome, RowCount
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus
from schemas.work.manifest import ChunkCommit, ManifestLine


class DatabaseStorageBackend(DatabaseRetention):
    """Everything in the tables of `schemas.storage.tables`; which database they are in is a matter of
    `Database` and of `dialect` alone.
    """

    def save_annotations(self, job_id: str, pipeline: str, annotations: list[dict[str, Any]]) -> str:
        with self._db.write(None) as connection:
            job = queries.job_by_id(connection, job_id, self.url)
            known = job.pipeline_results.get(pipeline)
            key = WorkKey(
                job.video_id, pipeline, known.config_hash if known else rows.hash_by_hand(job.config)
            )
            given = annotations_given(key, annotations)
            made = with_own_ids(
                key, given, queries.ids_of_others(connection, key, [one.annotation_id for one in given])
            )
            self._finish(connection, Outcome(key, job_id, JobStatus.COMPLETED, made))
        return self.url

    def load_annotations(self, job_id: str, pipeline: str) -> list[dict[str, Any]]:
        with self._db.read() as connection:
            key = key_of(queries.job_by_id(connection, job_id, self.url), pipeline, self.url)
            return [annotation.to_data() for annotation in _annotations(connection, key)]

    def annotation_exists(self, job_id: str, pipeline: str) -> bool:
        states, names = tables.job_pipeline_status.c, tables.pipelines.c
        query = (
            select(states.digest)
            .join(tables.pipelines)
            .where(states.job_id == job_id, names.name == pipeline)
        )
        with self._db.read() as connection:
            return connection.scalar(query.where(states.status == JobStatus.COMPLETED.value)) is not None

    def save_job_metadata(self, job: BatchJob) -> None:
        with self._db.write(None) as connection:
            queries.put_jobs(connection, [job])

    def load_job_metadata(self, job_id: str) -> BatchJob:
        with self._db.read() as connection:
            return queries.job_by_id(connection, job_id, self.url)

    def known_videos(self, paths: Sequence[str]) -> dict[str, Video]:
        with self._db.read() as connection:
            return queries.videos_by_path(connection, paths)

    def fingerprints(self, video_ids: Sequence[str]) -> dict[str, str]:
        columns = tables.videos.c
        query = select(columns.video_id, columns.fingerprint)
        with self._db.read() as connection:
            pages = (
                connection.execute(query.where(columns.video_id.in_(page)))
                for page in queries.paged(video_ids)
            )
            return {row.video_id: row.fingerprint for page in pages for row in page}

    def ids_by_content(self, fingerprints: Sequence[str]) -> dict[str, tuple[str, ...]]:
        with self._db.read() as connection:
            return queries.ids_by_content(connection, fingerprints)

    def known_paths(self) -> dict[str, str]:
        with self._db.read() as connection:
            found = connection.execute(select(tables.video_paths.c.path, tables.video_paths.c.video_id))
            return {row.path: row.video_id for row in found}

    def add_paths(self, epoch: int, copies: Sequence[Video]) -> None:
        with self._db.write(epoch, {copy.video_id for copy in copies}) as connection:
            queries.put_paths(connection, copies)

    def register(self, epoch: int, videos: Sequence[Video], jobs: Sequence[BatchJob]) -> set[WorkKey]:
        keys = [key for job in jobs for key in keys_of(job).values()]
        with self._db.write(
            epoch, {job.video_id for job in jobs} | {video.video_id for video in videos}
        ) as connection:
            at = self._db.now(connection)
            queries.put_videos(connection, videos)
            there = queries.jobs_of_videos(connection, (job.video_id for job in jobs))
            complete = queries.complete(connection, keys)
            elsewhere = leases.held_elsewhere(connection, epoch, keys, at) - complete.keys()
            known, stands = {job.job_id: job for job in there}, standing(there, complete, elsewhere)
            new = [registered(job, known.get(job.job_id), stands) for job in jobs]
            queries.put_jobs(connection, new)
            leases.take(connection, epoch, {key for job in new for key in to_lease(job)} - elsewhere)
            leases.beat(connection, epoch, at)
            self._note_registered(
                connection,
                epoch,
                [job for job in new if job.job_id not in known or job.status is not JobStatus.COMPLETED],
            )
            return elsewhere

    def _note_registered(self, connection: Connection, epoch: int, jobs: Sequence[BatchJob]) -> None:
        lines = {job.job_id: job_log.registration(job, epoch, now()) for job in jobs}
        noted = attempts.registered_by(connection, lines.keys(), f"run {epoch}")
        attempts.note(connection, (line for job_id, line in lines.items() if job_id not in noted))

    def completed(self, keys: Sequence[WorkKey]) -> set[WorkKey]:
        with self._db.read() as connection:
            return set(queries.complete(connection, keys))

    def completed_of(self, video_ids: Sequence[str]) -> set[WorkKey]:
        with self._db.read() as connection:
            return queries.complete_of(connection, video_ids)

    def manifest(self, keys: Sequence[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        with self._db.read() as connection:
            return chunks.lines_of(connection, keys)

    def commit_chunks(self, epoch: int, commits: Sequence[ChunkCommit]) -> dict[WorkKey, int]:
        keys = dict.fromkeys(commit.line.key for commit in commits)
        with self._db.write(epoch, {key.video_id for key in keys}) as connection:
            ids = queries.pipeline_ids(connection, {key.pipeline for key in keys})
            done = queries.complete(connection, keys)  # a late repetition must not undo a finished result
            new = [commit for commit in commits if commit.line.key not in done]
            leases.require_for_chunks(connection, epoch, [key for key in keys if key not in done])
            attempts.require_newest(connection, new)
            at = rows.time_text(now()) or ""
            for commit in new:
                chunks.put_chunk(connection, rows.checked(commit), ids[commit.line.key.pipeline], at)
            attempts.end_leased(connection, commits)
            return chunks.frames_committed(connection, keys, ids)

    def payloads(self, key: WorkKey) -> list[bytes]:
        with self._db.read() as connection:
            pipeline_id = queries.pipeline_ids(connection).get(key.pipeline, 0)
            query = select(tables.chunks.c.payload).where(queries.of_key(tables.chunks, key, pipeline_id))
            query = query.where(tables.chunks.c.payload.is_not(None)).order_by(tables.chunks.c.first_frame)
            return [payload for payload in connection.execute(query).scalars() if payload]

    def finish(self, epoch: int | None, outcome: Outcome) -> None:
        with self._db.write(epoch, [outcome.key.video_id]) as connection:
            if queries.complete(connection, [outcome.key]):
                return
            if epoch is not None:
                leases.require(connection, epoch, [outcome.key])
            self._finish(connection, outcome, epoch)

    def _finish(self, connection: Connection, outcome: Outcome, epoch: int | None = None) -> None:
        key, at = outcome.key, now()
        job = as_it_ends(queries.job_by_id(connection, outcome.job_id, self.url), key.pipeline, epoch, at)
        pipeline_id = queries.pipeline_ids(connection, [key.pipeline])[key.pipeline]
        if outcome.annotations is None:
            data = queries.data_of(connection, key)
        else:
            data = [annotation.to_data() for annotation in outcome.annotations]
            queries.replace_rows(
                connection, key, pipeline_id, outcome.annotations, outcome.job_id, rows.time_text(at) or ""
            )
        if outcome.replaces_embeddings:
            queries.replace_embeddings(connection, key, pipeline_id, outcome.embeddings)
        seconds = chunks.seconds_of(connection, key, pipeline_id)
        result = result_of(outcome, data, seconds, at, job.pipeline_results.get(key.pipeline))
        siblings = queries.jobs_where(
            connection, tables.jobs.c.video_id == key.video_id, tables.jobs.c.job_id != job.job_id
        )
        linked = [job, *(other for other in siblings if keys_of(other).get(key.pipeline) == key)]
        queries.put_jobs(connection, [finished(other, result, at) for other in linked])
        attempts.note(connection, (job_log.end_of(other, result, outcome, at) for other in linked))
        if outcome.status is JobStatus.COMPLETED:
            chunks.drop_payloads(connection, key, pipeline_id)
            if not outcome.keep_runs:
                spared = leases.configurations_elsewhere(
                    connection, epoch, key, pipeline_id, self._db.now(connection)
                )
                if outcome.keep_complete:
                    complete = queries.complete_of(connection, [key.video_id])
                    spared |= {
                        other.config_hash
                        for other in complete
                        if other.pipeline == key.pipeline and other != key
                    }
                self._supersede(
                    connection, key, pipeline_id, [other for other in siblings if other not in linked], spared
                )
        leases.drop(connection, [key])

    def _supersede(
        self,
        connection: Connection,
        key: WorkKey,
        pipeline_id: int,
        others: Sequence[BatchJob],
        spared: Set[str],
    ) -> None:
        """Take what other configurations of this pipeline and video, but the spared ones, left out of the
        store, and out of their jobs.
        """
        queries.drop_other_configurations(connection, key, pipeline_id, spared)
        asked = [job for job in others if key.pipeline in job.pipeline_results]
        for job in (job for job in asked if job.pipeline_results[key.pipeline].config_hash not in spared):
            rest = superseded(job, key.pipeline, now())
            queries.drop_result(connection, job, pipeline_id, whole=rest is None)
            queries.put_jobs(connection, [rest] if rest else [])

    def mark(self, epoch: int | None, job_id: str, pipelines: Sequence[str], status: JobStatus) -> None:
        with self._db.write(epoch) as connection:
            job = queries.job_by_id(connection, job_id, self.url)
            keys = {pipeline: key_of(job, pipeline, self.url) for pipeline in pipelines}
            if epoch is not None:
                leases.require(
                    connection,
                    epoch,
                    [keys[name] for name in pipelines if is_open(job.pipeline_results[name])],
                )
            queries.put_jobs(connection, [marked(job, pipelines, status, now())])

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        batch_id: str | None = None,
        job_ids: Sequence[str] | None = None,
    ) -> Iterator[BatchJob]:
        conditions: list[ColumnElement[bool]] = []
        if status is not None:
            conditions.append(tables.jobs.c.status == status.value)
        if batch_id is not None:
            conditions.append(tables.jobs.c.batch_id == batch_id)
        with self._db.read() as connection:
            if job_ids is None:
                return iter(queries.jobs_where(connection, *conditions))
            pages = queries.paged(job_ids)
            found = [
                job
                for page in pages
                for job in queries.jobs_where(connection, tables.jobs.c.job_id.in_(page), *conditions)
            ]
            return iter(sorted(found, key=lambda job: (job.created_at, job.job_id)))

    def jobs_of(self, video_ids: Sequence[str]) -> list[BatchJob]:
        with self._db.read() as connection:
            return sorted(
                queries.jobs_of_videos(connection, video_ids), key=lambda job: (job.created_at, job.job_id)
            )

    def videos(self, video_ids: Sequence[str]) -> dict[str, Video]:
        with self._db.read() as connection:
            return queries.videos_by_id(connection, video_ids)

    def annotations(self, key: WorkKey) -> list[Annotation]:
        with self._db.read() as connection:
            return _annotations(connection, key)

    def row_counts(self, keys: Sequence[WorkKey], kinds: Sequence[str]) -> dict[WorkKey, dict[str, RowCount]]:
        with self._db.read() as connection:
            return queries.row_counts(connection, keys, kinds)

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

    def ask(self, name: str, **told: Any) -> list[rows.Row]:
        """The answer to one of `questions`, by the name of its SQL file; raises `NotFound`, or TypeError
        where something is not told.
        """
        with self._db.read() as connection:
            if name == similarity.QUESTION:  # of which databases without pgvector know nothing
                return similarity.most_alike(connection, **told)
            try:
                asked = named_queries.question(name, connection.dialect.name)
            except KeyError:
                there = sorted([*named_queries.names(connection.dialect.name), similarity.QUESTION])
                raise NotFound(f"question {name!r}", f"{self.url}: there are {', '.join(there)}") from None
            if wrong := named_queries.parameters(asked) ^ told.keys():
                raise TypeError(
                    f"{name} takes {', '.join(sorted(named_queries.parameters(asked)))}; missing or too "
                    f"much: {', '.join(sorted(wrong))}"
                )
            return named_queries.answer(connection, asked, told)

    def canonical_rows(self) -> Iterator[Mapping[str, Any]]:
        with self._db.read() as connection:
            table = tables.embeddings.c
            for one, model, vector in connection.execute(
                select(table.annotation_id, table.model, table.vector)
            ):
                yield from Embeddings(
                    (one,), np.frombuffer(vector, "<f4").astype(np.float32)[None], model
                ).canonical()
            for data in connection.execute(select(tables.annotations.c.data)).scalars():
                yield {"annotation": json.loads(data)}
            for job in queries.jobs_where(connection):
                yield from canonical_states(job)


def _annotations(connection: Connection, key: WorkKey) -> list[Annotation]:
    return sorted(
        (Annotation.from_data(data) for data in queries.data_of(connection, key)), key=reading_order
    )
