"""Runs and who holds which work key, in database tables; the caller holds the transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, select, update

from actors.stores.encoding import rows
from actors.stores.rules.liveness import Heartbeat, seen_alive
from actors.stores.rules.transitions import keeps_late_chunks, states_of
from actors.stores.sql.queries import jobs_of_videos, key_row, paged, pipeline_ids, put
from schemas.errors import LeaseLost
from schemas.storage import tables
from schemas.work.chunk import WorkKey
from schemas.work.run import RunInfo

leases, runs = tables.leases, tables.runs
_LEASES = (
    select(leases, tables.pipelines.c.name)
    .join(tables.pipelines)
    .where(leases.c.video_id.in_(bindparam("video_ids", expanding=True)))
)
_PULSE = (runs.c.epoch, runs.c.host, runs.c.pid, runs.c.heartbeat_at, runs.c.started_at, runs.c.ended_at)


def holders(connection: Connection, keys: Iterable[WorkKey]) -> dict[WorkKey, int]:
    """Epoch that each of these keys is leased to, whether that run lives or not."""
    wanted = set(keys)
    found = {}
    for page in paged(key.video_id for key in wanted):
        for row in connection.execute(_LEASES, {"video_ids": page}):
            key = WorkKey(row.video_id, row.name, row.config_hash)
            if key in wanted:
                found[key] = int(row.epoch)
    return found


def live_epochs(connection: Connection, epochs: Collection[int], at: datetime) -> set[int]:
    """Those of the runs that are at work at time `at`."""
    found = connection.execute(select(*_PULSE).where(runs.c.epoch.in_(epochs))).mappings() if epochs else ()
    return {row["epoch"] for row in found if seen_alive(Heartbeat.of(row), at)}


def held_elsewhere(
    connection: Connection, epoch: int | None, keys: Iterable[WorkKey], at: datetime
) -> set[WorkKey]:
    """Those of the keys that another live run holds."""
    others = {key: holder for key, holder in holders(connection, keys).items() if holder != epoch}
    alive = live_epochs(connection, set(others.values()), at)
    return {key for key, holder in others.items() if holder in alive}


def configurations_elsewhere(
    connection: Connection, epoch: int | None, key: WorkKey, pipeline_id: int, at: datetime
) -> set[str]:
    """Other configurations of a key's pipeline and video that another live run is at work on."""
    query = select(leases.c.config_hash).where(
        leases.c.video_id == key.video_id, leases.c.pipeline_id == pipeline_id
    )
    others = [
        WorkKey(key.video_id, key.pipeline, other)
        for other in connection.scalars(query.where(leases.c.config_hash != key.config_hash))
    ]
    return {other.config_hash for other in held_elsewhere(connection, epoch, others, at)}


def require(connection: Connection, epoch: int, keys: Iterable[WorkKey]) -> None:
    """Raises `LeaseLost` unless the run holds every one of these keys."""
    wanted = list(dict.fromkeys(keys))
    held = holders(connection, wanted)
    for key in wanted:
        if held.get(key) != epoch:
            raise LeaseLost(key, epoch)


def require_for_chunks(connection: Connection, epoch: int, keys: Collection[WorkKey]) -> None:
    """`require`, but for keys that failed and that nobody holds since."""
    held = holders(connection, keys)
    unheld = [key for key in keys if held.get(key) != epoch]
    if unheld:
        states = states_of(jobs_of_videos(connection, (key.video_id for key in unheld)))
        require(
            connection,
            epoch,
            [key for key in unheld if key in held or not keeps_late_chunks(states.get(key))],
        )


def take(connection: Connection, epoch: int, keys: Collection[WorkKey]) -> None:
    """Make the run the holder of these keys, whoever was before."""
    ids = pipeline_ids(connection, {key.pipeline for key in keys})
    put(connection, leases, [key_row(key, ids[key.pipeline]) | {"epoch": epoch} for key in keys])


def drop(connection: Connection, keys: Collection[WorkKey], *, epoch: int | None = None) -> None:
    """Give these leases back, of `epoch` only if it is given."""
    ids = pipeline_ids(connection)
    columns = (leases.c.video_id, leases.c.pipeline_id, leases.c.config_hash)
    same: list[ColumnElement[bool]] = [column == bindparam(f"of_{column.name}") for column in columns]
    own = [] if epoch is None else [leases.c.epoch == epoch]
    values = [
        {"of_video_id": k.video_id, "of_pipeline_id": ids.get(k.pipeline, 0), "of_config_hash": k.config_hash}
        for k in keys
    ]
    if values:
        connection.execute(delete(leases).where(and_(*same, *own)), values)


# Runs.


def end_run(connection: Connection, epoch: int, outcome: str, at: datetime) -> None:
    """Note how a run ended; its leases are free."""
    connection.execute(
        update(runs)
        .where(runs.c.epoch == epoch)
        .where(runs.c.ended_at.is_(None))
        .values(ended_at=rows.time_text(at), outcome=outcome)
    )
    connection.execute(delete(leases).where(leases.c.epoch == epoch))


def succeed(connection: Connection, run: RunInfo, epoch: int, at: datetime) -> None:
    """End what this process began of the same batch before, and pass its leases on to `epoch`."""
    same = and_(runs.c.batch_id == run.batch_id, runs.c.host == run.host, runs.c.pid == run.pid)
    before = select(runs.c.epoch).where(same, runs.c.ended_at.is_(None), runs.c.epoch != epoch)
    for older in connection.scalars(before).all():
        connection.execute(update(leases).where(leases.c.epoch == older).values(epoch=epoch))
        end_run(connection, older, "stopped", at)


def beat(connection: Connection, epoch: int, at: datetime, **told: Any) -> None:
    """A sign of life of a run, and what else it says of itself."""
    connection.execute(
        update(runs).where(runs.c.epoch == epoch).values(heartbeat_at=rows.time_text(at), **told)
    )
