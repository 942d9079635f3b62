"""What only a store in PostgreSQL does: its own types, its refusals, a server that goes away, and many
who write at once.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine

from actors.stores import open_store
from actors.stores.database.postgres_backend import PostgreSQLStorageBackend
from schemas.annotations.annotation import Annotation, BBox, canonical_digest
from schemas.errors import NotFound, StoreUnreachable, Unstorable
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.storage.tables import metadata
from schemas.work.job import JobStatus
from tests.support.servers import postgres
from tests.support.stores.fake_videos import RUN, Clip, done
from tests.support.suite.clock import ASKED_BY

CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
JOB = CLIP.job(SCENES, PERSONS)


@pytest.fixture
def url() -> str:
    return postgres.fresh_database()


@pytest.fixture
def store(url: str) -> Iterator[StorageBackend]:
    with closing(open_store(url)) as opened:
        yield opened


def driver(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def begun(store: StorageBackend) -> int:
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [JOB])
    return epoch


def filled(store: StorageBackend) -> None:
    """A complete pipeline, an unfinished one, and a finished run."""
    epoch = begun(store)
    store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[:2])
    store.finish(epoch, done(JOB, SCENES, CLIP.scenes(SCENES, [40])))


def box(key: object, frame: int, **told: object) -> Annotation:
    return replace(CLIP.boxes(PERSONS, frame, 1)[0], **told)


# Tables.


def test_columns_have_the_types_of_the_plan(url: str, store: StorageBackend) -> None:
    with psycopg.connect(url) as connection:
        found = {
            (table, column): kind
            for table, column, kind in connection.execute(
                "SELECT table_name, column_name, udt_name FROM information_schema.columns"
            )
        }
    assert found["jobs", "job_id"] == "uuid"
    assert found["jobs", "status"] == "job_status_enum"
    assert found["jobs", "config"] == found["annotations", "data"] == "jsonb"
    assert found["jobs", "created_at"] == found["jobs", "completed_at"] == "timestamptz"
    assert found["annotations", "confidence"] == found["annotations", "bbox_x"] == "float8"


def test_the_tables_that_migrations_make_are_those_of_the_code(url: str, store: StorageBackend) -> None:
    """But for NOT NULL on primary keys, which PostgreSQL adds by itself and the plan's SQLite tables do
    not have.
    """
    from actors.stores.migrations import is_described

    opts = {"compare_type": True, "include_name": is_described}
    with driver(url).connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)
    keys = {(table.name, column.name) for table in metadata.tables.values() for column in table.primary_key}
    flat = [change for entry in found for change in (entry if isinstance(entry, list) else [entry])]
    assert [
        change for change in flat if change[0] != "modify_nullable" or (change[2], change[3]) not in keys
    ] == []


def test_a_store_of_an_earlier_revision_is_brought_up_to_date_with_what_is_in_it(url: str) -> None:
    from alembic import command

    from actors.stores import migrations

    with driver(url).connect() as connection, connection.begin():
        command.upgrade(migrations.configuration(connection), "0002")
        connection.exec_driver_sql("INSERT INTO meta VALUES ('preset', 'embedded')")
        connection.exec_driver_sql(
            "INSERT INTO runs (epoch, batch_id, host, pid, config, inputs, started_at) VALUES (1, 'b', 'h', "
            "1, '{}', '[]', now())"
        )
    with pytest.raises(
        StoreUnreachable, match="its tables are older than this version; a run brings them up to date"
    ):
        open_store(url, read_only=True)
    with closing(open_store(url)) as store:
        assert store.meta("preset") == "embedded"
        assert [batch.batch_id for batch in store.batches()] == ["b"]


def test_a_database_of_a_newer_version_or_of_somebody_else_is_refused(url: str) -> None:
    open_store(url).close()
    with driver(url).connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnreachable, match=r"newer version of vaengine \(tables 9999\); update vaengine"):
        open_store(url)
    other = postgres.fresh_database()
    with psycopg.connect(other) as connection:
        connection.execute("CREATE TABLE accounts (id int)")
    with pytest.raises(StoreUnreachable, match="other tables, none of vaengine's"):
        open_store(other)


# Values.


def test_it_holds_what_sqlite_holds(store: StorageBackend, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = open_store(f"sqlite:///{tmp_path_factory.mktemp('twin')}/b.db")
    filled(store)
    filled(other)
    assert canonical_digest(store.canonical_rows()) == canonical_digest(other.canonical_rows())
    assert [job.config for job in store.jobs()] == [job.config for job in other.jobs()]
    other.close()


@pytest.mark.parametrize(
    "number", [-0.0, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 2**53 + 1, -(2**63)]
)
def test_numbers_come_back_as_they_were_though_jsonb_spells_them_anew(
    store: StorageBackend, number: float
) -> None:
    epoch = begun(store)
    row = box(
        PERSONS,
        3,
        bbox=BBox(float(number), 0.0, 1.0, 1.0),
        attributes={"value": number, "nested": [{"deep": number}]},
    )
    store.commit_chunks(epoch, [CLIP.commit(PERSONS, 0, rows=[row], job=JOB)])
    (found,) = store.annotations(PERSONS)
    assert found == row
    for value in (found.attributes["value"], found.attributes["nested"][0]["deep"]):
        assert type(value) is type(number)


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE jobs; --",
        "\U0001f98a\U0001f9ea",
        "\u202eright to left",
        'quotes " and \\ and \t',
        "x" * 10_000_000,
    ],
)
def test_hostile_text_is_only_text(store: StorageBackend, text: str) -> None:
    epoch = begun(store)
    row = box(PERSONS, 3, attributes={"note": text, text[:100]: 1})
    store.commit_chunks(epoch, [CLIP.commit(PERSONS, 0, rows=[row], job=JOB)])
    assert store.annotations(PERSONS) == [row]


@pytest.mark.parametrize(
    "told",
    [
        {"attributes": {"note": "a\0b"}},
        {"person_id": "a\0b"},
        {"attributes": {"note": "\udcff"}},
        {"annotation_id": "mine"},
    ],
)
def test_what_the_database_has_no_form_for_is_refused_in_one_line_and_leaves_nothing(
    store: StorageBackend, told: dict[str, object]
) -> None:
    epoch = begun(store)
    before = canonical_digest(store.canonical_rows())
    with pytest.raises(Unstorable, match=r"store postgresql://.* cannot hold this: ") as refusal:
        store.commit_chunks(epoch, [CLIP.commit(PERSONS, 0, rows=[box(PERSONS, 3, **told)], job=JOB)])
    assert "\n" not in str(refusal.value)
    assert canonical_digest(store.canonical_rows()) == before
    assert store.commit_chunks(epoch, [CLIP.commit(PERSONS, 0, job=JOB)]) == {PERSONS: 25}


def test_an_id_that_is_no_uuid_is_not_found(store: StorageBackend) -> None:
    with pytest.raises(NotFound, match="job garden"):
        store.load_job_metadata("garden")


# Servers.


def test_a_server_that_is_not_there_is_told_with_the_cure_and_without_the_password() -> None:
    with pytest.raises(StoreUnreachable, match="is the server running, and is the address right") as refusal:
        open_store("postgresql://ann:secret@127.0.0.1:1/annotations?password=hidden")
    assert "secret" not in str(refusal.value)
    assert "hidden" not in str(refusal.value)


def test_a_database_that_is_not_there_is_told_with_the_cure(url: str) -> None:
    with pytest.raises(
        StoreUnreachable, match=r'database "nowhere" does not exist; make the database with `createdb'
    ):
        open_store(url.rpartition("/")[0] + "/nowhere")


def test_connections_that_the_server_has_dropped_are_made_anew(url: str, store: StorageBackend) -> None:
    epoch = begun(store)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
            "datname = current_database()"
        )
    assert store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)) == {PERSONS: 100}


def test_a_role_that_may_only_read_reads_and_is_refused_otherwise(url: str, store: StorageBackend) -> None:
    filled(store)
    role = f"reader_{url.rpartition('/')[2]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'look'")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    scheme, _, place = url.partition("://")
    as_reader = f"{scheme}://{role}:look@{place.rpartition('@')[2]}"
    try:
        with closing(open_store(as_reader, read_only=True)) as reader:
            assert canonical_digest(reader.canonical_rows()) == canonical_digest(store.canonical_rows())
        with (
            closing(open_store(as_reader)) as reader,
            pytest.raises(StoreUnreachable, match=r"permission denied .*GRANT") as refusal,
        ):
            reader.open_run(RUN)
        assert "look" not in str(refusal.value)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")


def test_nothing_is_written_by_who_only_reads(url: str, store: StorageBackend) -> None:
    filled(store)
    with (
        closing(open_store(url, read_only=True)) as reader,
        pytest.raises(StoreUnreachable, match="read-only"),
    ):
        reader.open_run(RUN)


# Clocks.


@pytest.mark.parametrize("ahead_s", [-3600, 3600])
def test_a_machine_whose_clock_is_wrong_takes_no_work_from_a_live_run_and_loses_none(
    ahead_s: float, url: str, store: StorageBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signs of life are told and judged by the server's clock."""
    far = replace(RUN, batch_id="far", host="far", pid=1)
    rightly = store.open_run(far)
    assert store.register(rightly, [CLIP.video], [JOB]) == set()
    for module in ASKED_BY:
        monkeypatch.setattr(
            f"actors.stores.{module}.now", lambda: datetime.now(UTC) + timedelta(seconds=ahead_s)
        )
    with closing(open_store(url)) as wrong:
        epoch = wrong.open_run(replace(far, batch_id="wrong", host="elsewhere"))
        assert wrong.lease(epoch, [SCENES, PERSONS]) == set()
        assert wrong.register(epoch, [CLIP.video], [JOB]) == {SCENES, PERSONS}
        store.release(rightly, [SCENES])
        assert wrong.lease(epoch, [SCENES]) == {SCENES}
        wrong.record(epoch, [])
        monkeypatch.undo()
        assert store.lease(rightly, [SCENES, PERSONS]) == {PERSONS}
        assert [batch.alive for batch in store.batches()] == [True, True]


# Many at once.


def test_eight_who_write_at_once_lose_nothing_and_double_nothing(url: str) -> None:
    """Each from a connection of its own, every one a run of its own, on clips of its own."""
    clips = [Clip(f"/clips/{number}.mp4", f"{number}", frames=250) for number in range(8)]

    def write(clip: Clip) -> None:
        with closing(PostgreSQLStorageBackend(url)) as store:
            key = clip.key(PERSON)
            epoch = store.open_run(replace(RUN, batch_id=clip.name, host=clip.name))
            store.register(epoch, [clip.video], [clip.job(key)])
            for commit in clip.commits(key):
                store.commit_chunks(epoch, [commit])
            store.finish(epoch, done(clip.job(key), key, clip.boxes(key, 0, 250, "person_0001")))

    open_store(url).close()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, clips))
    with closing(open_store(url, read_only=True)) as store:
        assert {job.status for job in store.jobs()} == {JobStatus.COMPLETED}
        assert [len(store.annotations(clip.key(PERSON))) for clip in clips] == [500] * 8


def test_of_two_that_open_an_empty_database_at_once_one_makes_the_tables(url: str) -> None:
    barrier = threading.Barrier(4)

    def opened() -> None:
        barrier.wait()
        open_store(url).close()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(opened) for _ in range(4)]:
            future.result()


MANY = """
INSERT INTO annotations
  (annotation_id, pipeline_id, annotation_type, data, video_id,
   config_hash, timestamp_seconds, confidence, frame_number)
SELECT gen_random_uuid(), 1 + n % 4, 'person_detection', '{}', 'video-' || n % 100,
  'c', n / 1000.0, n % 10 / 10.0, n
FROM generate_series(1, 20000) n
"""
BY_INDEX = {
    "idx_annotations_work": "SELECT data FROM annotations WHERE video_id = 'video-3' AND pipeline_id = 4 AND "
    "config_hash = 'c'",
    # PostgreSQL 18 skips over the one type that is there
    "idx_annotations_(video_timestamp|type_video)": "SELECT data FROM annotations "
    "WHERE video_id = 'video-3' AND timestamp_seconds BETWEEN 1 AND 2",
    "idx_annotations_type_confidence": "SELECT data FROM annotations WHERE annotation_type = 'face' AND "
    "confidence > 0.8",
    "job_pipeline_status_pkey": "SELECT digest FROM job_pipeline_status WHERE job_id = gen_random_uuid() AND "
    "pipeline_id = 1",
}


def test_the_questions_that_are_asked_most_use_indexes(url: str, store: StorageBackend) -> None:
    filled(store)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO pipelines (name, version) VALUES ('a', '0'), ('b', '0')")
        connection.execute(MANY)
        connection.execute("ANALYZE")
        connection.execute("SET enable_seqscan = off")  # of tables with a handful of rows
        for index, query in BY_INDEX.items():
            plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {query}"))
            assert re.search(index, plan), plan
