"""The index of what is said, in databases: filled for earlier rows, used by searches, and in step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from actors.stores import migrations, open_store
from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.encoding.annotation_rows import spoken_words
from actors.stores.migrations import speech_words
from actors.stores.sql import speech
from schemas.annotations.annotation import SPEECH, WORD, Annotation, annotation_id
from schemas.annotations.words import WordSearch
from schemas.pipelines import AUDIO
from schemas.storage import tables
from tests.support.servers import postgres
from tests.support.stores.fake_rows import Rows

STORES: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder}/speech.db",
    "postgresql": lambda _: postgres.fresh_database(),
}
SAID = ["Good morning.", "Straße und Äpfel", "", "good night"]


@pytest.fixture(autouse=True)
def _databases_come_back() -> Iterator[None]:
    with postgres.take_back():
        yield


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return STORES[request.param](tmp_path)


def rows() -> list[Annotation]:
    made = Rows("talk-aaaaaaaa")
    said = [made.speech(words, float(at), at + 1.0) for at, words in enumerate(SAID)]
    return [*said, made.heard(WORD, 0.0, 0.5, word="Good"), made.heard(SPEECH, 9.0, 9.5)]


def insert(connection: Connection) -> None:
    """Rows as an earlier version stored them: without their words."""
    pipeline = text("INSERT INTO pipelines (pipeline_id, name, version) VALUES (7, :name, '1')")
    connection.execute(pipeline, {"name": AUDIO})
    is_json = "CAST(:data AS jsonb)" if connection.dialect.name == "postgresql" else ":data"
    statement = text(
        "INSERT INTO annotations (annotation_id, annotation_type, pipeline_id, video_id, config_hash, "
        f"timestamp_seconds, end_seconds, data) VALUES (:id, :kind, 7, :video, 'c1', :start, :end, {is_json})"
    )
    for at, row in enumerate(rows()):
        data = row.to_data() | {"annotation_id": annotation_id(row.video_id, AUDIO, "c1", SPEECH, at, 0)}
        connection.execute(
            statement,
            {
                "id": data["annotation_id"],
                "kind": row.annotation_type,
                "video": row.video_id,
                "start": row.timestamp_seconds,
                "end": row.end_seconds,
                "data": json.dumps(data),
            },
        )


def opened(url: str, *, read_only: bool = False) -> DatabaseStorageBackend:
    store = open_store(url, read_only=read_only)
    assert isinstance(store, DatabaseStorageBackend)
    return store


def found(store: DatabaseStorageBackend, search: str) -> list[float | None]:
    return [row.timestamp_seconds for row in store.utterances(WordSearch.parse(search))]


def words_in(store: DatabaseStorageBackend) -> list[str | None]:
    query = text("SELECT words FROM annotations ORDER BY timestamp_seconds, annotation_type")
    with store._db.read() as connection:
        return list(connection.execute(query).scalars())


def expected_words() -> list[str | None]:
    ordered = sorted(rows(), key=lambda row: (row.timestamp_seconds or 0.0, row.annotation_type))
    return [spoken_words(row) for row in ordered]


def engine_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def test_the_words_of_rows_of_an_earlier_version_are_filled_when_it_is_upgraded(url: str) -> None:
    from alembic import command

    engine = create_engine(engine_url(url))
    with engine.connect() as connection, connection.begin():
        command.upgrade(migrations.configuration(connection), "0006")
        insert(connection)
    engine.dispose()
    with closing(opened(url)) as store:
        assert words_in(store) == expected_words()
        assert found(store, "good") == [0.0, 3.0]
        assert found(store, "STRASSE") == [1.0]


def test_where_tables_were_migrated_by_sql_alone_readers_read_on_and_a_writer_fills_the_words(
    url: str,
) -> None:
    with closing(opened(url)) as store, store._db.write(None) as connection:
        insert(connection)
        connection.execute(speech_words.mark_due())
    with closing(opened(url, read_only=True)) as store:
        assert set(words_in(store)) == {None}
        assert found(store, '"good morning"') == [0.0]
    with closing(opened(url)) as store:
        assert words_in(store) == expected_words()
        assert found(store, '"good morning"') == [0.0]
        assert store.meta(speech_words.DUE) is None


def test_a_search_reads_the_index_and_not_the_table(url: str) -> None:
    search = WordSearch.parse('"good morning" str*')
    with closing(opened(url)) as store, store._db.read() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        query = tables.annotations.select().where(speech.contains(connection, search))
        compiled = query.compile(connection, compile_kwargs={"literal_binds": True})
        prefix = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{prefix} {compiled}"))
    if connection.dialect.name == "postgresql":
        assert "idx_annotations_words" in plan
    else:
        assert "VIRTUAL TABLE INDEX" in plan
        assert "SCAN annotations" not in plan


def test_an_update_of_the_words_is_followed_by_the_index(url: str) -> None:
    with closing(opened(url)) as store:
        with store._db.write(None) as connection:
            insert(connection)
            speech_words.fill(connection)
            connection.execute(
                text("UPDATE annotations SET words = ' gute nacht ' WHERE timestamp_seconds = 3.0")
            )
            connection.execute(text("UPDATE annotations SET words = NULL WHERE timestamp_seconds = 1.0"))
        assert found(store, "good") == [0.0]
        assert found(store, "nacht") == [3.0]
        assert found(store, "äpfel") == []
        with store._db.write(None) as connection:
            connection.execute(text("DELETE FROM annotations WHERE timestamp_seconds = 3.0"))
        assert found(store, "nacht") == []
