"""Reads and writes the chunks of work keys in database tables.

Statements that run for every chunk are built once: SQLAlchemy builds one more slowly than SQLite runs it.
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
from actors.stores.sql.statements.queries import PipelineIds, insert_rows, key_row, of_key, paged
from schemas.storage import tables
from schemas.work.chunk import WorkKey
from schemas.work.manifest import ChunkCommit, ManifestLine

chunks, annotation_table = tables.chunks, tables.annotations


def _key_condition(table: Table) -> ColumnElement[bool]:
    """The condition that a row belongs to a work key, whose columns are parameters."""
    return and_(*(table.c[name] == bindparam(name) for name in ("video_id", "pipeline_id", "config_hash")))


_STOP_FRAME: Final = chunks.c.first_frame + chunks.c.frame_count
_SHARES_FRAME: Final = and_(
    _key_condition(chunks),
    or_(
        and_(chunks.c.first_frame < bindparam("stop"), bindparam("first") < _STOP_FRAME),
        # A chunk without frames shares none, but is the same chunk.
        chunks.c.first_frame == bindparam("first"),
    ),
)
_SHARED_RANGE: Final = select(func.min(chunks.c.first_frame), func.max(_STOP_FRAME)).where(_SHARES_FRAME)
_DROP_SHARED: Final = delete(chunks).where(_SHARES_FRAME)
_DROP_ROWS: Final = (
    delete(annotation_table)
    .where(_key_condition(annotation_table))
    .where(
        annotation_table.c.frame_number >= bindparam("first"),
        annotation_table.c.frame_number < bindparam("stop"),
    )
)
_FRAMES_COMMITTED: Final = select(func.coalesce(func.sum(chunks.c.frame_count), 0)).where(
    _key_condition(chunks)
)


@dataclass(frozen=True, slots=True)
class SqlChunks:
    """See `backend.transaction.Chunks`."""

    connection: Connection
    pipelines: PipelineIds

    def put(self, commits: Sequence[ChunkCommit], at: datetime) -> None:
        ids = self.pipelines.ensure(commit.line.key.pipeline for commit in commits)
        created_at = rows.time_text(at) or ""
        for commit in commits:
            self._put(rows.require_own_rows(commit), ids[commit.line.key.pipeline], created_at)

    def _put(self, commit: ChunkCommit, pipeline_id: int, created_at: str) -> None:
        """Store a chunk in place of all chunks that share a frame with it, with their rows."""
        line = commit.line
        key = key_row(line.key, pipeline_id)
        frames = {"first": line.first_frame, "stop": line.first_frame + line.frame_count}
        low, high = self.connection.execute(_SHARED_RANGE, key | frames).one()
        if low is not None:
            self.connection.execute(_DROP_SHARED, key | frames)
            frames = {"first": min(frames["first"], low), "stop": max(frames["stop"], high)}
        self.connection.execute(_DROP_ROWS, key | frames)
        insert_rows(self.connection, commit.annotations, commit.job_id, pipeline_id, created_at)
        self.connection.execute(insert(chunks), [key | rows.line_row(line) | {"payload": commit.payload}])

    def frames_committed(self, keys: Iterable[WorkKey]) -> dict[WorkKey, int]:
        key_rows = ((key, key_row(key, self.pipelines.id_of(key.pipeline))) for key in keys)
        return {key: self.connection.execute(_FRAMES_COMMITTED, row).scalar_one() for key, row in key_rows}

    def lines_of(self, keys: Iterable[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        lines: dict[WorkKey, list[ManifestLine]] = {key: [] for key in keys}
        columns = [column for column in chunks.c if column.name != "payload"]
        query = (
            select(*columns, tables.pipelines.c.name)
            .join(tables.pipelines)
            .order_by(chunks.c.video_id, chunks.c.first_frame)
        )
        for page in paged(key.video_id for key in lines):
            for row in self.connection.execute(query.where(chunks.c.video_id.in_(page))).mappings():
                key = WorkKey(row["video_id"], row["name"], row["config_hash"])
                if key in lines:
                    lines[key].append(rows.line_from(key, row))
        return lines

    def _is_of(self, key: WorkKey) -> ColumnElement[bool]:
        return of_key(chunks, key, self.pipelines.id_of(key.pipeline))

    def seconds_of(self, key: WorkKey) -> float:
        return float(
            self.connection.scalar(select(func.sum(chunks.c.seconds)).where(self._is_of(key))) or 0.0
        )

    def payloads(self, key: WorkKey) -> list[bytes]:
        query = (
            select(chunks.c.payload)
            .where(self._is_of(key))
            .where(chunks.c.payload.is_not(None))
            .order_by(chunks.c.first_frame)
        )
        return [payload for payload in self.connection.scalars(query) if payload]

    def drop_payloads(self, key: WorkKey) -> None:
        self.connection.execute(
            update(chunks).where(self._is_of(key), chunks.c.payload.is_not(None)).values(payload=None)
        )
