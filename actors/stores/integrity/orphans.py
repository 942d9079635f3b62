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
WORK_TABLES: Final = (tables.annotations, tables.embeddings, tables.chunks, tables.leases)  # with a work key
VIDEO_TABLES: Final = (tables.attempts, tables.identities)


def orphans(connection: Connection) -> Iterator[Finding]:
    """One finding for each table and missing owner.

    Declared foreign keys are checked by `broken_references`.
    """
    for table in WORK_TABLES:
        yield from _without_job(connection, table)
    for table in VIDEO_TABLES:
        yield from _without_video(connection, table)
    yield from _idle_leases(connection)
    yield from _embeddings_of_nothing(connection)


def _without_job(connection: Connection, table: Table) -> Iterator[Finding]:
    key = (table.c.video_id, table.c.pipeline_id, func.coalesce(table.c.config_hash, "").label("config_hash"))
    counted = select(*key, func.count().label("rows")).group_by(*key).subquery()
    orphaned = select(counted, pipelines.c.name).outerjoin(
        pipelines, pipelines.c.pipeline_id == counted.c.pipeline_id
    )
    orphaned = orphaned.where(~_has_job(counted.c.video_id, counted.c.pipeline_id, counted.c.config_hash))
    for row in connection.execute(
        orphaned.order_by(counted.c.video_id, counted.c.pipeline_id, counted.c.config_hash)
    ):
        owner = f"{row.name or f'pipeline {row.pipeline_id}'} of {row.video_id} ({row.config_hash})"
        yield Finding("orphan", table.name, f"{row.rows} rows of {owner}, for which no job asks", CURE)


def _has_job(
    video_id: ColumnElement[str], pipeline_id: ColumnElement[int], config_hash: ColumnElement[str]
) -> Exists:
    """The condition that a job has the work key."""
    same = and_(
        statuses.c.pipeline_id == pipeline_id, func.coalesce(statuses.c.config_hash, "") == config_hash
    )
    query = select(jobs.c.job_id).join(statuses, statuses.c.job_id == jobs.c.job_id)
    return query.where(jobs.c.video_id == video_id, same).exists()


def _without_video(connection: Connection, table: Table) -> Iterator[Finding]:
    exists = select(jobs.c.job_id).where(jobs.c.video_id == table.c.video_id).exists()
    orphaned = (
        select(table.c.video_id, func.count().label("rows"))
        .where(~exists)
        .group_by(table.c.video_id)
        .order_by(table.c.video_id)
    )
    for row in connection.execute(orphaned):
        yield Finding("orphan", table.name, f"{row.rows} rows of {row.video_id}, which has no job", CURE)


def _idle_leases(connection: Connection) -> Iterator[Finding]:
    """The leases of runs that have ended: the end of a run should have released them."""
    leases, runs = tables.leases, tables.runs
    leased = select(leases.c.epoch, func.count().label("rows")).join(runs, runs.c.epoch == leases.c.epoch)
    leased = leased.where(runs.c.ended_at.is_not(None)).group_by(leases.c.epoch).order_by(leases.c.epoch)
    for row in connection.execute(leased):
        yield Finding(
            "orphan", "leases", f"{row.rows} rows of run {row.epoch}, which has ended", "delete these rows"
        )


def _embeddings_of_nothing(connection: Connection) -> Iterator[Finding]:
    """Embeddings without annotations in complete results; in work, rows are replaced before embeddings."""
    embeddings = tables.embeddings
    for row in connection.execute(
        _without_annotations(embeddings).group_by(
            embeddings.c.video_id, pipelines.c.name, embeddings.c.config_hash
        )
    ):
        owner = f"{row.name} of {row.video_id} ({row.config_hash})"
        yield Finding(
            "orphan", embeddings.name, f"{row.rows} rows of {owner} whose annotations are not there", CURE
        )


def _without_annotations(embeddings: Table) -> Select[tuple[str, str, str, int]]:
    exists = (
        select(tables.annotations.c.annotation_id)
        .where(tables.annotations.c.annotation_id == embeddings.c.annotation_id)
        .exists()
    )
    complete = select(jobs.c.job_id).join(statuses, statuses.c.job_id == jobs.c.job_id)
    complete = complete.where(
        jobs.c.video_id == embeddings.c.video_id, statuses.c.status == JobStatus.COMPLETED.value
    )
    complete = complete.where(
        statuses.c.pipeline_id == embeddings.c.pipeline_id, statuses.c.config_hash == embeddings.c.config_hash
    )
    query = select(
        embeddings.c.video_id, pipelines.c.name, embeddings.c.config_hash, func.count().label("rows")
    )
    query = query.join(pipelines, pipelines.c.pipeline_id == embeddings.c.pipeline_id).where(
        ~exists, complete.exists()
    )
    return query.order_by(embeddings.c.video_id, pipelines.c.name, embeddings.c.config_hash)
