"""Chunks of work keys, in database tables.

What every chunk asks is put together once: SQLAlchemy takes longer for that than SQLite for the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
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
from actors.stores.sql.queries import PipelineIds, insert_rows, key_row, of_key, paged
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


@dataclass(frozen=True, slots=True)
class SqlChunks:
    """Committed chunks; see `backend.transaction.Chunks`."""

    connection: Connection
    pipelines: PipelineIds

    def put(self, commits: Sequence[ChunkCommit], at: datetime) -> None:
        ids, created_at = (
            self.pipelines.ensure(commit.line.key.pipeline for commit in commits),
            rows.time_text(at) or "",
        )
        for commit in commits:
            self._put(rows.checked(commit), ids[commit.line.key.pipeline], created_at)

    def _put(self, commit: ChunkCommit, pipeline_id: int, created_at: str) -> None:
        """Replace every chunk that shares a frame with this one, and their rows, by this one."""
        line = commit.line
        key = key_row(line.key, pipeline_id)
        frames = {"first": line.first_frame, "stop": line.first_frame + line.frame_count}
        low, high = self.connection.execute(_SHARED_FRAMES, key | frames).one()
        if low is not None:
            self.connection.execute(_DROP_SHARED, key | frames)
            frames = {"first": min(frames["first"], low), "stop": max(frames["stop"], high)}
        self.connection.execute(_DROP_ROWS, key | frames)
        insert_rows(self.connection, commit.annotations, commit.job_id, pipeline_id, created_at)
        self.connection.execute(insert(chunks), [key | rows.line_row(line) | {"payload": commit.payload}])

    def frames_committed(self, keys: Iterable[WorkKey]) -> dict[WorkKey, int]:
        own = ((key, key_row(key, self.pipelines.id_of(key.pipeline))) for key in keys)
        return {key: self.connection.execute(_FRAMES, row).scalar_one() for key, row in own}

    def lines_of(self, keys: Iterable[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        found: dict[WorkKey, list[ManifestLine]] = {key: [] for key in keys}
        columns = [column for column in chunks.c if column.name != "payload"]
        query = (
            select(*columns, tables.pipelines.c.name)
            .join(tables.pipelines)
            .order_by(chunks.c.video_id, chunks.c.first_frame)
        )
        for page in paged(key.video_id for key in found):
            for row in self.connection.execute(query.where(chunks.c.video_id.in_(page))).mappings():
                key = WorkKey(row["video_id"], row["name"], row["config_hash"])
                if key in found:
                    found[key].append(rows.line_from(key, row))
        return found

    def _of(self, key: WorkKey) -> ColumnElement[bool]:
        return of_key(chunks, key, self.pipelines.id_of(key.pipeline))

    def seconds_of(self, key: WorkKey) -> float:
        return float(self.connection.scalar(select(func.sum(chunks.c.seconds)).where(self._of(key))) or 0.0)

    def payloads(self, key: WorkKey) -> list[bytes]:
        query = (
            select(chunks.c.payload)
            .where(self._of(key))
            .where(chunks.c.payload.is_not(None))
            .order_by(chunks.c.first_frame)
        )
        return [payload for payload in self.connection.scalars(query) if payload]

    def drop_payloads(self, key: WorkKey) -> None:
        self.connection.execute(
            update(chunks).where(self._of(key), chunks.c.payload.is_not(None)).values(payload=None)
        )
