"""What `vaengine db check` finds in damaged stores, and that it finds nothing in sound ones."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.pipelines import PERSON, SCENE
from tests.support.servers import postgres
from tests.support.stores.fake_videos import RUN, broken, done
from tests.support.stores.kept import (
    CLIP,
    JOB,
    PERSONS,
    SCENES,
    contents,
    database,
    execute,
    filled,
    kinds,
    sqlite_file,
    tree,
    url,
)
from tests.support.stores.older_stores import older
from vaengine.cli.app import outcome
from vaengine.maintenance import maintenance

__all__ = ["database", "sqlite_file", "tree", "url"]


def test_a_store_in_use_or_at_rest_has_no_findings_and_is_left_as_it_is(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {} if url.startswith("postgresql") else contents(tmp_path)
    assert outcome(["db", "check", "--db", url]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert url.startswith("postgresql") or contents(tmp_path) == before
    with closing(open_store(url)) as store:
        epoch = store.open_run(RUN)
        store.register(epoch, [CLIP.video], [JOB])
        store.commit_chunks(epoch, CLIP.commits(PERSONS, job=JOB)[2:])
        assert kinds(url) == []
        store.finish(epoch, broken(JOB, PERSONS))
        assert kinds(url) == []
        store.reopen([JOB.job_id])
        store.lease(epoch, [PERSONS])
        store.finish(epoch, done(JOB, PERSONS, CLIP.boxes(PERSONS, 0, 100, "person_1")))
        assert kinds(url) == []
        other = CLIP.job(CLIP.key(SCENE, "c2"))
        store.register(epoch, [CLIP.video], [other])
        store.finish(
            epoch, done(other, CLIP.key(SCENE, "c2"), CLIP.scenes(CLIP.key(SCENE, "c2")), keep_runs=True)
        )
        assert kinds(url) == []
    assert outcome(["db", "check", "--db", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == 0


def test_each_finding_is_one_line_that_says_what_to_do_and_the_exit_code_is_3(
    sqlite_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{sqlite_file}"
    execute(url, "UPDATE annotations SET data = replace(data, '1.6', '1.7')")
    assert outcome(["db", "check", "--db", url]) == 3
    (line,) = capsys.readouterr().out.splitlines()
    assert f"annotations: rows of {SCENES} are not those that job {JOB.job_id} was given" in line
    assert line.endswith("and run again")
    assert outcome(["db", "check", "--db", url, "--json"]) == 3
    finding, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (finding["event"], finding["kind"], finding["where"]) == ("finding", "digest", "annotations")
    assert (last["event"], last["findings"]) == ("checked", 1)


DAMAGE = {
    "a job that is gone": (
        "DELETE FROM jobs",
        [
            *(("orphan", name) for name in ("annotations", "attempts", "chunks", "embeddings", "identities")),
            *(("reference", name) for name in ("annotations", "job_events", "job_pipeline_status")),
        ],
    ),
    "a pipeline that no job asks for any more": (
        "DELETE FROM job_pipeline_status",
        [("orphan", "annotations"), ("orphan", "chunks"), ("orphan", "embeddings")],
    ),
    "a pipeline that is gone": (
        "DELETE FROM pipelines",
        [("reference", name) for name in ("annotations", "chunks", "embeddings", "job_pipeline_status")],
    ),
    "a video that is gone": ("DELETE FROM videos", [("reference", "video_paths")]),
    "an event of a job that is gone": (
        "UPDATE job_events SET job_id = '00000000-0000-0000-0000-000000000000'",
        [("reference", "job_events")],
    ),
    "a lease of a run that is gone": (
        f"INSERT INTO leases SELECT '{CLIP.video_id}', pipeline_id, 'c1', 99 FROM pipelines WHERE name = "
        f"'{PERSON}'",
        [("reference", "leases")],
    ),
    "a lease of a run that has ended": (
        f"INSERT INTO leases SELECT '{CLIP.video_id}', pipeline_id, 'c1', 1 FROM pipelines WHERE name = "
        f"'{PERSON}'",
        [("orphan", "leases")],
    ),
    "a lease that no job asked for": (
        f"INSERT INTO leases SELECT '{CLIP.video_id}', pipeline_id, 'c9', 1 FROM pipelines WHERE name = "
        f"'{PERSON}'",
        [("orphan", "leases")],
    ),
    "a try of a video that is gone": ("UPDATE attempts SET video_id = 'gone-1'", [("orphan", "attempts")]),
    "a person of a video that is gone": (
        "UPDATE identities SET video_id = 'gone-1'",
        [("orphan", "identities")],
    ),
    "an embedding of a row that is gone": (
        "UPDATE embeddings SET annotation_id = '00000000-0000-0000-0000-000000000000' WHERE "
        "CAST(annotation_id AS text) = "
        "(SELECT min(CAST(annotation_id AS text)) FROM embeddings)",
        [("orphan", "embeddings")],
    ),
    "a vector that is cut off": ("UPDATE embeddings SET dimension = 3", [("vector", "embeddings")]),
    "a complete result without a digest": (
        "UPDATE job_pipeline_status SET digest = NULL WHERE status = 'completed'",
        [("no_digest", "job_pipeline_status")],
    ),
    "a row that is gone": (
        "DELETE FROM annotations WHERE frame_number = 40 AND annotation_type = 'scene'",
        [("digest", "annotations"), ("orphan", "embeddings")],
    ),
    "a chunk with another payload": (
        "UPDATE chunks SET payload = (SELECT payload FROM chunks WHERE first_frame = 25) WHERE first_frame "
        "= 0",
        [("checksum", "chunks")],
    ),
    "a payload that is no payload": (
        "UPDATE chunks SET payload = vector FROM embeddings",
        [("checksum", "chunks")],
    ),
    "a column that is gone": ("ALTER TABLE runs DROP COLUMN progress", [("missing", "runs")]),
    "an index that is gone": ("DROP INDEX idx_jobs_batch", [("schema", "jobs")]),
    "a table that is gone": ("DROP TABLE identities", [("missing", "identities")]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_of_damaged_tables_the_check_names(damage: str, database: str) -> None:
    statement, expected = DAMAGE[damage]
    execute(database, statement)
    assert kinds(database) == sorted(expected)


def test_one_flipped_byte_in_a_row_or_in_a_page_is_found(sqlite_file: Path) -> None:
    whole = sqlite_file.read_bytes()
    in_a_row = whole.index(b'"annotation_type":"scene"') + 20
    sqlite_file.write_bytes(whole[:in_a_row] + bytes([whole[in_a_row] ^ 1]) + whole[in_a_row + 1 :])
    assert ("digest", "annotations") in kinds(f"sqlite:///{sqlite_file}")
    for page in range(1, len(whole) // 4096):
        damaged = bytearray(whole)
        damaged[page * 4096] ^= 0xFF  # what kind of page it is
        sqlite_file.write_bytes(damaged)
        assert any(kind == "damaged" for kind, _ in kinds(f"sqlite:///{sqlite_file}")), f"page {page}"


def test_tables_of_an_earlier_version_are_a_finding_and_stay_as_they_are(tmp_path: Path) -> None:
    path, _ = older(tmp_path, "0002")
    before = path.read_bytes()
    assert kinds(f"sqlite:///{path}") == [("older", "the tables")]
    assert path.read_bytes() == before


def test_an_index_that_was_never_finished_and_a_constraint_that_was_never_held_are_found() -> None:
    url = postgres.fresh_database()
    filled(url)
    execute(url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_jobs_batch'::regclass")
    execute(url, "ALTER TABLE video_paths DROP CONSTRAINT video_paths_video_id_fkey")
    added = (
        "ALTER TABLE video_paths ADD CONSTRAINT video_paths_video_id_fkey FOREIGN KEY (video_id) "
        "REFERENCES videos (video_id) NOT VALID"
    )
    execute(url, added)
    found = {(finding.kind, finding.where): finding.cure for finding in maintenance.check(url)}
    assert found["index", "jobs"] == "`REINDEX INDEX idx_jobs_batch`"
    execute(url, found["index", "jobs"].strip("`"), found["constraint", "video_paths"].strip("`"))
    assert kinds(url) == []


def test_tables_and_indexes_that_somebody_put_beside_ours_are_no_finding(database: str) -> None:
    execute(database, "CREATE TABLE notes (id integer)", "CREATE INDEX own_one ON annotations (person_id)")
    assert kinds(database) == []


def flipped(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_result_file_that_is_cut_changed_or_gone_is_found(tree: Path) -> None:
    url, path = f"files:{tree}", tree / CLIP.video_id / f"{SCENE}.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert kinds(url) == [("not_whole", path.name)]
    path.unlink()
    assert kinds(url) == [("not_whole", path.name)]
    path.write_bytes(whole)
    flipped(path, whole.index(b'"scene_id": "scene_0001"') + 21)
    assert kinds(url) == [("digest", path.name)]


def test_chunks_that_are_cut_changed_or_replaced_are_found(tree: Path) -> None:
    url, folder = f"files:{tree}", tree / CLIP.video_id / ".state" / f"{PERSON}@c1"
    first, second = sorted(folder.glob("*.chunk"))
    whole = first.read_bytes()
    first.write_bytes(whole[:-1])
    assert kinds(url) == [("not_whole", first.name)]
    first.write_bytes(whole)
    flipped(first, whole.index(b"scene_scores") + 40)
    assert kinds(url) == [("checksum", first.name)]
    first.write_bytes(whole)
    newer = folder / second.name.replace(".000002.", ".000009.")
    shutil.copy(second, newer)
    assert kinds(url) == [("leftover", second.name)]


def test_what_no_job_asks_for_and_what_was_left_is_found_in_a_tree(tree: Path) -> None:
    url, state = f"files:{tree}", tree / CLIP.video_id / ".state"
    (tree / ".store" / "scratch" / ".x.tmp").touch()
    (state / f"{PERSON}@c9").mkdir()
    (state / "logs" / "gone.jsonl").touch()
    (tree / ".store" / "live" / "00000077").mkdir(parents=True)
    (tree / ".store" / "live" / "00000077" / "a.lease").touch()
    (tree / CLIP.video_id / f"{PERSON}.c9.partial.json").touch()
    expected = ["a.lease", "gone.jsonl", f"{PERSON}.c9.partial.json", f"{PERSON}@c9"]
    assert kinds(url) == [("leftover", ".x.tmp"), *(("orphan", name) for name in expected)]


def test_jobs_videos_and_states_that_cannot_be_read_are_found_in_a_tree(tree: Path) -> None:
    url, folder = f"files:{tree}", tree / CLIP.video_id
    for path in (folder / ".state" / "video.json", folder / ".state" / f"{SCENE}@c1" / "state.json"):
        whole = path.read_bytes()
        path.write_bytes(b"{")
        assert kinds(url) == [("damaged", path.name)]
        path.write_bytes(whole)
    (job,) = (folder / "jobs").iterdir()
    job.write_bytes(b"[]")
    found = kinds(url)
    assert ("damaged", job.name) in found
    assert ("orphan", f"{SCENE}@c1") in found
    job.unlink()
    assert ("orphan", "attempts.json") in kinds(url)
    assert ("orphan", "identities.json") in kinds(url)
    shutil.rmtree(folder)
    assert [kind for kind, _ in kinds(url)] == ["orphan", "orphan"]  # its path, and the person in it
