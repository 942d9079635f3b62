"""Reading and writing values in database tables, on a connection whose transaction somebody else holds.

Many keys are asked for in few statements, and rows go in in bulk; nothing here counts rows to learn whether
they exist.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, func, insert, not_, select

from actors.stores.encoding import rows
from actors.stores.encoding.annotation_rows import COLUMNS, annotation_rows
from actors.stores.encoding.rows import Row
from actors.stores.sql import pgvector
from actors.stores.sql.bulk_insert import add_rows
from actors.stores.sql.dialect import is_postgresql, upsert
from actors.stores.sql.video_content import ENDING, content_endings
from schemas.annotations.annotation import Annotation
from schemas.errors import NotFound
from schemas.media.video import Video
from schemas.pipelines import VERSIONS
from schemas.redaction import is_storable
from schemas.storage import tables
from schemas.storage.backend import Embeddings, RowCount
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult

_PAGE: Final = 500  # values in one IN list; SQLite allows 999 in its oldest builds

jobs, statuses, annotated, chunks = tables.jobs, tables.job_pipeline_status, tables.annotations, tables.chunks


def paged(values: Iterable[str]) -> Iterator[list[str]]:
    """Distinct values in lists short enough for one statement."""
    distinct = list(dict.fromkeys(values))
    return (distinct[start : start + _PAGE] for start in range(0, len(distinct), _PAGE))


def put(connection: Connection, table: Table, new: Sequence[Row], *, keep: Sequence[str] = ()) -> None:
    """Insert rows, or update all other columns of those whose primary key is there, `keep` aside."""
    if not new:
        return
    statement = upsert(connection, table)
    key = [column.name for column in table.primary_key]
    changes = {name: statement.excluded[name] for name in new[0] if name not in (*key, *keep)}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), new)


def pipeline_ids(connection: Connection, names: Iterable[str] = ()) -> dict[str, int]:
    """Id of each pipeline by name; those of `names` that are new are added, which needs a writing
    transaction.
    """
    table = tables.pipelines
    found: dict[str, int] = {
        row.name: row.pipeline_id for row in connection.execute(select(table.c.name, table.c.pipeline_id))
    }
    missing = [{"name": name, "version": VERSIONS.get(name, "0")} for name in sorted(set(names) - set(found))]
    if not missing:
        return found
    connection.execute(upsert(connection, table).on_conflict_do_nothing(), missing)
    return pipeline_ids(connection)


# Jobs.


def jobs_where(connection: Connection, *conditions: ColumnElement[bool]) -> list[BatchJob]:
    """Jobs with their pipelines, ordered by creation, then id."""
    found = (
        connection.execute(select(jobs).where(*conditions).order_by(jobs.c.created_at, jobs.c.job_id))
        .mappings()
        .all()
    )
    query = select(statuses, tables.pipelines.c.name).join(tables.pipelines)
    if conditions:
        query = query.join(jobs, jobs.c.job_id == statuses.c.job_id).where(*conditions)
    results: dict[str, dict[str, PipelineResult]] = defaultdict(dict)
    for row in connection.execute(query.order_by(tables.pipelines.c.name)).mappings():
        results[row["job_id"]][row["name"]] = rows.result_from(row["name"], row)
    return [rows.job_from(row, results.get(row["job_id"], {})) for row in found]


def jobs_by_id(connection: Connection, job_ids: Iterable[str]) -> dict[str, BatchJob]:
    """Those of the jobs that there are."""
    return {
        job.job_id: job for page in paged(job_ids) for job in jobs_where(connection, jobs.c.job_id.in_(page))
    }


def jobs_of_videos(connection: Connection, video_ids: Iterable[str]) -> list[BatchJob]:
    """Every job of these videos."""
    return [job for page in paged(video_ids) for job in jobs_where(connection, jobs.c.video_id.in_(page))]


def job_by_id(connection: Connection, job_id: str, url: str) -> BatchJob:
    """One job; raises `NotFound`."""
    found = jobs_where(connection, jobs.c.job_id == job_id)
    if not found:
        raise NotFound(f"job {job_id}", url)
    return found[0]


def put_jobs(connection: Connection, changed: Sequence[BatchJob]) -> None:
    """Insert or update jobs and the state of their pipelines."""
    ids = pipeline_ids(connection, {name for job in changed for name in job.pipeline_results})
    put(connection, jobs, [rows.job_row(job) for job in changed])
    states = [
        {"job_id": job.job_id, "pipeline_id": ids[name], **rows.status_row(result)}
        for job in changed
        for name, result in job.pipeline_results.items()
    ]
    put(connection, statuses, states)


def drop_result(connection: Connection, job: BatchJob, pipeline_id: int, *, whole: bool) -> None:
    """Remove one pipeline's state from a job, or the whole job with its log."""
    connection.execute(
        delete(statuses).where(statuses.c.job_id == job.job_id, statuses.c.pipeline_id == pipeline_id)
    )
    if whole:
        connection.execute(delete(tables.job_events).where(tables.job_events.c.job_id == job.job_id))
        connection.execute(delete(jobs).where(jobs.c.job_id == job.job_id))


def complete(connection: Connection, keys: Iterable[WorkKey]) -> dict[WorkKey, PipelineResult]:
    """Those of the keys that hold a complete result, by whatever job."""
    wanted = set(keys)
    found = {}
    for page in paged(key.video_id for key in wanted):
        for row in connection.execute(_COMPLETE, {"video_ids": page}).mappings():
            key = WorkKey(row["video_id"], row["name"], row["config_hash"] or "")
            if key in wanted:
                found[key] = rows.result_from(row["name"], row)
    return found


def complete_of(connection: Connection, video_ids: Iterable[str]) -> set[WorkKey]:
    """Work keys of these videos that hold a complete result, of whatever configuration."""
    pages = (connection.execute(_COMPLETE_KEYS, {"video_ids": page}) for page in paged(video_ids))
    return {WorkKey(row.video_id, row.name, row.config_hash or "") for page in pages for row in page}


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


# Rows of one work key.


def of_key(table: Table, key: WorkKey, pipeline_id: int) -> ColumnElement[bool]:
    """The condition that picks what belongs to a work key."""
    return and_(
        table.c.video_id == key.video_id,
        table.c.pipeline_id == pipeline_id,
        table.c.config_hash == key.config_hash,
    )


def key_row(key: WorkKey, pipeline_id: int) -> Row:
    """A work key as the columns that hold it."""
    return {"video_id": key.video_id, "pipeline_id": pipeline_id, "config_hash": key.config_hash}


def data_of(connection: Connection, key: WorkKey) -> list[dict[str, Any]]:
    """Rows of a work key as flat dicts, in no particular order."""
    pipeline_id = pipeline_ids(connection).get(key.pipeline, 0)
    query = select(annotated.c.data).where(of_key(annotated, key, pipeline_id))
    return [json.loads(data) for data in connection.execute(query).scalars()]


def row_counts(
    connection: Connection, keys: Iterable[WorkKey], kinds: Sequence[str]
) -> dict[WorkKey, dict[str, RowCount]]:
    """Rows of some types by work key and type, counted by the database: one statement for a page of
    videos.
    """
    wanted, names = set(keys), {number: name for name, number in pipeline_ids(connection).items()}
    columns = annotated.c
    by = (columns.video_id, columns.pipeline_id, columns.config_hash, columns.annotation_type)
    seconds = func.sum(columns.end_seconds - columns.timestamp_seconds)
    found: dict[WorkKey, dict[str, RowCount]] = defaultdict(dict)
    for page in paged(sorted({key.video_id for key in wanted})):
        of_kinds = (columns.annotation_type + "").in_(
            kinds
        )  # no plain column: SQLite would read every video's rows of these types
        query = select(*by, func.count(), seconds).where(columns.video_id.in_(page), of_kinds).group_by(*by)
        for video_id, pipeline_id, config_hash, kind, number, length_s in connection.execute(query):
            if (key := WorkKey(video_id, names.get(pipeline_id, ""), config_hash)) in wanted:
                found[key][kind] = RowCount(number, float(length_s or 0.0))
    return dict(found)


def insert_rows(
    connection: Connection, new: Iterable[Annotation], job_id: str, pipeline_id: int, created_at: str
) -> None:
    """Add annotations; an id that is there already is refused."""
    add_rows(connection, annotated, COLUMNS, annotation_rows(new, job_id, pipeline_id, created_at))


def replace_rows(
    connection: Connection,
    key: WorkKey,
    pipeline_id: int,
    new: Iterable[Annotation],
    job_id: str,
    created_at: str,
) -> None:
    """Every row of a work key by new ones."""
    connection.execute(delete(annotated).where(of_key(annotated, key, pipeline_id)))
    insert_rows(connection, new, job_id, pipeline_id, created_at)


def ids_of_others(connection: Connection, key: WorkKey, annotation_ids: Sequence[str]) -> set[str]:
    """Those of these ids that rows of other work keys have."""
    elsewhere = not_(of_key(annotated, key, pipeline_ids(connection).get(key.pipeline, 0)))
    query = select(annotated.c.annotation_id).where(elsewhere)
    pages = (
        connection.execute(query.where(annotated.c.annotation_id.in_(page))).scalars()
        for page in paged(annotation_ids)
    )
    return {str(one) for page in pages for one in page}


def replace_embeddings(
    connection: Connection, key: WorkKey, pipeline_id: int, new: Embeddings | None
) -> None:
    """Every embedding of a work key by new ones."""
    connection.execute(delete(tables.embeddings).where(of_key(tables.embeddings, key, pipeline_id)))
    if new is None or not new.annotation_ids:
        return
    of = key_row(key, pipeline_id) | {"model": new.model}
    values = [
        of | {"annotation_id": one, "dimension": new.vectors.shape[1], "vector": vector}
        for one, vector in new.rows()
    ]
    connection.execute(insert(tables.embeddings), values)
    if is_postgresql(connection):
        pgvector.add(
            connection,
            ((UUID(one).bytes, new.model, new.vectors.shape[1], vector) for one, vector in new.rows()),
        )


def embeddings_of(connection: Connection, key: WorkKey) -> Embeddings | None:
    """Embeddings of a work key by annotation id; None where it has none."""
    table = tables.embeddings
    query = (
        select(table)
        .where(of_key(table, key, pipeline_ids(connection).get(key.pipeline, 0)))
        .order_by(table.c.annotation_id)
    )
    found = connection.execute(query).mappings().all()
    if not found:
        return None
    vectors = np.stack([np.frombuffer(row["vector"], "<f4") for row in found]).astype(np.float32)
    return Embeddings(tuple(row["annotation_id"] for row in found), vectors, found[0]["model"])


def drop_other_configurations(
    connection: Connection, key: WorkKey, pipeline_id: int, spared: Set[str]
) -> None:
    """Rows, embeddings, chunks and leases that other configurations of this pipeline, but the spared
    ones, left for this video.
    """
    for table in (annotated, chunks, tables.embeddings, tables.leases):
        same = and_(table.c.video_id == key.video_id, table.c.pipeline_id == pipeline_id)
        connection.execute(delete(table).where(same, table.c.config_hash.not_in([key.config_hash, *spared])))


# Videos.


def put_videos(connection: Connection, videos: Sequence[Video]) -> None:
    """Insert or refresh videos, and the paths they were found under; who did not look for sound leaves
    what is known of it.
    """
    put(connection, tables.videos, [rows.video_row(video) for video in videos if video.is_sound_known])
    put(
        connection,
        tables.videos,
        [rows.video_row(video) for video in videos if not video.is_sound_known],
        keep=["sound"],
    )
    put_paths(connection, videos)


def put_paths(connection: Connection, videos: Sequence[Video]) -> None:
    """Insert or refresh the paths that videos were found under."""
    paths = [
        {"path": v.path, "video_id": v.video_id, "size_bytes": v.size_bytes, "mtime_ns": v.mtime_ns}
        for v in videos
    ]
    put(connection, tables.video_paths, paths)


def ids_by_content(connection: Connection, fingerprints: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Ids of the videos with each of these fingerprints, sorted; found by how ids end, since fingerprints
    have no index.
    """
    wanted, columns = set(fingerprints), tables.videos.c
    ending = func.substr(columns.video_id, func.length(columns.video_id) - (ENDING - 1))
    found: dict[str, list[str]] = defaultdict(list)
    for page in paged(content_endings(wanted)):
        video_ids = connection.execute(select(columns.video_id).where(ending.in_(page))).scalars().all()
        for ids in paged(video_ids):
            query = select(columns.video_id, columns.fingerprint).where(columns.video_id.in_(ids))
            for row in connection.execute(query):
                if row.fingerprint in wanted:
                    found[row.fingerprint].append(row.video_id)
    return {content: tuple(sorted(set(ids))) for content, ids in found.items()}


def videos_by_path(connection: Connection, paths: Iterable[str]) -> dict[str, Video]:
    """What was probed, under each of these paths; one that cannot be stored is not known."""
    known = tables.video_paths
    columns = [
        column for column in tables.videos.c if column.name not in known.c or column.name == "video_id"
    ]
    query = select(*columns, known.c.path, known.c.size_bytes, known.c.mtime_ns).join(known)
    found = (
        row
        for page in paged(filter(is_storable, paths))
        for row in connection.execute(query.where(known.c.path.in_(page))).mappings()
    )
    return {row["path"]: rows.video_from(row) for row in found if rows.is_fully_known(row)}


def videos_by_id(connection: Connection, video_ids: Iterable[str]) -> dict[str, Video]:
    """Videos under the path they were last read from."""
    query, ids = select(tables.videos), tables.videos.c.video_id
    found = (
        row for page in paged(video_ids) for row in connection.execute(query.where(ids.in_(page))).mappings()
    )
    return {row["video_id"]: rows.video_from(row) for row in found}
