"""SQLite alone: the seed's schema and queries, migrations, epochs between processes, files that are not
ours.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from actors.stores import migrations
from actors.stores.database.sqlite_backend import SQLiteStorageBackend
from actors.stores.engines.mounts import is_network
from schemas.errors import DiskFull, StoreUnreachable
from schemas.pipelines import PERSON, SCENE
from schemas.storage import tables
from schemas.work.job import JobStatus
from tests.support.stores.fake_videos import RUN, Clip, done

CHECKOUT = Path(__file__).parents[3]
CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)

SEED_TABLES = {
    "jobs": """
        job_id TEXT PRIMARY KEY,
        video_path TEXT NOT NULL,
        video_id TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'retrying')),
        config TEXT NOT NULL,
        created_at TEXT DEFAULT (datetime('now')),
        started_at TEXT,
        completed_at TEXT,
        retry_count INTEGER DEFAULT 0,
        error_message TEXT""",
    "pipelines": """
        pipeline_id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT UNIQUE NOT NULL,
        version TEXT NOT NULL,
        config_schema TEXT""",
    "job_pipeline_status": """
        job_id TEXT REFERENCES jobs(job_id),
        pipeline_id INTEGER REFERENCES pipelines(pipeline_id),
        status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
        started_at TEXT,
        completed_at TEXT,
        annotation_count INTEGER,
        processing_time_seconds REAL,
        error_message TEXT,
        PRIMARY KEY (job_id, pipeline_id)""",
    "annotations": """
        annotation_id TEXT PRIMARY KEY,
        job_id TEXT REFERENCES jobs(job_id),
        pipeline_id INTEGER REFERENCES pipelines(pipeline_id),
        annotation_type TEXT NOT NULL,
        timestamp_seconds REAL,
        data TEXT NOT NULL,
        created_at TEXT DEFAULT (datetime('now')),
        video_id TEXT NOT NULL,
        person_id TEXT,
        face_id TEXT,
        speaker_id TEXT,
        scene_id TEXT,
        confidence REAL,
        bbox_x REAL,
        bbox_y REAL,
        bbox_width REAL,
        bbox_height REAL""",
}
SEED_INDEXES = {
    "idx_annotations_video_timestamp": ["video_id", "timestamp_seconds"],
    "idx_annotations_type_confidence": ["annotation_type", "confidence"],
    "idx_jobs_status": ["status"],
    "idx_jobs_created": ["created_at"],
}
FAILED_LAST_DAY = """
SELECT job_id, video_path, error_message
FROM jobs
WHERE status = 'failed'
AND created_at > datetime('now', '-1 day');
"""
BY_PIPELINE = """
SELECT p.name,
       COUNT(*) as total_jobs,
       AVG(jps.processing_time_seconds) as avg_time,
       AVG(jps.annotation_count) as avg_annotations
FROM job_pipeline_status jps
JOIN pipelines p ON jps.pipeline_id = p.pipeline_id
WHERE jps.status = 'completed'
GROUP BY p.name;
"""
MANY_FACES = """
SELECT DISTINCT video_id, COUNT(*) as face_count
FROM annotations
WHERE annotation_type = 'face_detection'
AND confidence > 0.8
GROUP BY video_id
HAVING face_count > 10;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "batch_processing.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStorageBackend]:
    opened = SQLiteStorageBackend(path)
    yield opened
    opened.close()


def asked(path: Path, sql: str, *values: object) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


# The seed's schema.


@pytest.mark.parametrize("table", SEED_TABLES)
def test_every_table_of_the_seed_has_exactly_its_columns_and_ours_come_after(store, path, table):
    with closing(sqlite3.connect(":memory:")) as seed:
        seed.execute(f"CREATE TABLE {table} ({SEED_TABLES[table]})")
        columns = seed.execute(f"PRAGMA table_info({table})").fetchall()
        keys = seed.execute(f"PRAGMA foreign_key_list({table})").fetchall()
    assert asked(path, f"PRAGMA table_info({table})")[: len(columns)] == columns
    assert {key[2:5] for key in asked(path, f"PRAGMA foreign_key_list({table})")} == {
        key[2:5] for key in keys
    }


@pytest.mark.parametrize("table", SEED_TABLES)
def test_the_seeds_checks_are_the_tables_own(store, path, table):
    ((sql,),) = asked(path, "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", table)
    checks = re.compile(r"CHECK \((status IN \([^)]*\))\)")
    assert checks.findall(sql) == checks.findall(SEED_TABLES[table])
    assert ("AUTOINCREMENT" in sql) == ("AUTOINCREMENT" in SEED_TABLES[table])


def test_the_seeds_indexes_have_its_names_and_columns(store, path):
    names = [name for (name,) in asked(path, "SELECT name FROM sqlite_master WHERE type = 'index'")]
    assert set(SEED_INDEXES) <= set(names)
    assert {
        name: [row[2] for row in asked(path, f"PRAGMA index_info({name})")] for name in SEED_INDEXES
    } == SEED_INDEXES


def test_a_pipeline_name_is_unique_and_a_state_unknown_to_the_seed_is_refused(store, path):
    insert = "INSERT INTO pipelines (name, version) VALUES ('scene_detection', '1')"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(insert)
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            connection.execute(insert)
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            connection.execute(
                "INSERT INTO jobs (job_id, video_path, video_id, status, config) VALUES ('j', 'p', 'v', "
                "'cancelled', '{}')"
            )


def test_rows_written_by_other_programs_in_the_seeds_columns_alone_are_read(store, path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO jobs (job_id, video_path, video_id, status, config) VALUES ('j', '/p.mp4', 'v', "
            "'pending', '{}')"
        )
    job = store.load_job_metadata("j")
    assert (job.status, job.retry_count, job.video_id) == (JobStatus.PENDING, 0, "v")
    assert abs(datetime.now(UTC) - job.created_at) < timedelta(minutes=1)


# The seed's queries.


def test_a_job_that_failed_today_is_found_and_one_of_two_days_ago_is_not(store, path):
    old, other = Clip("/clips/old.mp4", "b"), Clip("/clips/fine.mp4", "c")
    failed = [
        replace(clip.job(status=JobStatus.FAILED), error_message="the file is empty") for clip in (CLIP, old)
    ]
    two_days = timedelta(hours=48)
    almost_a_day = timedelta(hours=23, minutes=59)
    jobs = [
        replace(failed[0], created_at=failed[0].created_at - almost_a_day),
        replace(failed[1], created_at=failed[1].created_at - two_days),
    ]
    store.register(store.open_run(RUN), [], [*jobs, other.job()])
    assert asked(path, FAILED_LAST_DAY) == [(failed[0].job_id, CLIP.name, "the file is empty")]


def test_one_older_than_a_day_by_a_minute_is_not_found_either(store, path):
    job = replace(CLIP.job(status=JobStatus.FAILED), error_message="the file is empty")
    store.register(
        store.open_run(RUN), [], [replace(job, created_at=job.created_at - timedelta(hours=24, minutes=1))]
    )
    assert asked(path, FAILED_LAST_DAY) == []


def test_statistics_by_pipeline_count_completed_ones_only(store, path):
    other = Clip("/clips/pond.mp4", "b")
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video, other.video], [CLIP.job(SCENES, PERSONS), other.job()])
    store.commit_chunks(epoch, CLIP.commits(SCENES, 50, CLIP.job(SCENES, PERSONS)))
    store.finish(epoch, done(CLIP.job(SCENES, PERSONS), SCENES, CLIP.scenes(SCENES, [20, 40])))
    store.finish(epoch, done(other.job(), other.key(), other.scenes(other.key())))
    assert asked(path, BY_PIPELINE) == [(SCENE, 2, 0.25, 2.0)]


def test_videos_with_more_than_ten_sure_faces_are_found(store, path):
    other = Clip("/clips/pond.mp4", "b")
    store.register(store.open_run(RUN), [], [CLIP.job(), other.job()])
    face = {"annotation_type": "face_detection", "timestamp_seconds": 1.0}
    sure, unsure = {**face, "confidence": 0.81}, {**face, "confidence": 0.8}
    store.save_annotations(CLIP.job().job_id, "face_analysis", [sure] * 11 + [unsure] * 5)
    store.save_annotations(other.job().job_id, "face_analysis", [sure] * 10 + [unsure] * 5)
    assert asked(path, MANY_FACES) == [(CLIP.video_id, 11)]


def test_the_columns_repeat_what_data_holds(store, path):
    job = CLIP.job(PERSONS)
    store.register(store.open_run(RUN), [CLIP.video], [job])
    store.finish(
        1, done(job, PERSONS, [*CLIP.boxes(PERSONS, 3, 1, "person_0001"), CLIP.track(PERSONS, "person_0001")])
    )
    names = [
        "timestamp_seconds",
        "end_seconds",
        "frame_number",
        "person_id",
        "confidence",
        "video_id",
        "config_hash",
    ]
    names += [f"bbox_{side}" for side in ("x", "y", "width", "height")]
    for data, *columns in asked(path, f"SELECT data, {', '.join(names)} FROM annotations"):
        assert [json.loads(data).get(name) for name in names] == columns


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (
            "SELECT data FROM annotations WHERE video_id = ? AND pipeline_id = ? AND config_hash = ?",
            "idx_annotations_work",
        ),
        (
            "DELETE FROM annotations WHERE video_id = ? AND pipeline_id = ? AND config_hash = ? AND "
            "frame_number >= ?",
            "idx_annotations_work",
        ),
        (
            "SELECT first_frame FROM chunks WHERE video_id = ? AND pipeline_id = ? AND config_hash = ?",
            "sqlite_autoindex_chunks_1",
        ),
        (
            "SELECT digest FROM job_pipeline_status WHERE job_id = ? AND pipeline_id = ?",
            "sqlite_autoindex_job_pipeline_status_1",
        ),
        (
            "SELECT epoch FROM leases WHERE video_id = ? AND pipeline_id = ? AND config_hash = ?",
            "sqlite_autoindex_leases_1",
        ),
        ("DELETE FROM leases WHERE epoch = ?", "idx_leases_epoch"),
        ("SELECT max(number) FROM attempts WHERE chunk_id = ?", "sqlite_autoindex_attempts_1"),
        ("SELECT * FROM attempts WHERE video_id = ?", "idx_attempts_video"),
        ("SELECT * FROM job_events WHERE job_id = ? ORDER BY event_id", "idx_job_events_job"),
    ],
)
def test_what_is_asked_often_is_answered_from_an_index(store, path, sql, index):
    plan = asked(path, f"EXPLAIN QUERY PLAN {sql}", *["x"] * sql.count("?"))
    assert all("SCAN" not in step[3] for step in plan)
    assert any(index in step[3] for step in plan)


def test_what_is_asked_of_jobs_is_read_from_an_index_of_those_alone(store, path):
    ((*_, step),) = asked(
        path, "EXPLAIN QUERY PLAN SELECT job_id, control FROM jobs WHERE control IS NOT NULL"
    )
    assert step == "SCAN jobs USING INDEX idx_jobs_control"


# Migrations.


def test_migrations_from_nothing_end_at_the_tables_the_code_uses(store, path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with create_engine(f"sqlite:///{path}").connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": migrations.is_described,
            },
        )
        assert compare_metadata(context, tables.metadata) == []


def test_a_new_store_has_the_tables_that_all_migrations_make_of_nothing(store, path):
    stepwise = create_engine("sqlite://")
    with stepwise.connect() as connection, connection.begin():
        migrations.upgrade(connection)
        made = connection.exec_driver_sql(TABLES).fetchall()
        meta = connection.exec_driver_sql("SELECT name FROM meta").fetchall()
    with create_engine(f"sqlite:///{path}").connect() as connection:
        assert [spaceless(row) for row in connection.exec_driver_sql(TABLES)] == [
            spaceless(row) for row in made
        ], "python -m actors.stores.migrations > actors/stores/migrations/new_sqlite.sql"
        assert connection.exec_driver_sql("SELECT name FROM meta").fetchall() == meta
        assert len(connection.exec_driver_sql("SELECT value FROM meta").scalar_one()) == 32


TABLES = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"


def spaceless(row):
    return [" ".join(word.split()) if word else word for word in row]


def test_the_newest_revision_is_the_one_the_code_expects():
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(migrations.configuration()).get_current_head() == migrations.HEAD


def test_migrations_can_be_undone_and_done_again(store, path):
    from alembic import command

    with create_engine(f"sqlite:///{path}").connect() as connection, connection.begin():
        command.downgrade(migrations.configuration(connection), "base")
        assert (
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'jobs'").scalar() == 0
        )
        migrations.upgrade(connection)
        assert (
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'jobs'").scalar() == 1
        )


def test_migrations_run_from_the_installed_package_in_any_folder(tmp_path):
    code = (
        "from pathlib import Path; from actors.stores.database.sqlite_backend import SQLiteStorageBackend "
        "as S; S(Path('new.db')).close()"
    )
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True)
    assert asked(tmp_path / "new.db", "SELECT version_num FROM alembic_version") == [(migrations.HEAD,)]


def test_the_sql_of_the_migrations_can_be_printed_without_a_database(capsys):
    from alembic import command

    command.upgrade(migrations.configuration(), "head", sql=True)
    assert "CREATE TABLE annotations" in capsys.readouterr().out


def test_opening_a_store_that_is_up_to_date_needs_no_alembic_and_hardly_any_time(store, path):
    code = f"""
import sys, time
from pathlib import Path
from actors.stores.database.sqlite_backend import SQLiteStorageBackend
took = []
for _ in range(5):
    begun = time.perf_counter()
    SQLiteStorageBackend(Path({str(path)!r})).close()
    took.append(time.perf_counter() - begun)
assert not {{"alembic", "ray", "torch"}} & set(sys.modules)
print(min(took))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, check=True, capture_output=True, text=True
    )
    assert float(answer.stdout) < 0.05


@pytest.mark.long
def test_two_processes_may_make_the_same_store_at_once(tmp_path):
    code = (
        "from pathlib import Path; from actors.stores.database.sqlite_backend import SQLiteStorageBackend as "
        "S; "
        "S(Path('new.db')).open_run(R)"
    )
    ours = "from tests.support.stores.fake_videos import RUN as R"
    code = f"{ours}; import os; os.chdir({str(tmp_path)!r}); {code}"
    makers = [subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT) for _ in range(3)]
    assert [maker.wait() for maker in makers] == [0, 0, 0]
    assert asked(tmp_path / "new.db", "SELECT max(epoch) FROM runs") == [(3,)]


# Other processes, other files.

ORPHAN = """
import os, socket, sys
from dataclasses import replace
from pathlib import Path
from actors.stores.database.sqlite_backend import SQLiteStorageBackend
from schemas.errors import LeaseLost
from schemas.pipelines import PERSON
from tests.support.stores.fake_videos import RUN, Clip
clip = Clip(); key = clip.key(PERSON); commits = clip.commits(key)
store = SQLiteStorageBackend(Path(sys.argv[1]))
epoch = store.open_run(replace(RUN, host=socket.gethostname(), pid=int(sys.argv[2])))
store.register(epoch, [clip.video], [clip.job(key)])
store.commit_chunks(epoch, commits[:1])
print("committed", flush=True)
sys.stdin.readline()
try:
    store.commit_chunks(epoch, commits[1:])
except LeaseLost as refusal:
    print(refusal, flush=True)
"""


def test_an_orphaned_writer_in_another_process_is_refused_once_a_new_run_has_taken_its_work(path):
    driver = subprocess.Popen([sys.executable, "-c", ""])
    driver.wait()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    orphan = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(path), str(driver.pid)], cwd=CHECKOUT, text=True, **pipes
    )
    assert orphan.stdout is not None
    assert orphan.stdout.readline() == "committed\n"
    store = SQLiteStorageBackend(path)
    epoch = store.open_run(RUN)
    assert store.lease(epoch, [PERSONS]) == {PERSONS}
    said, _ = orphan.communicate("go on\n", timeout=60)
    assert said.startswith("commit refused: run 1 does not hold person_tracking of garden-aaaaaaaa")
    assert store.commit_chunks(epoch, CLIP.commits(PERSONS)[1:2]) == {PERSONS: 50}
    store.close()


def test_a_writer_waits_for_another_instead_of_failing(store, path):
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    code = (
        "import sys; from tests.support.stores.fake_videos import RUN; from pathlib import Path; from "
        "actors.stores.database.sqlite_backend "
        "import SQLiteStorageBackend as S;"
    )
    code += " print(S(Path(sys.argv[1])).open_run(RUN))"
    waiting = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    time.sleep(1.5)
    assert waiting.poll() is None
    blocker.execute("COMMIT")
    blocker.close()
    assert waiting.communicate(timeout=60)[0] == "1\n"


def test_a_database_without_room_refuses_the_write_and_keeps_the_rest(store, path):
    with store._db.write(None) as connection:  # a real SQLITE_FULL, from SQLite's own limit
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
    job = CLIP.job(PERSONS)
    store.register(store.open_run(RUN), [], [job])
    with pytest.raises(DiskFull, match="full"):
        store.commit_chunks(1, CLIP.commits(PERSONS))
    assert store.manifest([PERSONS]) == {PERSONS: []}
    assert store.load_job_metadata(job.job_id).job_id == job.job_id


def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.write_bytes(b"a letter to a friend " * 100)
    for read_only in (False, True):
        with pytest.raises(StoreUnreachable, match="not an SQLite database; give another file"):
            SQLiteStorageBackend(path, read_only=read_only)
    assert path.read_bytes() == b"a letter to a friend " * 100


def test_somebody_elses_database_is_refused_and_left_alone(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE jobs (salary REAL)")
    with pytest.raises(StoreUnreachable, match="none of vaengine's"):
        SQLiteStorageBackend(path)
    assert asked(path, "SELECT name FROM sqlite_master") == [("jobs",)]


def test_a_store_of_a_newer_version_is_refused_with_the_cure(store, path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for read_only in (False, True):
        with pytest.raises(StoreUnreachable, match=r"newer version of vaengine .* update vaengine"):
            SQLiteStorageBackend(path, read_only=read_only)


def test_a_damaged_database_is_refused_with_the_cure(store, path):
    store.close()
    damaged = bytearray(path.read_bytes())
    damaged[100:4096] = b"\xff" * 3996
    path.write_bytes(bytes(damaged))
    with pytest.raises(StoreUnreachable, match="damaged; restore a copy"):
        SQLiteStorageBackend(path)


def test_writes_go_to_the_log_and_references_are_enforced(store, path):
    assert asked(path, "PRAGMA journal_mode") == [("wal",)]
    with store._db.read() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/home/ann/out", False),
        ("/mnt/lab/out", True),
        ("/mnt/lab/local/out", False),
        ("/mnt/my share/out", True),
        ("/elsewhere", False),
    ],
)
def test_a_network_file_system_is_recognised_by_its_nearest_mount(path, answer):
    mounts = (
        "/dev/sda / ext4 rw 0 0\nlab:/x /mnt/lab nfs4 rw 0 0\n/dev/sdb /mnt/lab/local xfs rw 0 "
        "0\n//nas/s /mnt/my\\040share cifs rw 0 0\n"
    )
    assert is_network(Path(path), mounts) is answer


def test_without_the_log_a_store_works_the_same(path, monkeypatch):
    monkeypatch.setattr("actors.stores.engines.sqlite.is_network", lambda _: True)
    store = SQLiteStorageBackend(path)
    store.register(store.open_run(RUN), [], [CLIP.job(PERSONS)])
    assert store.commit_chunks(1, CLIP.commits(PERSONS)) == {PERSONS: 100}
    assert asked(path, "PRAGMA journal_mode") == [("delete",)]
    store.close()
