"""Stores as earlier versions left them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine

from actors.stores import migrations
from actors.stores.database.sqlite_backend import SQLiteStorageBackend
from schemas.annotations.annotation import canonical_digest
from schemas.pipelines import PERSON, SCENE
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.job_event import Control
from tests.support.stores.fake_videos import RUN, Clip, done

CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
JOB = CLIP.job(SCENES, PERSONS)
OLD_TABLES = (
    "runs",
    "pipelines",
    "jobs",
    "job_pipeline_status",
    "annotations",
    "videos",
    "video_paths",
    "chunks",
    "meta",
)
LEASED = Attempt("garden[0,1)", CLIP.video_id, 1, AttemptState.LEASED)


def filled(path: Path) -> str:
    """A store with a complete and an unfinished pipeline, which a run is at work on; its digest."""
    with closing(SQLiteStorageBackend(path)) as store:
        epoch = store.open_run(RUN)
        store.register(epoch, [CLIP.video], [JOB])
        store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[:2])
        store.finish(epoch, done(JOB, SCENES, CLIP.scenes(SCENES, [40])))
        store.set_meta(epoch, "preset", "embedded")
        store.record(epoch, [LEASED], "{}")
        store.request([JOB.job_id], Control.PAUSE)
        return canonical_digest(store.canonical_rows())


def at_revision(path: Path, revision: str) -> None:
    """An empty database as it was made when this revision was the newest."""
    from alembic import command

    with create_engine(f"sqlite:///{path}").connect() as connection, connection.begin():
        command.upgrade(migrations.configuration(connection), revision)


def columns(path: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def older(folder: Path, revision: str) -> tuple[Path, str]:
    """A store at a revision with the rows that another one has, and the digest of those."""
    path, source = folder / "old.db", folder / "source.db"
    digest = filled(source)
    at_revision(path, revision)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ATTACH ? AS source", (str(source),))
        for table in OLD_TABLES:
            names = ", ".join(columns(path, table))
            connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM source.{table}")
    return path, digest
