"""Reads and writes the annotations and embeddings of work keys in database tables."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, Integer, and_, bindparam, cast, delete, func, insert, not_, select

from actors.stores.backend.transaction import Interrupted, Rows
from actors.stores.encoding import rows
from actors.stores.sql import pgvector, speech
from actors.stores.sql.leases import SqlRuns
from actors.stores.sql.statements.dialect import is_postgresql
from actors.stores.sql.statements.queries import PipelineIds, data_of, insert_rows, key_row, of_key, paged
from schemas.annotations.annotation import FACE_DETECTION, Annotation
from schemas.annotations.coco import reading_order
from schemas.annotations.words import WordSearch
from schemas.pipelines import FACE
from schemas.storage import tables
from schemas.storage.backend import CONFIDENCE_STEPS, Embeddings, FaceLinks, Outcome, RowCount
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult

jobs, statuses, annotation_table = tables.jobs, tables.job_pipeline_status, tables.annotations

_COMPLETE: Final = (
    select(jobs.c.video_id, tables.pipelines.c.name, statuses)
    .join(statuses, statuses.c.job_id == jobs.c.job_id)
    .join(tables.pipelines)
    .where(statuses.c.status == JobStatus.COMPLETED.value, statuses.c.digest.is_not(None))
    .where(jobs.c.video_id.in_(bindparam("video_ids", expanding=True)))
)
_COMPLETE_KEYS: Final = _COMPLETE.with_only_columns(
    jobs.c.video_id, tables.pipelines.c.name, statuses.c.config_hash
)

_COMPLETED_AT: Final = (
    select(
        jobs.c.video_id,
        tables.pipelines.c.name,
        statuses.c.config_hash,
        func.max(statuses.c.digest),
        func.max(statuses.c.completed_at),  # jobs that were linked to a result have its time
    )
    .join(statuses, statuses.c.job_id == jobs.c.job_id)
    .join(tables.pipelines)
    .where(statuses.c.status == JobStatus.COMPLETED.value, statuses.c.digest.is_not(None))
    .group_by(jobs.c.video_id, tables.pipelines.c.name, statuses.c.config_hash)
)

_CURRENT: Final = (
    select(
        *(jobs.c.video_id, jobs.c.job_id, jobs.c.video_path, jobs.c.created_at),
        *(statuses.c.config_hash, statuses.c.completed_at),
    )
    .join(statuses, statuses.c.job_id == jobs.c.job_id)
    .join(tables.pipelines)
    .where(statuses.c.status == JobStatus.COMPLETED.value)
)

STREAMED_ROWS: Final = 2_000  # that are in memory at once while results are read row after row


@dataclass(frozen=True, slots=True)
class SqlResults:
    """See `backend.transaction.Results`."""

    url: str
    connection: Connection
    pipelines: PipelineIds
    runs: SqlRuns

    def complete(self, keys: Iterable[WorkKey]) -> dict[WorkKey, PipelineResult]:
        requested, found = set(keys), {}
        for page in paged(key.video_id for key in requested):
            for row in self.connection.execute(_COMPLETE, {"video_ids": page}).mappings():
                key = WorkKey(row["video_id"], row["name"], row["config_hash"] or "")
                if key in requested:
                    found[key] = rows.result_from(row["name"], row)
        return found

    def complete_of(self, video_ids: Iterable[str]) -> set[WorkKey]:
        pages = (self.connection.execute(_COMPLETE_KEYS, {"video_ids": page}) for page in paged(video_ids))
        return {WorkKey(row.video_id, row.name, row.config_hash or "") for page in pages for row in page}

    def is_complete(self, job_id: str, pipeline: str) -> bool:
        query = select(statuses.c.digest).join(tables.pipelines)
        query = query.where(statuses.c.job_id == job_id, tables.pipelines.c.name == pipeline)
        return self.connection.scalar(query.where(statuses.c.status == JobStatus.COMPLETED.value)) is not None

    # Rows.

    def data_of(self, key: WorkKey) -> list[dict[str, Any]]:
        return data_of(self.connection, key, self.pipelines.id_of(key.pipeline))

    def annotations(self, key: WorkKey) -> list[Annotation]:
        return sorted((Annotation.from_data(data) for data in self.data_of(key)), key=reading_order)

    def each_annotation(
        self, key: WorkKey, kinds: Sequence[str], frames: range | None
    ) -> Iterator[Annotation]:
        """Has the database sort them by the index that finds them, and reads page after page."""
        columns = annotation_table.c
        query = (
            select(columns.data)
            .where(of_key(annotation_table, key, self.pipelines.id_of(key.pipeline)))
            .where((columns.annotation_type + "").in_(kinds))  # not the plain column, as below
            .order_by(
                columns.frame_number.nulls_first(),
                columns.timestamp_seconds.nulls_first(),
                columns.annotation_id,
            )
        )
        if frames is not None:
            query = query.where(columns.frame_number >= frames.start, columns.frame_number < frames.stop)
        found = self.connection.execute(query, execution_options={"yield_per": STREAMED_ROWS})
        yield from (Annotation.from_data(json.loads(data)) for data in found.scalars())

    def row_counts(self, keys: Sequence[WorkKey], kinds: Sequence[str]) -> dict[WorkKey, dict[str, RowCount]]:
        """Counts rows in the database, by one statement for a page of videos."""
        requested, names, columns = set(keys), self.pipelines.names(), annotation_table.c
        by = (columns.video_id, columns.pipeline_id, columns.config_hash, columns.annotation_type)
        seconds = func.sum(columns.end_seconds - columns.timestamp_seconds)
        found: dict[WorkKey, dict[str, RowCount]] = defaultdict(dict)
        for page in paged(sorted({key.video_id for key in requested})):
            # Not the plain column: SQLite would then read the rows of these types of all videos.
            of_kinds = (columns.annotation_type + "").in_(kinds)
            query = (
                select(*by, func.count(), seconds).where(columns.video_id.in_(page), of_kinds).group_by(*by)
            )
            for video_id, pipeline_id, config_hash, kind, number, length_s in self.connection.execute(query):
                if (key := WorkKey(video_id, names.get(pipeline_id, ""), config_hash)) in requested:
                    found[key][kind] = RowCount(number, float(length_s or 0.0))
        return dict(found)

    def confidence_counts(self, keys: Sequence[WorkKey]) -> dict[WorkKey, dict[str, list[int]]]:
        """Counts rows in the database, by one statement for a page of videos."""
        requested, names, columns = set(keys), self.pipelines.names(), annotation_table.c
        steps = columns.confidence * CONFIDENCE_STEPS
        whole = func.floor(steps) if is_postgresql(self.connection) else steps  # SQLite's cast cuts off
        step = cast(whole, Integer)
        by = (columns.video_id, columns.pipeline_id, columns.config_hash, columns.annotation_type, step)
        found: dict[WorkKey, dict[str, list[int]]] = defaultdict(dict)
        for page in paged(sorted({key.video_id for key in requested})):
            query = (
                select(*by, func.count())
                .where(columns.video_id.in_(page), columns.confidence.is_not(None))
                .group_by(*by)
            )
            for video_id, pipeline_id, config_hash, kind, at, number in self.connection.execute(query):
                if (key := WorkKey(video_id, names.get(pipeline_id, ""), config_hash)) in requested:
                    own = found[key].setdefault(kind, [0] * CONFIDENCE_STEPS)
                    own[min(at, CONFIDENCE_STEPS - 1)] += number
        return dict(found)

    def face_links(self, keys: Sequence[WorkKey]) -> dict[WorkKey, FaceLinks]:
        """Counts rows in the database, by one statement for a page of videos."""
        requested, columns = set(keys), annotation_table.c
        by = (columns.video_id, columns.config_hash, columns.face_id, columns.person_id)
        links: dict[WorkKey, dict[tuple[str, str], int]] = defaultdict(dict)
        for page in paged(sorted({key.video_id for key in requested})):
            # Not the plain column, as above.
            is_face = (columns.annotation_type + "") == FACE_DETECTION
            is_linked = and_(columns.face_id.is_not(None), columns.person_id.is_not(None))
            query = (
                select(*by, func.count()).where(columns.video_id.in_(page), is_face, is_linked).group_by(*by)
            )
            for video_id, config_hash, face, person, number in self.connection.execute(query):
                if (key := WorkKey(video_id, FACE, config_hash or "")) in requested:
                    links[key][face, person] = number
        return dict(links)

    def ids_of_others(self, key: WorkKey, annotation_ids: Sequence[str]) -> set[str]:
        of_other_keys = not_(of_key(annotation_table, key, self.pipelines.id_of(key.pipeline)))
        query = select(annotation_table.c.annotation_id).where(of_other_keys)
        pages = (
            self.connection.scalars(query.where(annotation_table.c.annotation_id.in_(page)))
            for page in paged(annotation_ids)
        )
        return {str(annotation_id) for page in pages for annotation_id in page}

    def embeddings(self, key: WorkKey) -> Embeddings | None:
        table = tables.embeddings
        query = (
            select(table)
            .where(of_key(table, key, self.pipelines.id_of(key.pipeline)))
            .order_by(table.c.annotation_id)
        )
        found = self.connection.execute(query).mappings().all()
        if not found:
            return None
        vectors = np.stack([np.frombuffer(row["vector"], "<f4") for row in found]).astype(np.float32)
        return Embeddings(tuple(row["annotation_id"] for row in found), vectors, found[0]["model"])

    def current_keys(self, pipeline: str, video_ids: Sequence[str] | None) -> dict[WorkKey, str]:
        """The last of each video by when it ended, was requested, and id: `schemas.work.current_result`."""
        query = _CURRENT.where(tables.pipelines.c.name == pipeline)
        of_videos = (
            [query]
            if video_ids is None
            else [query.where(jobs.c.video_id.in_(page)) for page in paged(video_ids)]
        )
        rows_found = (row for each in of_videos for row in self.connection.execute(each))
        ordered = sorted(
            rows_found, key=lambda row: (row.completed_at or "", row.created_at or "", row.job_id)
        )
        current = {row.video_id: row for row in ordered}
        return {
            WorkKey(video_id, pipeline, row.config_hash or ""): row.video_path
            for video_id, row in current.items()
        }

    def embedding_tokens(self) -> dict[WorkKey, str]:
        """The digest of the rows, when they were completed, and the number of embeddings.

        A complete key is never written again: it is removed, and completed once more, or it loses embeddings.
        """
        table, names = tables.embeddings.c, self.pipelines.names()
        by = (table.video_id, table.pipeline_id, table.config_hash)
        counts = {
            WorkKey(video_id, names.get(pipeline_id, ""), config_hash): count
            for video_id, pipeline_id, config_hash, count in self.connection.execute(
                select(*by, func.count()).group_by(*by)
            )
        }
        complete = self.connection.execute(_COMPLETED_AT)
        return {
            key: f"{digest} {completed_at} {counts[key]}"
            for *parts, digest, completed_at in complete
            if (key := WorkKey(*parts)) in counts
        }

    def canonical_rows(self) -> Iterator[Mapping[str, Any]]:
        table = tables.embeddings.c
        for annotation_id, model, vector in self.connection.execute(
            select(table.annotation_id, table.model, table.vector)
        ):
            yield from Embeddings(
                (annotation_id,), np.frombuffer(vector, "<f4").astype(np.float32)[None], model
            ).canonical()
        for data in self.connection.execute(select(annotation_table.c.data)).scalars():
            yield {"annotation": json.loads(data)}

    def utterances(self, search: WordSearch, video_ids: Sequence[str] | None) -> Iterable[Annotation]:
        return speech.utterances(self.connection, search, video_ids)

    def words_near(self, speech_rows: Sequence[Annotation]) -> Iterable[Annotation]:
        return speech.words_near(self.connection, speech_rows)

    # A result.

    def store(self, outcome: Outcome, result: PipelineResult, job: BatchJob, data: Rows) -> None:
        key = outcome.key
        pipeline_id = self.pipelines.ensure([key.pipeline])[key.pipeline]
        if outcome.annotations is not None:
            self.connection.execute(
                delete(annotation_table).where(of_key(annotation_table, key, pipeline_id))
            )
            insert_rows(
                self.connection,
                outcome.annotations,
                job.job_id,
                pipeline_id,
                rows.time_text(result.completed_at) or "",
            )
        if outcome.replaces_embeddings:
            self._replace_embeddings(key, pipeline_id, outcome.embeddings)

    def _replace_embeddings(self, key: WorkKey, pipeline_id: int, new: Embeddings | None) -> None:
        self.connection.execute(delete(tables.embeddings).where(of_key(tables.embeddings, key, pipeline_id)))
        if new is None or not new.annotation_ids:
            return
        shared_values = key_row(key, pipeline_id) | {"model": new.model, "dimension": new.vectors.shape[1]}
        self.connection.execute(
            insert(tables.embeddings),
            [
                shared_values | {"annotation_id": annotation_id, "vector": vector}
                for annotation_id, vector in new.rows()
            ],
        )
        if is_postgresql(self.connection):
            size = new.vectors.shape[1]
            pgvector.add(
                self.connection,
                (
                    (UUID(annotation_id).bytes, new.model, size, vector)
                    for annotation_id, vector in new.rows()
                ),
            )

    def location(self, key: WorkKey) -> str:
        return self.url

    def configurations_in_work(self, epoch: int | None, key: WorkKey, at: datetime) -> set[str]:
        leased = self.runs.other_configurations(key, self.pipelines.id_of(key.pipeline))
        return {other.config_hash for other in self.runs.held_by_others(epoch, leased, at)}

    def drop_configurations(self, key: WorkKey, kept: Set[str]) -> None:
        pipeline_id = self.pipelines.id_of(key.pipeline)
        for table in (annotation_table, tables.chunks, tables.embeddings, tables.leases):
            same = and_(table.c.video_id == key.video_id, table.c.pipeline_id == pipeline_id)
            self.connection.execute(
                delete(table).where(same, table.c.config_hash.not_in([key.config_hash, *kept]))
            )

    def interrupted(self, keys: Iterable[WorkKey], epoch: int, at: datetime) -> Iterator[Interrupted]:
        """Nothing: a transaction is all or nothing."""
        return iter(())
