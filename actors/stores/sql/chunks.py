"""Chunks of work keys in database tables, on a connection whose transaction somebody else holds.

What every chunk asks is put together once: SQLAlchemy takes longer for that than SQLite for the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from actors.stores.encoding import rows
from actors.stores.sql.queries import insert_rows, key_row, of_key, paged
from schemas.storage import tables
from schemas.work.chunk import WorkKey
from schemas.work.manifest import ChunkCommit, ManifestLine

chunks, annotated = tables.chunks, tables.annotations


def _of_key_told(table: Table) -> ColumnElement[bool]:
    """`of_key` with parameters."""
    return and_(*(table.c[name] == bindparam(name) for name in ("video_id", "pipeline_id", "config_hash")))


_STOP: Final = chunks.c.first_frame + chunks.c.frame_count
_IS_SHARED: Final = and_(
    _of_key_told(chunks),
    or_(
        and_(chunks.c.first_frame < bindparam("stop"), bindparam("first") < _STOP),
        chunks.c.first_frame
        == bindparam("first"),  # a chunk in which nothing was found has no frame to share
    ),
)
_SHARED_FRAMES: Final = select(func.min(chunks.c.first_frame), func.max(_STOP)).where(_IS_SHARED)
_DROP_SHARED: Final = delete(chunks).where(_IS_SHARED)
_DROP_ROWS: Final = (
    delete(annotated)
    .where(_of_key_told(annotated))
    .where(annotated.c.frame_number >= bindparam("first"), annotated.c.frame_number < bindparam("stop"))
)
_FRAMES: Final = select(func.coalesce(func.sum(chunks.c.frame_count), 0)).where(_of_key_told(chunks))


def put_chunk(connection: Connection, commit: ChunkCommit, pipeline_id: int, created_at: str) -> None:
    """Replace every chunk that shares a frame with this one, and their rows, by this one."""
    line = commit.line
    key = key_row(line.key, pipeline_id)
    frames = {"first": line.first_frame, "stop": line.first_frame + line.frame_count}
    low, high = connection.execute(_SHARED_FRAMES, key | frames).one()
    if low is not None:
        connection.execute(_DROP_SHARED, key | frames)
        frames = {"first": min(frames["first"], low), "stop": max(frames["stop"], high)}
    connection.execute(_DROP_ROWS, key | frames)
    insert_rows(connection, commit.annotations, commit.job_id, pipeline_id, created_at)
    connection.execute(insert(chunks), [key | rows.line_row(line) | {"payload": commit.payload}])


def frames_committed(
    connection: Connection, keys: Iterable[WorkKey], ids: Mapping[str, int]
) -> dict[WorkKey, int]:
    """Frames in the manifest lines of each key."""
    return {key: connection.execute(_FRAMES, key_row(key, ids[key.pipeline])).scalar_one() for key in keys}


def lines_of(connection: Connection, keys: Iterable[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
    """Manifest lines of each key by start; a key without any has an empty list."""
    found: dict[WorkKey, list[ManifestLine]] = {key: [] for key in keys}
    columns = [column for column in chunks.c if column.name != "payload"]
    query = (
        select(*columns, tables.pipelines.c.name)
        .join(tables.pipelines)
        .order_by(chunks.c.video_id, chunks.c.first_frame)
    )
    for page in paged(key.video_id for key in found):
        for row in connection.execute(query.where(chunks.c.video_id.in_(page))).mappings():
            key = WorkKey(row["video_id"], row["name"], row["config_hash"])
            if key in found:
                found[key].append(rows.line_from(key, row))
    return found


def seconds_of(connection: Connection, key: WorkKey, pipeline_id: int) -> float:
    """Decode and model time of the chunks of a key."""
    return float(
        connection.execute(
            select(func.sum(chunks.c.seconds)).where(of_key(chunks, key, pipeline_id))
        ).scalar()
        or 0.0
    )


def drop_payloads(connection: Connection, key: WorkKey, pipeline_id: int) -> None:
    """Forget the numbers of a key, keeping its manifest lines."""
    connection.execute(
        update(chunks)
        .where(of_key(chunks, key, pipeline_id), chunks.c.payload.is_not(None))
        .values(payload=None)
    )
