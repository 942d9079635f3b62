"""Removing rows from database tables; the caller holds the transaction.

What goes is first put together as tables with conditions, then either counted or deleted, so that a dry run
tells what would go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, Text, and_, cast, delete, func, or_, select, update

from actors.stores.rules.erasure_text import masked_text
from actors.stores.rules.pruning import PruneDecision
from actors.stores.rules.transitions import keys_of
from actors.stores.sql import queries
from schemas.pipelines import FACE
from schemas.storage import tables
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob

ROW_BYTES: Final = 400  # of a row beside its contents: columns that repeat them, and entries of indexes
VIDEO_BYTES: Final = 1000

Parts = list[tuple[Table, ColumnElement[bool]]]  # in the order in which foreign keys let them go
_WORK: Final = (tables.annotations, tables.embeddings, tables.chunks)
_SPOKEN: Final = {"job_events": ("message", "detail"), "attempts": ("error_message", "traceback")}


def carried_out(connection: Connection, parts: Parts, *, dry_run: bool = False) -> Counter[str]:
    """Rows by table that went, or would go."""
    counts: Counter[str] = Counter()
    for table, condition in parts:
        if dry_run:
            counts[table.name] += (
                connection.scalar(select(func.count()).select_from(table).where(condition)) or 0
            )
        else:
            counts[table.name] += connection.execute(delete(table).where(condition)).rowcount
    return counts


# What there is.


def key_bytes(connection: Connection) -> dict[WorkKey, int]:
    """About what each work key takes, as its contents say; files of a database hold free room beside that."""
    found: Counter[WorkKey] = Counter()
    names = {number: name for name, number in queries.pipeline_ids(connection).items()}
    contents: Mapping[Table, ColumnElement[int]] = {
        tables.annotations: func.length(cast(tables.annotations.c.data, Text)),
        tables.embeddings: func.length(tables.embeddings.c.vector),
        tables.chunks: func.coalesce(func.length(tables.chunks.c.payload), 0),
    }
    for table, length in contents.items():
        columns = (table.c.video_id, table.c.pipeline_id, table.c.config_hash)
        taken = connection.execute(select(*columns, func.sum(length), func.count()).group_by(*columns))
        for video_id, pipeline_id, config_hash, size, count in taken:
            found[WorkKey(video_id, names[pipeline_id], config_hash or "")] += int(size) + ROW_BYTES * count
    return dict(found)


def video_bytes(connection: Connection) -> dict[str, int]:
    """About what the facts of each video take."""
    query = select(tables.videos.c.video_id, func.length(tables.videos.c.frame_index))
    return {video_id: size + VIDEO_BYTES for video_id, size in connection.execute(query)}


# What goes.


def of_jobs(connection: Connection, decision: PruneDecision) -> Parts:
    """Everything that goes with jobs; rows that other jobs ask for have to be handed to those before."""
    ids = queries.pipeline_ids(connection)
    work = [
        (table, queries.of_key(table, key, ids.get(key.pipeline, 0)))
        for key in decision.keys
        for table in (*_WORK, tables.leases)
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
    return [*work, *faces, *jobs, *videos, *_tries(decision)]


def _identities_of(key: WorkKey) -> ColumnElement[bool]:
    columns = tables.identities.c
    return and_(columns.video_id == key.video_id, columns.config_hash == key.config_hash)


def _tries(decision: PruneDecision) -> Parts:
    """Tries of pipelines that went from videos that stay."""
    columns = tables.attempts.c
    staying = [key for key in decision.keys if key.video_id not in decision.videos]
    return [
        (tables.attempts, and_(columns.video_id == key.video_id, columns.pipeline == key.pipeline))
        for key in staying
    ]


def hand_over(connection: Connection, decision: PruneDecision, siblings: Iterable[BatchJob]) -> None:
    """Rows that a job of these committed and another asks for become the other's."""
    ids, gone = queries.pipeline_ids(connection), {job.job_id for job in decision.jobs}
    heirs = {key: job.job_id for job in siblings if job.job_id not in gone for key in keys_of(job).values()}
    shared = {key for job in decision.jobs for key in keys_of(job).values()} - set(decision.keys)
    for key in sorted(shared):
        of_key = queries.of_key(tables.annotations, key, ids[key.pipeline])
        connection.execute(update(tables.annotations).where(of_key).values(job_id=heirs[key]))


def of_runs(epochs: Collection[int]) -> Parts:
    """Runs that are over, with leases that dead ones never gave back."""
    return (
        [(table, table.c.epoch.in_(sorted(epochs))) for table in (tables.leases, tables.runs)]
        if epochs
        else []
    )


def of_video(video_id: str, job_ids: Iterable[str]) -> Parts:
    """Every row of a video."""
    of_job = (tables.job_events, tables.job_pipeline_status)
    jobs: Parts = [(table, table.c.job_id.in_(page)) for page in queries.paged(job_ids) for table in of_job]
    own = (*_WORK, tables.leases, tables.attempts, tables.identities, tables.video_paths, tables.videos)
    return [
        *((table, table.c.video_id == video_id) for table in own),
        *jobs,
        (tables.jobs, tables.jobs.c.video_id == video_id),
    ]


def of_person(ids: Iterable[str]) -> Parts:
    """Rows by their ids, with their embeddings."""
    return [
        (table, table.c.annotation_id.in_(page))
        for page in queries.paged(ids)
        for table in (tables.embeddings, tables.annotations)
    ]


def of_unfinished(key: WorkKey, pipeline_id: int) -> Parts:
    """All that work which has not ended has stored."""
    return [(table, queries.of_key(table, key, pipeline_id)) for table in _WORK]


def of_faces(video_id: str, faces: Iterable[tuple[str, str]]) -> Parts:
    """Who these faces, each with its configuration, are in the collection."""
    columns = tables.identities.c
    either = [
        and_(columns.face_id == face, columns.config_hash == config_hash)
        for face, config_hash in sorted(faces)
    ]
    return [(tables.identities, and_(columns.video_id == video_id, or_(*either)))] if either else []


# What others say of it.


def mask(
    connection: Connection, video_id: str, names: Collection[str], *, dry_run: bool = False
) -> Counter[str]:
    """Take a video's names out of what runs, and logs and tries of other videos, say; rows by table."""
    counts: Counter[str] = Counter()
    runs = tables.runs.c
    for row in connection.execute(select(runs.epoch, runs.inputs, runs.progress)).mappings().all():
        values = {"inputs": row["inputs"], "progress": row["progress"]}
        counts["runs"] += _put(
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
    """Mask what rows of a table say in `_SPOKEN`; how many say anything."""
    key, columns = [column.name for column in table.primary_key], _SPOKEN[table.name]
    mentions = or_(
        *(
            func.coalesce(table.c[column], "").contains(name, autoescape=True)
            for column in columns
            for name in names
        )
    )
    found = (
        connection.execute(select(*(table.c[name] for name in (*key, *columns))).where(condition, mentions))
        .mappings()
        .all()
    )
    return sum(
        _put(
            connection,
            table,
            {name: row[name] for name in key},
            {name: row[name] for name in columns},
            names,
            dry_run=dry_run,
        )
        for row in found
    )


def _put(
    connection: Connection,
    table: Table,
    key: Mapping[str, Any],
    values: Mapping[str, str | None],
    names: Collection[str],
    *,
    dry_run: bool,
) -> bool:
    """Masked values in place of a row's; whether that changes anything."""
    new = {column: value and masked_text(value, names) for column, value in values.items()}
    if new == dict(values):
        return False
    if not dry_run:
        connection.execute(
            update(table).where(*(table.c[name] == value for name, value in key.items())).values(**new)
        )
    return True
