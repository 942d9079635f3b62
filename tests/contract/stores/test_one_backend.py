"""Files, SQLite and PostgreSQL share one backend: calls are written once, and hot ones take few
statements.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from actors.stores.backend.backend import Backend
from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.database.postgres_backend import PostgreSQLStorageBackend
from actors.stores.database.sqlite_backend import SQLiteStorageBackend
from actors.stores.files.backend import FileStorageBackend
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from tests.support.stores.fake_videos import RUN, Clip, done

CALLS = StorageBackend.__abstractmethods__


@pytest.mark.parametrize("kind", [FileStorageBackend, SQLiteStorageBackend, PostgreSQLStorageBackend])
def test_no_kind_of_store_has_a_call_of_its_own(kind: type[Backend]) -> None:
    own = {name for one in kind.__mro__[: kind.__mro__.index(Backend)] for name in vars(one)}
    assert CALLS
    assert own & CALLS == set()
    assert vars(Backend).keys() >= CALLS


@contextmanager
def statements(store: DatabaseStorageBackend) -> Iterator[list[str]]:
    seen: list[str] = []

    def see(connection: object, cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(store._db._engine, "before_cursor_execute", see)
    yield seen
    event.remove(store._db._engine, "before_cursor_execute", see)


def test_hot_calls_take_few_statements_however_many_jobs_there_are(tmp_path: Path) -> None:
    with closing(SQLiteStorageBackend(tmp_path / "store.db")) as store:
        epoch = store.open_run(RUN)
        clips = [Clip(f"/clips/{n}.mp4", f"{n:x}") for n in range(8)]
        for clip in clips:
            store.register(epoch, [clip.video], [clip.job(clip.key(SCENE), clip.key(PERSON))])
        clip, key = clips[0], clips[0].key(PERSON)
        job = clip.job(clip.key(SCENE), key)
        with statements(store) as committing:
            store.commit_chunks(epoch, clip.commits(key, job=job)[:1])
        with statements(store) as leasing:
            store.lease(epoch, [one.key(PERSON) for one in clips])
        with statements(store) as finishing:
            store.finish(epoch, done(job, key, []))
    assert len(committing) <= 10
    assert (len(leasing), len(finishing)) <= (10, 22)
