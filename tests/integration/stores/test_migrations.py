"""A store of an earlier version, with results in it, brought up to date when it is opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from actors.stores import migrations, open_store
from actors.stores.database.sqlite_backend import SQLiteStorageBackend
from schemas.annotations.annotation import canonical_digest
from schemas.errors import StoreUnreachable
from tests.support.servers import postgres
from tests.support.stores import kept
from tests.support.stores.fake_videos import RUN
from tests.support.stores.older_stores import CLIP, JOB, PERSONS, SCENES, at_revision, columns, filled, older
from tests.support.suite.clock import Clock, clock

__all__ = ["clock"]


@pytest.fixture
def before(tmp_path: Path) -> tuple[Path, str]:
    return older(tmp_path, "0001")


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_store_of_an_earlier_revision_keeps_every_row(revision: str, tmp_path: Path) -> None:
    path, digest = older(tmp_path, revision)
    assert ("sound" in columns(path, "videos")) == (revision == "0002")
    assert "control" not in columns(path, "jobs")
    with closing(SQLiteStorageBackend(path)) as store:
        assert canonical_digest(store.canonical_rows()) == digest
        assert store.completed([SCENES, PERSONS]) == {SCENES}
        assert len(store.numbers(PERSONS).frame_numbers) == 50
        assert store.meta("preset") == "embedded"
        assert store.embeddings(PERSONS) is None
        assert store.identities() == []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (migrations.HEAD,)
        ]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_its_videos_are_probed_again_since_nobody_looked_for_their_sound(before: tuple[Path, str]) -> None:
    with closing(SQLiteStorageBackend(before[0])) as store:
        assert store.known_videos([CLIP.name]) == {}
        assert store.videos([CLIP.video_id]) == {CLIP.video_id: CLIP.video}
        assert store.fingerprints([CLIP.video_id]) == {CLIP.video_id: CLIP.fingerprint}
        store.register(store.open_run(RUN), [CLIP.video], [JOB])
        assert store.known_videos([CLIP.name]) == {CLIP.name: CLIP.video}


def test_of_the_runs_of_a_version_without_heartbeats_none_is_in_the_way(tmp_path: Path, clock: Clock) -> None:
    path, _ = older(tmp_path, "0002")
    clock.forward(61)
    with closing(SQLiteStorageBackend(path)) as store:
        (batch,) = store.batches()
        assert (batch.ended_at, batch.heartbeat_at, store.progress(batch.epoch)) == (None, None, None)
        assert (store.attempts([CLIP.video_id]), store.controls(), store.events(JOB.job_id)) == ([], {}, [])
        epoch = store.open_run(replace(RUN, batch_id="next"))
        assert store.register(epoch, [CLIP.video], [JOB]) == set()
        assert store.lease(epoch, [SCENES, PERSONS]) == {PERSONS}
        assert store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[2:]) == {PERSONS: 100}


def test_a_reader_leaves_it_as_it_is_and_says_what_brings_it_up_to_date(before: tuple[Path, str]) -> None:
    with pytest.raises(StoreUnreachable, match="a run brings them up to date"):
        SQLiteStorageBackend(before[0], read_only=True)
    assert "sound" not in columns(before[0], "videos")


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_newer_revisions_can_be_undone_with_rows_in_the_tables(revision: str, tmp_path: Path) -> None:
    from alembic import command

    path = tmp_path / "new.db"
    digest = filled(path)
    with create_engine(f"sqlite:///{path}").connect() as connection, connection.begin():
        command.downgrade(migrations.configuration(connection), revision)
    assert ("sound" in columns(path, "videos")) == (revision == "0002")
    assert "control" not in columns(path, "jobs")
    with closing(SQLiteStorageBackend(path)) as store:
        assert canonical_digest(store.canonical_rows()) == digest


LABELLED = '{"label":"Laughter","text":"a"}'
OLD_ROW = (
    "INSERT INTO annotations (annotation_id, annotation_type, video_id, data) "
    "VALUES ('00000000-0000-5000-8000-00000000000{0}', '{1}', 'old-aaaaaaaa', '{2}')"
)
OLD_ROWS = (
    OLD_ROW.format(1, "audio_event", LABELLED),
    OLD_ROW.format(2, "speech", '{"text":"a label"}'),
    OLD_ROW.format(3, "audio_event", '{"label":7}'),
)


def test_labels_of_old_rows_get_their_column(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    at_revision(path, "0006")
    damaged = OLD_ROW.format(4, "audio_event", '{"label": half a row')
    kept.execute(f"sqlite:///{path}", *OLD_ROWS, damaged)
    assert "label" not in columns(path, "annotations")
    SQLiteStorageBackend(path).close()
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT label FROM annotations WHERE video_id = 'old-aaaaaaaa' ORDER BY 1")
        assert found.fetchall() == [(None,), (None,), (None,), ("Laughter",)]


def test_labels_of_old_rows_get_their_column_in_postgresql_too() -> None:
    url = postgres.fresh_database()
    kept.server_at_revision(url, "0006")
    kept.execute(url, *OLD_ROWS)
    with closing(open_store(url)) as store, store.reading() as connection:
        labels = connection.exec_driver_sql("SELECT label FROM annotations ORDER BY annotation_id")
        assert [row.label for row in labels] == ["Laughter", None, None]
