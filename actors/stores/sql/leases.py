"""Runs and who holds which work key, in database tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, select, update

from actors.stores.encoding import rows
from actors.stores.rules.liveness import Heartbeat, is_alive_here
from actors.stores.sql.queries import PipelineIds, key_row, paged, put
from schemas.storage import tables
from schemas.work.chunk import WorkKey
from schemas.work.run import RunInfo, StoredBatch

leases, runs = tables.leases, tables.runs
_LEASES: Final = (
    select(leases, tables.pipelines.c.name)
    .join(tables.pipelines)
    .where(leases.c.video_id.in_(bindparam("video_ids", expanding=True)))
)
_PULSE: Final = (
    runs.c.epoch,
    runs.c.host,
    runs.c.pid,
    runs.c.heartbeat_at,
    runs.c.started_at,
    runs.c.ended_at,
)
_UNDER_WAY: Final = select(runs.c.epoch).where(runs.c.epoch == bindparam("epoch"), runs.c.ended_at.is_(None))


def current_epoch(connection: Connection) -> int:
    """Epoch of the newest run, 0 before the first."""
    return connection.scalar(select(func.max(runs.c.epoch))) or 0


def is_under_way(connection: Connection, epoch: int) -> bool:
    """Whether a run was begun and has not ended."""
    return connection.scalar(_UNDER_WAY, {"epoch": epoch}) is not None


def live_epochs(connection: Connection, epochs: Collection[int], at: datetime) -> set[int]:
    """Those of the runs that are at work at time `at`."""
    found = connection.execute(select(*_PULSE).where(runs.c.epoch.in_(epochs))).mappings() if epochs else ()
    return {row["epoch"] for row in found if is_alive_here(Heartbeat.of(row), at)}


@dataclass(frozen=True, slots=True)
class SqlRuns:
    """Runs and leases; see `backend.transaction.Runs`."""

    connection: Connection
    pipelines: PipelineIds

    def newest(self) -> int:
        return current_epoch(self.connection)

    def begin(self, run: RunInfo, at: datetime) -> int:
        epoch = self.newest() + 1
        self.connection.execute(insert(runs), [rows.run_row(run, epoch, rows.time_text(at) or "")])
        self._succeed(run, epoch, at)
        return epoch

    def _succeed(self, run: RunInfo, epoch: int, at: datetime) -> None:
        """End what this process began of the same batch before, and pass its leases on to `epoch`."""
        same = and_(runs.c.batch_id == run.batch_id, runs.c.host == run.host, runs.c.pid == run.pid)
        before = select(runs.c.epoch).where(same, runs.c.ended_at.is_(None), runs.c.epoch != epoch)
        for older in self.connection.scalars(before).all():
            self.connection.execute(update(leases).where(leases.c.epoch == older).values(epoch=epoch))
            self.end(older, "stopped", at)

    def end(self, epoch: int, outcome: str, at: datetime) -> None:
        own = and_(runs.c.epoch == epoch, runs.c.ended_at.is_(None))
        self.connection.execute(update(runs).where(own).values(ended_at=rows.time_text(at), outcome=outcome))
        self.connection.execute(delete(leases).where(leases.c.epoch == epoch))

    def heartbeat(self, epoch: int, at: datetime, progress: str | None = None) -> None:
        news = {"heartbeat_at": rows.time_text(at)} | ({} if progress is None else {"progress": progress})
        self.connection.execute(update(runs).where(runs.c.epoch == epoch).values(news))

    def progress(self, epoch: int) -> str | None:
        found: str | None = self.connection.scalar(select(runs.c.progress).where(runs.c.epoch == epoch))
        return found

    def batches(self, at: datetime) -> list[StoredBatch]:
        found = self.connection.execute(select(runs).order_by(runs.c.epoch.desc())).mappings()
        return [rows.batch_from(row, alive=is_alive_here(Heartbeat.of(row), at)) for row in found]

    # Leases.

    def holders(self, keys: Iterable[WorkKey]) -> dict[WorkKey, int]:
        wanted, found = set(keys), {}
        for page in paged(key.video_id for key in wanted):
            for row in self.connection.execute(_LEASES, {"video_ids": page}):
                key = WorkKey(row.video_id, row.name, row.config_hash)
                if key in wanted:
                    found[key] = int(row.epoch)
        return found

    def held_by(self, epoch: int, keys: Iterable[WorkKey]) -> set[WorkKey]:
        return {key for key, holder in self.holders(keys).items() if holder == epoch}

    def held_by_others(self, epoch: int | None, keys: Iterable[WorkKey], at: datetime) -> set[WorkKey]:
        others = {key: holder for key, holder in self.holders(keys).items() if holder != epoch}
        alive = live_epochs(self.connection, set(others.values()), at)
        return {key for key, holder in others.items() if holder in alive}

    def other_configurations(self, key: WorkKey, pipeline_id: int) -> list[WorkKey]:
        """Leased work keys of the same video and pipeline."""
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
        own = [] if epoch is None else [leases.c.epoch == epoch]
        given = (key_row(key, self.pipelines.id_of(key.pipeline)) for key in keys)
        values = [{f"of_{name}": value for name, value in row.items()} for row in given]
        if values:
            self.connection.execute(delete(leases).where(and_(*same, *own)), values)
