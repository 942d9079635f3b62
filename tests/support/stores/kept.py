"""Small stores of every kind with something of everything in them, and other programs that lay hands on
them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest

from actors.stores import migrations, open_store
from schemas.annotations.annotation import canonical_digest
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import Embeddings, Identity, StorageBackend
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.run import RunInfo
from tests.support.servers import postgres
from tests.support.stores.fake_videos import RUN, Clip, done
from vaengine.maintenance import maintenance

CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
JOB = CLIP.job(SCENES, PERSONS)
KINDS = ("sqlite", "postgresql", "files")
TABLES = ("sqlite", "postgresql")


def address(kind: str, folder: Path) -> str:
    return {"sqlite": f"sqlite:///{folder}/store.db", "files": f"files:{folder}/store"}.get(
        kind
    ) or postgres.fresh_database()


def at_rest(kind: str, folder: Path) -> str:
    """Address of a filled store."""
    url = postgres.migrated_database() if kind == "postgresql" else address(kind, folder)
    filled(url)
    return url


def fill(store: StorageBackend, run: RunInfo = RUN) -> int:
    """A complete pipeline with embeddings, an unfinished one, a try of a chunk, an identity; the epoch of
    the run that is at it.
    """
    epoch = store.open_run(run)
    store.register(epoch, [CLIP.video], [JOB])
    store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[:2])
    scenes = CLIP.scenes(SCENES, [40])
    vectors = Embeddings(tuple(row.annotation_id for row in scenes), np.eye(2, dtype=np.float32), "osnet")
    store.finish(epoch, replace(done(JOB, SCENES, scenes), embeddings=vectors))
    store.record(epoch, [Attempt("garden[0,1)~0", CLIP.video_id, 1, AttemptState.FAILED)])
    store.put_identities([Identity("person_1", CLIP.video_id, "face_1", "c1", "arcface", 0.9, 0.0)])
    return epoch


def filled(url: str) -> str:
    """A store at rest, and the digest of what is in it."""
    with closing(open_store(url)) as store:
        store.close_run(fill(store), "stopped")
        return canonical_digest(store.canonical_rows())


def digest(url: str) -> str:
    with closing(open_store(url, read_only=True)) as store:
        return canonical_digest(store.canonical_rows())


@pytest.fixture(name="url", params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return at_rest(request.param, tmp_path)


@pytest.fixture(params=TABLES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return at_rest(request.param, tmp_path)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    filled(f"sqlite:///{tmp_path}/store.db")
    return tmp_path / "store.db"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    filled(f"files:{tmp_path}/store")
    return tmp_path / "store"


def execute(url: str, *statements: str) -> None:
    """Statements as somebody else's program runs them: without foreign keys."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(urlsplit(url).path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)
        return
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SET session_replication_role = replica")
        for statement in statements:
            server.execute(statement)


def kinds(url: str) -> list[tuple[str, str]]:
    return sorted({(finding.kind, Path(finding.where).name) for finding in maintenance.check(url)})


def contents(path: Path) -> bytes | dict[str, bytes]:
    """Everything that is kept on the disk; readers of SQLite's log leave its empty side files."""
    if path.is_file():
        return path.read_bytes()
    files = (
        one for one in sorted(path.rglob("*")) if one.is_file() and not one.name.endswith(("-wal", "-shm"))
    )
    return {str(one.relative_to(path)): one.read_bytes() for one in files}


def server_at_revision(url: str, revision: str) -> None:
    from alembic import command
    from sqlalchemy import create_engine

    with (
        create_engine(url.replace("postgresql:", "postgresql+psycopg:")).connect() as connection,
        connection.begin(),
    ):
        command.upgrade(migrations.configuration(connection), revision)
