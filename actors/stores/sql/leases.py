"""Reads and writes runs and the leases that they hold in database tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, select, update

from actors.stores.encoding import rows
from actors.stores.rules.liveness import Heartbeat, is_alive_here
from actors.stores.sql.statements.queries import PipelineIds, key_row, paged, put
from schemas.storage import tables
from schemas.work.chunk import WorkKey
from schemas.work.run import RunInfo, StoredBatch

leases, runs = tables.leases, tables.runs
_LEASES_OF_VIDEOS: Final = (
    select(leases, tables.pipelines.c.name)
    .join(tables.pipelines)
    .where(leases.c.video_id.in_(bindparam("video_ids", expanding=True)))
)
_HEARTBEAT_COLUMNS: Final = (
    runs.c.epoch,
    runs.c.host,
    runs.c.pid,
    runs.c.heartbeat_at,
    runs.c.started_at,
    runs.c.ended_at,
)
_UNDER_WAY: Final = select(runs.c.epoch).where(runs.c.epoch == bindparam("epoch"), runs.c.ended_at.is_(None))


def current_epoch(connection: Connection) -> int:
    """The epoch of the newest run, 0 before the first."""
    return connection.scalar(select(func.max(runs.c.epoch))) or 0


def is_under_way(connection: Connection, epoch: int) -> bool:
    """Whether a run has begun and not ended."""
    return connection.scalar(_UNDER_WAY, {"epoch": epoch}) is not None


def live_epochs(connection: Connection, epochs: Collection[int], at: datetime) -> set[int]:
    """Those of the runs that are alive at time `at`."""
    if not epochs:
        return set()
    query = select(*_HEARTBEAT_COLUMNS).where(runs.c.epoch.in_(epochs))
    heartbeats = connection.execute(query).mappings()
    return {row["epoch"] for row in heartbeats if is_alive_here(Heartbeat.of(row), at)}


@dataclass(frozen=True, slots=True)
class SqlRuns:
    """See `backend.transaction.Runs`."""

    connection: Connection
    pipelines: PipelineIds

    def newest(self) -> int:
        return current_epoch(self.connection)

    def begin(self, run: RunInfo, at: datetime) -> int:
        epoch = self.newest() + 1
        self.connection.execute(insert(runs), [rows.run_row(run, epoch, rows.time_text(at) or "")])
        self._take_over(run, epoch, at)
        return epoch

    def _take_over(self, run: RunInfo, epoch: int, at: datetime) -> None:
        """End earlier runs of the same process and batch, and give their leases to `epoch`."""
        same = and_(runs.c.batch_id == run.batch_id, runs.c.host == run.host, runs.c.pid == run.pid)
        before = select(runs.c.epoch).where(same, runs.c.ended_at.is_(None), runs.c.epoch != epoch)
        for older in self.connection.scalars(before).all():
            self.connection.execute(update(leases).where(leases.c.epoch == older).values(epoch=epoch))
            self.end(older, "stopped", at)

    def end(self, epoch: int, outcome: str, at: datetime) -> None:
        condition = and_(runs.c.epoch == epoch, runs.c.ended_at.is_(None))
        self.connection.execute(
            update(runs).where(condition).values(ended_at=rows.time_text(at), outcome=outcome)
        )
        self.connection.execute(delete(leases).where(leases.c.epoch == epoch))

    def heartbeat(self, epoch: int, at: datetime, progress: str | None = None) -> None:
        values = {"heartbeat_at": rows.time_text(at)} | ({} if progress is None else {"progress": progress})
        self.connection.execute(update(runs).where(runs.c.epoch == epoch).values(values))

    def progress(self, epoch: int) -> str | None:
        progress: str | None = self.connection.scalar(select(runs.c.progress).where(runs.c.epoch == epoch))
        return progress

    def batches(self, at: datetime) -> list[StoredBatch]:
        run_rows = self.connection.execute(select(runs).order_by(runs.c.epoch.desc())).mappings()
        return [rows.batch_from(row, alive=is_alive_here(Heartbeat.of(row), at)) for row in run_rows]

    # Leases.

    def holders(self, keys: Iterable[WorkKey]) -> dict[WorkKey, int]:
        requested, holders = set(keys), {}
        for page in paged(key.video_id for key in requested):
            for row in self.connection.execute(_LEASES_OF_VIDEOS, {"video_ids": page}):
                key = WorkKey(row.video_id, row.name, row.config_hash)
                if key in requested:
                    holders[key] = int(row.epoch)
        return holders

    def held_by(self, epoch: int, keys: Iterable[WorkKey]) -> set[WorkKey]:
        return {key for key, holder in self.holders(keys).items() if holder == epoch}

    def held_by_others(self, epoch: int | None, keys: Iterable[WorkKey], at: datetime) -> set[WorkKey]:
        others = {key: holder for key, holder in self.holders(keys).items() if holder != epoch}
        alive = live_epochs(self.connection, set(others.values()), at)
        return {key for key, holder in others.items() if holder in alive}

    def other_configurations(self, key: WorkKey, pipeline_id: int) -> list[WorkKey]:
        """The leased work keys of the same video and pipeline with other configurations."""
        query = select(leases.c.config_hash).where(
            leases.c.video_id == key.video_id, leases.c.pipeline_id == pipeline_id
        )
        others = self.connection.scalars(query.where(leases.c.config_hash != key.config_hash))
        return [WorkKey(key.video_id, key.pipeline, other) for other in others]

    def take(self, epoch: int, keys: Collection[WorkKey]) -> None:
        ids = self.pipelines.ensure(key.pipeline for key in keys)
        put(self.connection, leases, [key_row(key, ids[key.pipeline]) | {"epoch": epoch} for key in keys])

    def drop(self, keys: Collection[WorkKey], *, epoch: int | None = None) -> None:
        columns = (leases.c.video_id, leases.c.pipeline_id, leases.c.config_hash)
        same: list[ColumnElement[bool]] = [column == bindparam(f"of_{column.name}") for column in columns]
        condition = [] if epoch is None else [leases.c.epoch == epoch]
        key_rows = (key_row(key, self.pipelines.id_of(key.pipeline)) for key in keys)
        values = [{f"of_{name}": value for name, value in row.items()} for row in key_rows]
        if values:
            self.connection.execute(delete(leases).where(and_(*same, *condition)), values)
