"""Finds orphan rows of a database: rows whose job, video or pipeline is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, Connection, Exists, Select, Table, and_, func, select

from actors.stores.integrity.finding import RESTORE, Finding
from schemas.storage import tables
from schemas.work.job import JobStatus

jobs, statuses, pipelines = tables.jobs, tables.job_pipeline_status, tables.pipelines
CURE: Final = f"{RESTORE} if that job is missed, or delete these rows"
OF_WORK: Final = (tables.annotations, tables.embeddings, tables.chunks, tables.leases)  # have a work key
OF_VIDEOS: Final = (tables.attempts, tables.identities)


def orphans(connection: Connection) -> Iterator[Finding]:
    """One for each table and owner that is gone; references that the tables declare are
    `broken_references`' to find.
    """
    for table in OF_WORK:
        yield from _without_job(connection, table)
    for table in OF_VIDEOS:
        yield from _without_video(connection, table)
    yield from _idle_leases(connection)
    yield from _embeddings_of_nothing(connection)


def _without_job(connection: Connection, table: Table) -> Iterator[Finding]:
    key = (table.c.video_id, table.c.pipeline_id, func.coalesce(table.c.config_hash, "").label("config_hash"))
    counted = select(*key, func.count().label("rows")).group_by(*key).subquery()
    unasked = select(counted, pipelines.c.name).outerjoin(
        pipelines, pipelines.c.pipeline_id == counted.c.pipeline_id
    )
    unasked = unasked.where(~_asked(counted.c.video_id, counted.c.pipeline_id, counted.c.config_hash))
    for row in connection.execute(
        unasked.order_by(counted.c.video_id, counted.c.pipeline_id, counted.c.config_hash)
    ):
        of = f"{row.name or f'pipeline {row.pipeline_id}'} of {row.video_id} ({row.config_hash})"
        yield Finding("orphan", table.name, f"{row.rows} rows of {of}, for which no job asks", CURE)


def _asked(
    video_id: ColumnElement[str], pipeline_id: ColumnElement[int], config_hash: ColumnElement[str]
) -> Exists:
    """Whether a job asks for a work key."""
    same = and_(
        statuses.c.pipeline_id == pipeline_id, func.coalesce(statuses.c.config_hash, "") == config_hash
    )
    query = select(jobs.c.job_id).join(statuses, statuses.c.job_id == jobs.c.job_id)
    return query.where(jobs.c.video_id == video_id, same).exists()


def _without_video(connection: Connection, table: Table) -> Iterator[Finding]:
    there = select(jobs.c.job_id).where(jobs.c.video_id == table.c.video_id).exists()
    lost = (
        select(table.c.video_id, func.count().label("rows"))
        .where(~there)
        .group_by(table.c.video_id)
        .order_by(table.c.video_id)
    )
    for row in connection.execute(lost):
        yield Finding("orphan", table.name, f"{row.rows} rows of {row.video_id}, which has no job", CURE)


def _idle_leases(connection: Connection) -> Iterator[Finding]:
    """What a run that has ended still holds: its end gives everything back."""
    leases, runs = tables.leases, tables.runs
    held = select(leases.c.epoch, func.count().label("rows")).join(runs, runs.c.epoch == leases.c.epoch)
    held = held.where(runs.c.ended_at.is_not(None)).group_by(leases.c.epoch).order_by(leases.c.epoch)
    for row in connection.execute(held):
        yield Finding(
            "orphan", "leases", f"{row.rows} rows of run {row.epoch}, which has ended", "delete these rows"
        )


def _embeddings_of_nothing(connection: Connection) -> Iterator[Finding]:
    """Of complete results alone: in work, rows are replaced before their embeddings are."""
    own = tables.embeddings
    for row in connection.execute(
        _unrooted(own).group_by(own.c.video_id, pipelines.c.name, own.c.config_hash)
    ):
        of = f"{row.name} of {row.video_id} ({row.config_hash})"
        yield Finding("orphan", own.name, f"{row.rows} rows of {of} whose annotations are not there", CURE)


def _unrooted(own: Table) -> Select[tuple[str, str, str, int]]:
    there = (
        select(tables.annotations.c.annotation_id)
        .where(tables.annotations.c.annotation_id == own.c.annotation_id)
        .exists()
    )
    complete = select(jobs.c.job_id).join(statuses, statuses.c.job_id == jobs.c.job_id)
    complete = complete.where(
        jobs.c.video_id == own.c.video_id, statuses.c.status == JobStatus.COMPLETED.value
    )
    complete = complete.where(
        statuses.c.pipeline_id == own.c.pipeline_id, statuses.c.config_hash == own.c.config_hash
    )
    query = select(own.c.video_id, pipelines.c.name, own.c.config_hash, func.count().label("rows"))
    query = query.join(pipelines, pipelines.c.pipeline_id == own.c.pipeline_id).where(
        ~there, complete.exists()
    )
    return query.order_by(own.c.video_id, pipelines.c.name, own.c.config_hash)
