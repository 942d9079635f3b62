"""The most alike embeddings, on both databases, with pgvector and without, against what a loop over all
vectors says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg
import pytest

from actors.stores import open_store
from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.sql import pgvector, similarity
from schemas.annotations.annotation import annotation_id
from schemas.pipelines import FACE
from schemas.storage.backend import Embeddings, Outcome
from schemas.work.job import JobStatus
from tests.support.servers import postgres
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN, Clip
from tests.support.stores.kept import execute
from vaengine.maintenance.maintenance import check
from vaengine.maintenance.migration import migrate, verify

CLIPS = [Clip(f"/clips/face{number}.mp4", "0123456789abcdef"[number], 250) for number in range(3)]
FACES = 40  # in each
RANDOM = np.random.default_rng(1)
OF_CLIP = [RANDOM.standard_normal((FACES, 16)).astype(np.float32) for _ in CLIPS]
MODELS = ["pack@1", "pack@1", "pack@2"]


def ids(clip: Clip) -> list[str]:
    return [annotation_id(clip.video_id, FACE, "c1", "face_detection", -1, at) for at in range(FACES)]


def keep(store: DatabaseStorageBackend, number: int, vectors: np.ndarray | None = None) -> None:
    """A run that finds faces in a clip."""
    clip, made = CLIPS[number], Rows(CLIPS[number].video_id)
    rows = [replace(made.face(at), annotation_id=one) for at, one in enumerate(ids(clip))]
    key = clip.key(FACE, "c1")
    job, epoch = clip.job(key), store.open_run(RUN)
    store.register(epoch, [clip.video], [job])
    embeddings = Embeddings(tuple(ids(clip)), OF_CLIP[number] if vectors is None else vectors, MODELS[number])
    store.finish(epoch, Outcome(key, job.job_id, JobStatus.COMPLETED, tuple(rows), embeddings=embeddings))
    store.close_run(epoch, "completed")


def expected(one: str, count: int) -> list[tuple[str, float]]:
    vectors = {
        name: (model, vector.astype(float))
        for clip, model, own in zip(CLIPS, MODELS, OF_CLIP, strict=True)
        for name, vector in zip(ids(clip), own, strict=True)
    }
    model, own = vectors[one]
    near = [
        (name, float(vector @ own / np.sqrt((vector @ vector) * (own @ own))))
        for name, (of, vector) in vectors.items()
        if of == model and name != one
    ]
    return sorted(near, key=lambda pair: -pair[1])[:count]


def with_pgvector(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute(
            "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
        ).fetchone()[0]:
            pytest.skip("the PostgreSQL server that was named has no pgvector")
        connection.execute("CREATE EXTENSION vector")
    return url


STORES = {
    "sqlite": lambda folder: f"sqlite:///{folder}/likeness.db",
    "postgresql": lambda _: postgres.fresh_database(),
    "pgvector": lambda _: with_pgvector(postgres.fresh_database()),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseStorageBackend]:
    with closing(open_store(STORES[request.param](tmp_path))) as opened:
        for number in range(len(CLIPS)):
            keep(opened, number)
        yield opened


@pytest.fixture
def url() -> str:
    return with_pgvector(postgres.fresh_database())


def asked(store: DatabaseStorageBackend, one: str, **told: int) -> list[tuple[str, float]]:
    return [
        (row["annotation_id"], row["cosine"]) for row in store.ask("most_alike", annotation_id=one, **told)
    ]


def vectors_in(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) FROM embedding_vectors").fetchone()[0]


def server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be compared here."""
    monkeypatch.setattr(similarity, "compare_in_python", None)


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_every_database_says_what_a_loop_says(store: DatabaseStorageBackend, count: int) -> None:
    for one in (ids(CLIPS[0])[3], ids(CLIPS[1])[0], ids(CLIPS[2])[39]):
        found, wanted = asked(store, one, count=count), expected(one, count)
        assert [name for name, _ in found] == [name for name, _ in wanted]
        assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in wanted], abs=1e-6)


def test_ten_are_told_unless_said_otherwise_and_none_of_what_has_no_embedding(
    store: DatabaseStorageBackend,
) -> None:
    assert len(asked(store, ids(CLIPS[0])[0])) == 10
    assert asked(store, "00000000-0000-4000-8000-000000000000") == asked(store, "no id at all") == []
    with pytest.raises(TypeError, match="most_alike"):
        store.ask("most_alike")


def test_pgvector_is_kept_in_step_with_what_is_stored_and_removed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_alone(monkeypatch)
    with closing(open_store(url)) as store:
        for number in range(len(CLIPS)):
            keep(store, number)
        assert vectors_in(url) == 3 * FACES
        assert asked(store, ids(CLIPS[0])[0], count=5)
        store.forget_video(CLIPS[1].video_id)
        assert vectors_in(url) == 2 * FACES
    assert list(check(url)) == []


def test_pgvector_that_is_added_later_is_filled_when_the_store_is_next_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = postgres.fresh_database()
    monkeypatch.setattr(pgvector, "_PAGE", 7)
    with closing(open_store(url)) as store:
        keep(store, 0)
        with_pgvector(url)
        assert asked(store, ids(CLIPS[0])[0], count=5)
    server_alone(monkeypatch)
    with closing(open_store(url)) as store:
        assert vectors_in(url) == FACES
        assert len(asked(store, ids(CLIPS[0])[0], count=5)) == 5


def test_a_store_that_is_moved_into_a_database_with_pgvector_is_whole_there(tmp_path: Path, url: str) -> None:
    source = f"sqlite:///{tmp_path}/source.db"
    with closing(open_store(source)) as store:
        keep(store, 0)
        keep(store, 1)
    migrate(source, url, "fail")
    assert verify(source, url).equal
    assert vectors_in(url) == 2 * FACES


def test_an_extension_that_is_out_of_sight_is_left_alone() -> None:
    """As where it is installed into a schema of its own that nobody looks into."""
    url = postgres.fresh_database()
    with_pgvector(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA elsewhere")
        connection.execute("ALTER EXTENSION vector SET SCHEMA elsewhere")
    with closing(open_store(url)) as store:
        keep(store, 0)
        assert len(asked(store, ids(CLIPS[0])[0], count=5)) == 5


def test_where_a_vector_is_missing_all_are_compared_here(url: str) -> None:
    with closing(open_store(url)) as store:
        keep(store, 0)
        nearest = asked(store, ids(CLIPS[0])[0], count=1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DELETE FROM embedding_vectors WHERE annotation_id = %s", [nearest[0][0]])
        assert asked(store, ids(CLIPS[0])[0], count=1)[0][0] == nearest[0][0]


@pytest.fixture
def role() -> Iterator[tuple[str, str, str]]:
    """A database without pgvector, a role that may write what is there, and the URL by which that role
    sees it.
    """
    url = postgres.fresh_database()
    open_store(url).close()
    with postgres.writer_of(url) as (name, as_writer):
        yield url, name, as_writer


def test_who_may_use_embeddings_may_use_what_is_made_of_them(
    role: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _, as_writer = role
    with_pgvector(url)
    open_store(url).close()
    server_alone(monkeypatch)
    with closing(open_store(as_writer)) as store:
        keep(store, 0)
        assert len(asked(store, ids(CLIPS[0])[0], count=5)) == 5


@pytest.mark.parametrize("refused", ["INSERT", "SELECT", "ALL"])
def test_a_role_that_may_not_use_it_stores_and_asks_all_the_same(
    role: tuple[str, str, str], refused: str
) -> None:
    url, name, as_writer = role
    with_pgvector(url)
    open_store(url).close()
    execute(url, f"REVOKE {refused} ON {pgvector.TABLE} FROM {name}")
    with closing(open_store(as_writer)) as store:
        keep(store, 0)
        assert len(asked(store, ids(CLIPS[0])[0], count=5)) == 5


def test_a_role_that_does_not_own_the_tables_makes_none(role: tuple[str, str, str]) -> None:
    url, name, as_writer = role
    with_pgvector(url)
    execute(
        url, f"GRANT ALL ON SCHEMA public TO {name}", f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}"
    )
    with closing(open_store(as_writer)) as store:
        keep(store, 0)
    open_store(url).close()
    assert vectors_in(url) == FACES


def test_an_extension_that_is_dropped_and_had_again_is_filled_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(url).close()
    execute(url, "DROP EXTENSION vector CASCADE")
    with closing(open_store(url)) as store:
        keep(store, 0)
        assert len(asked(store, ids(CLIPS[0])[0], count=5)) == 5
    execute(url, "CREATE EXTENSION vector")
    open_store(url).close()
    server_alone(monkeypatch)
    with closing(open_store(url)) as store:
        assert len(asked(store, ids(CLIPS[0])[0], count=5)) == 5


def test_a_vector_of_length_0_is_like_none(store: DatabaseStorageBackend) -> None:
    with_nothing = OF_CLIP[0].copy()
    with_nothing[5] = 0
    store.forget_video(CLIPS[0].video_id)
    keep(store, 0, with_nothing)
    found = asked(store, ids(CLIPS[0])[0], count=1000)
    assert len(found) == 2 * FACES - 2
    assert ids(CLIPS[0])[5] not in dict(found)
