"""Removes rows from database tables; the caller has opened the transaction.

The rows are first described as tables with conditions, and then counted or deleted, so a dry run counts
exactly the rows that would be removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, Text, and_, cast, delete, func, or_, select, update

from actors.stores.rules.erasure_text import masked_text
from actors.stores.rules.pruning import PruneDecision
from actors.stores.rules.states import keys_of
from actors.stores.sql.statements import queries
from schemas.pipelines import FACE
from schemas.storage import tables
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob

ROW_BYTES: Final = 400  # of a row beside its content: repeated columns, entries of indexes
VIDEO_BYTES: Final = 1000  # of a video beside its frame index

RowsToRemove = list[tuple[Table, ColumnElement[bool]]]  # in the order that foreign keys require
_WORK_TABLES: Final = (tables.annotations, tables.embeddings, tables.chunks)
_TEXT_COLUMNS: Final = {"job_events": ("message", "detail"), "attempts": ("error_message", "traceback")}


def remove(connection: Connection, parts: RowsToRemove, *, dry_run: bool = False) -> Counter[str]:
    """Delete these rows, or only count them; returns the number of rows by table."""
    counts: Counter[str] = Counter()
    for table, condition in parts:
        if dry_run:
            counts[table.name] += (
                connection.scalar(select(func.count()).select_from(table).where(condition)) or 0
            )
        else:
            counts[table.name] += connection.execute(delete(table).where(condition)).rowcount
    return counts


# Sizes.


def key_bytes(connection: Connection) -> dict[WorkKey, int]:
    """The approximate size of each work key by its contents; a database file also has free space."""
    totals: Counter[WorkKey] = Counter()
    names = {number: name for name, number in queries.pipeline_ids(connection).items()}
    contents: Mapping[Table, ColumnElement[int]] = {
        tables.annotations: func.length(cast(tables.annotations.c.data, Text)),
        tables.embeddings: func.length(tables.embeddings.c.vector),
        tables.chunks: func.coalesce(func.length(tables.chunks.c.payload), 0),
    }
    for table, length in contents.items():
        columns = (table.c.video_id, table.c.pipeline_id, table.c.config_hash)
        sizes = connection.execute(select(*columns, func.sum(length), func.count()).group_by(*columns))
        for video_id, pipeline_id, config_hash, size, count in sizes:
            totals[WorkKey(video_id, names[pipeline_id], config_hash or "")] += int(size) + ROW_BYTES * count
    return dict(totals)


def video_bytes(connection: Connection) -> dict[str, int]:
    """The approximate size of the facts of each video."""
    query = select(tables.videos.c.video_id, func.length(tables.videos.c.frame_index))
    return {video_id: size + VIDEO_BYTES for video_id, size in connection.execute(query)}


# Which rows are removed.


def of_jobs(connection: Connection, decision: PruneDecision) -> RowsToRemove:
    """All rows of pruned jobs; `hand_over_rows` has to be called first for rows of other jobs' keys."""
    ids = queries.pipeline_ids(connection)
    work = [
        (table, queries.of_key(table, key, ids.get(key.pipeline, 0)))
        for key in decision.keys
        for table in (*_WORK_TABLES, tables.leases)
    ]
    faces = [(tables.identities, _identities_of(key)) for key in decision.keys if key.pipeline == FACE]
    of_job = (tables.annotations, tables.job_events, tables.job_pipeline_status, tables.jobs)
    jobs = [
        (table, table.c.job_id.in_(page))
        for page in queries.paged(job.job_id for job in decision.jobs)
        for table in of_job
    ]
    of_video = (tables.attempts, tables.identities, tables.video_paths, tables.videos)
    videos = [
        (table, table.c.video_id.in_(page)) for page in queries.paged(decision.videos) for table in of_video
    ]
    return [*work, *faces, *jobs, *videos, *_attempts_of(decision)]


def _identities_of(key: WorkKey) -> ColumnElement[bool]:
    columns = tables.identities.c
    return and_(columns.video_id == key.video_id, columns.config_hash == key.config_hash)


def _attempts_of(decision: PruneDecision) -> RowsToRemove:
    """The attempts of removed pipelines in videos that stay."""
    columns = tables.attempts.c
    staying = [key for key in decision.keys if key.video_id not in decision.videos]
    return [
        (tables.attempts, and_(columns.video_id == key.video_id, columns.pipeline == key.pipeline))
        for key in staying
    ]


def hand_over_rows(connection: Connection, decision: PruneDecision, siblings: Iterable[BatchJob]) -> None:
    """Give the rows of pruned jobs whose key another job has to that job."""
    ids, removed_ids = queries.pipeline_ids(connection), {job.job_id for job in decision.jobs}
    new_owners = {
        key: job.job_id for job in siblings if job.job_id not in removed_ids for key in keys_of(job).values()
    }
    shared = {key for job in decision.jobs for key in keys_of(job).values()} - set(decision.keys)
    for key in sorted(shared):
        of_key = queries.of_key(tables.annotations, key, ids[key.pipeline])
        connection.execute(update(tables.annotations).where(of_key).values(job_id=new_owners[key]))


def of_runs(epochs: Collection[int]) -> RowsToRemove:
    """The rows of ended runs, with leases that dead runs have not released."""
    return (
        [(table, table.c.epoch.in_(sorted(epochs))) for table in (tables.leases, tables.runs)]
        if epochs
        else []
    )


def of_video(video_id: str, job_ids: Iterable[str]) -> RowsToRemove:
    """All rows of a video."""
    of_job = (tables.job_events, tables.job_pipeline_status)
    jobs: RowsToRemove = [
        (table, table.c.job_id.in_(page)) for page in queries.paged(job_ids) for table in of_job
    ]
    of_videos = (
        *_WORK_TABLES,
        tables.leases,
        tables.attempts,
        tables.identities,
        tables.video_paths,
        tables.videos,
    )
    return [
        *((table, table.c.video_id == video_id) for table in of_videos),
        *jobs,
        (tables.jobs, tables.jobs.c.video_id == video_id),
    ]


def of_person(ids: Iterable[str]) -> RowsToRemove:
    """The annotations of these ids, with their embeddings."""
    return [
        (table, table.c.annotation_id.in_(page))
        for page in queries.paged(ids)
        for table in (tables.embeddings, tables.annotations)
    ]


def of_unfinished(key: WorkKey, pipeline_id: int) -> RowsToRemove:
    """All rows of a work key that has not ended."""
    return [(table, queries.of_key(table, key, pipeline_id)) for table in _WORK_TABLES]


def of_faces(video_id: str, faces: Iterable[tuple[str, str]]) -> RowsToRemove:
    """The identities of these faces, each a face id with its configuration."""
    columns = tables.identities.c
    conditions = [
        and_(columns.face_id == face, columns.config_hash == config_hash)
        for face, config_hash in sorted(faces)
    ]
    return [(tables.identities, and_(columns.video_id == video_id, or_(*conditions)))] if conditions else []


# Mentions in other rows.


def mask(
    connection: Connection, video_id: str, names: Collection[str], *, dry_run: bool = False
) -> Counter[str]:
    """Mask a video's names in runs, and in logs and attempts of other videos; returns rows by table."""
    counts: Counter[str] = Counter()
    runs = tables.runs.c
    for row in connection.execute(select(runs.epoch, runs.inputs, runs.progress)).mappings().all():
        values = {"inputs": row["inputs"], "progress": row["progress"]}
        counts["runs"] += _mask_row(
            connection, tables.runs, {"epoch": row["epoch"]}, values, names, dry_run=dry_run
        )
    own_jobs = select(tables.jobs.c.job_id).where(tables.jobs.c.video_id == video_id)
    others = {
        tables.job_events: tables.job_events.c.job_id.not_in(own_jobs),
        tables.attempts: tables.attempts.c.video_id != video_id,
    }
    for table, condition in others.items():
        counts[table.name] += _mask_words(connection, table, condition, names, dry_run=dry_run)
    return counts


def _mask_words(
    connection: Connection,
    table: Table,
    condition: ColumnElement[bool],
    names: Collection[str],
    *,
    dry_run: bool,
) -> int:
    """Mask the text columns of rows of a table; returns how many rows have a mention."""
    key, columns = [column.name for column in table.primary_key], _TEXT_COLUMNS[table.name]
    mentions = or_(
        *(
            func.coalesce(table.c[column], "").contains(name, autoescape=True)
            for column in columns
            for name in names
        )
    )
    mentioning = (
        connection.execute(select(*(table.c[name] for name in (*key, *columns))).where(condition, mentions))
        .mappings()
        .all()
    )
    return sum(
        _mask_row(
            connection,
            table,
            {name: row[name] for name in key},
            {name: row[name] for name in columns},
            names,
            dry_run=dry_run,
        )
        for row in mentioning
    )


def _mask_row(
    connection: Connection,
    table: Table,
    key: Mapping[str, Any],
    values: Mapping[str, str | None],
    names: Collection[str],
    *,
    dry_run: bool,
) -> bool:
    """Replace the values of a row by masked ones; returns whether any value changes."""
    new = {column: value and masked_text(value, names) for column, value in values.items()}
    if new == dict(values):
        return False
    if not dry_run:
        connection.execute(
            update(table).where(*(table.c[name] == value for name, value in key.items())).values(**new)
        )
    return True
