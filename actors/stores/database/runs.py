"""Runs of a store in a database: their epochs, what they hold, what they say of themselves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from actors.stores.encoding import rows
from actors.stores.engines.database import Database, current_epoch
from actors.stores.rules.liveness import Heartbeat, seen_alive
from actors.stores.rules.transitions import held_back, keys_of, now, started_by
from actors.stores.sql import attempts as log_queries
from actors.stores.sql import leases, queries
from schemas.errors import StaleEpoch
from schemas.storage import tables
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import Attempt, PipelineStart
from schemas.work.chunk import WorkKey
from schemas.work.run import RunInfo, StoredBatch


class DatabaseRuns(StorageBackend):
    """The part of the store that is about runs."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.url = database.url

    def open_run(self, run: RunInfo) -> int:
        with self._db.write(None) as connection:
            at = self._db.now(connection)
            epoch = current_epoch(connection) + 1
            connection.execute(insert(tables.runs), [rows.run_row(run, epoch, rows.time_text(at) or "")])
            leases.succeed(connection, run, epoch, at)
        return epoch

    def close_run(self, epoch: int, outcome: str) -> None:
        with self._db.write(None) as connection:
            if epoch > current_epoch(connection):
                raise StaleEpoch(epoch, current_epoch(connection))
            leases.end_run(connection, epoch, outcome, self._db.now(connection))

    def holders(self, keys: Sequence[WorkKey]) -> dict[WorkKey, int]:
        with self._db.read() as connection:
            return leases.holders(connection, keys)

    def batches(self) -> list[StoredBatch]:
        with self._db.read() as connection:
            at = self._db.now(connection)
            found = connection.execute(select(tables.runs).order_by(tables.runs.c.epoch.desc())).mappings()
            return [rows.batch_from(row, alive=seen_alive(Heartbeat.of(row), at)) for row in found]

    def lease(self, epoch: int, keys: Sequence[WorkKey]) -> set[WorkKey]:
        with self._db.write(epoch, {key.video_id for key in keys}) as connection:
            at = self._db.now(connection)
            there = queries.jobs_of_videos(connection, (key.video_id for key in keys))
            closed = queries.complete(connection, keys).keys() | held_back(there)
            free = set(keys) - closed - leases.held_elsewhere(connection, epoch, keys, at)
            leases.take(connection, epoch, free)
            leases.beat(connection, epoch, at)
            return {key for key, holder in leases.holders(connection, keys).items() if holder == epoch}

    def release(self, epoch: int, keys: Sequence[WorkKey]) -> None:
        with self._db.write(epoch, {key.video_id for key in keys}) as connection:
            leases.drop(connection, keys, epoch=epoch)

    def record(
        self,
        epoch: int,
        attempts: Sequence[Attempt],
        progress: str | None = None,
        starts: Sequence[PipelineStart] = (),
    ) -> None:
        videos = {one.video_id for one in attempts} | {one.video_id for one in starts}
        with self._db.write(epoch, videos) as connection:
            leases.beat(
                connection,
                epoch,
                self._db.now(connection),
                **({} if progress is None else {"progress": progress}),
            )
            log_queries.put_attempts(connection, attempts)
            if starts:
                self._start(connection, epoch, starts)

    def _start(self, connection: Connection, epoch: int, starts: Sequence[PipelineStart]) -> None:
        jobs = queries.jobs_by_id(connection, (one.job_id for one in starts)).values()
        holders = leases.holders(connection, (key for job in jobs for key in keys_of(job).values()))
        held = {key for key, holder in holders.items() if holder == epoch}
        moved = ((job, started_by(job, starts, held, now())) for job in jobs)
        queries.put_jobs(connection, [after for before, after in moved if after != before])

    def attempts(self, video_ids: Sequence[str]) -> list[Attempt]:
        with self._db.read() as connection:
            return log_queries.attempts_of(connection, video_ids)

    def progress(self, epoch: int) -> str | None:
        with self._db.read() as connection:
            return connection.scalar(select(tables.runs.c.progress).where(tables.runs.c.epoch == epoch))

    def meta(self, name: str) -> str | None:
        with self._db.read() as connection:
            return connection.scalar(select(tables.meta.c.value).where(tables.meta.c.name == name))

    def set_meta(self, epoch: int, name: str, value: str) -> None:
        with self._db.write(epoch) as connection:
            queries.put(connection, tables.meta, [{"name": name, "value": value}])

    def close(self) -> None:
        self._db.close()
