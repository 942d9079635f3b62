"""From every store to every other one and back: nothing is lost, nothing is changed, nothing is done
twice.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from actors.stores import open_store
from actors.stores.files.registry import Registry
from actors.transfer import files_endpoint
from actors.transfer.digest import Digester
from actors.transfer.endpoints import open_endpoint
from actors.transfer.unit import LAYOUTS, Unit, WireRow
from schemas.errors import StoreInUse, Unfit
from schemas.pipelines import SCENE
from schemas.storage.backend import Identity
from tests.contract.conftest import STORES, digest
from tests.support.servers import postgres
from tests.support.stores import stored
from tests.support.stores.fake_videos import RUN, Clip, done
from tests.support.stores.kept import execute
from vaengine.cli.app import outcome
from vaengine.maintenance.migration import MigrationProgress, differing, migrate, preflight, verify

ATTIC = Clip("/clips/attic.mp4", "d")
ROUND = [("files", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "files")]  # each once on either side
PAIRS = [
    pytest.param(*pair, marks=[pytest.mark.long] * (pair not in ROUND)) for pair in product(STORES, repeat=2)
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A full store of each kind; nothing writes to them."""
    return {
        name: stored.filled(make(tmp_path_factory.mktemp(name) / "source")) for name, make in STORES.items()
    }


def digest_of(url: str) -> str:
    with closing(open_store(url, read_only=True)) as store:
        return digest(store)


def sections(url: str) -> dict[tuple[Unit, str], list[tuple]]:
    with closing(open_endpoint(url, read_only=True)) as side, side.read() as reader:
        return {
            (unit, table.name): sorted(reader.rows(unit, table.name), key=repr)
            for unit in reader.units()
            for table in unit.tables
        }


def test_the_source_holds_something_in_every_table(sources):
    for url in sources.values():
        assert {table for (_, table), rows in sections(url).items() if rows} == set(LAYOUTS)


@pytest.mark.parametrize(("source", "destination"), PAIRS)
def test_everything_arrives_as_it_was(sources, tmp_path, source, destination):
    url = STORES[destination](tmp_path / "copy")
    moved = migrate(sources[source], url, "fail")
    assert set(moved.steps) == {"moved"}
    assert digest_of(url) == digest_of(sources[source])
    assert verify(sources[source], url).equal
    assert moved.tables == verify(sources[source], url).tables
    assert [batch.batch_id for batch in open_store(url).batches()] == ["batch-2", "batch-1"]


@pytest.mark.parametrize(("source", "destination"), PAIRS)
def test_a_second_time_changes_nothing(sources, tmp_path, source, destination):
    url = STORES[destination](tmp_path / "copy")
    first = migrate(sources[source], url, "fail")
    before = sections(url)
    again = migrate(sources[source], url, "fail")
    assert again.steps == {"unchanged": first.steps["moved"]}
    assert again.moved_rows == 0
    assert sections(url) == before


# What was interrupted.


def dying_after_a_unit(source: str, destination: str, rows: int) -> None:
    """Migrate until more rows than these are there."""

    def tell(progress: MigrationProgress) -> None:
        if progress.rows > rows:
            os.kill(os.getpid(), signal.SIGKILL)

    migrate(source, destination, "fail", tell)


def dying_in_a_section(source: str, destination: str, rows: int) -> None:
    """Migrate until this many rows have been read."""
    left, packed = iter(range(rows)), Digester.pack

    def counted(self: Digester, row: WireRow) -> bytes:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return packed(self, row)

    Digester.pack = counted
    migrate(source, destination, "fail")


def dying_at_a_write(source: str, destination: str, after: int) -> None:
    """Migrate until so many files have been written."""
    left = iter(range(after))

    def counted(write: Callable[..., None]) -> Callable[..., None]:
        def written(*given: object, **told: object) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            write(*given, **told)

        return written

    Registry.put = counted(Registry.put)
    files_endpoint.write_epoch = counted(files_endpoint.write_epoch)
    migrate(source, destination, "fail")


def killed(dying: Callable[[str, str, int], None], source: str, destination: str, after: int) -> bool:
    """Whether a migration in a process of its own was killed; False: it came to its end before."""
    child = multiprocessing.get_context("fork").Process(target=dying, args=(source, destination, after))
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


@pytest.mark.parametrize(
    "destination",
    [pytest.param("files", marks=pytest.mark.long), *[store for store in STORES if store != "files"]],
)
def test_a_migration_killed_after_any_unit_goes_on(sources, tmp_path, destination):
    source, url = sources["sqlite"], STORES[destination](tmp_path / "copy")
    total = sum(len(rows) for rows in sections(source).values())
    kills, rows = 0, 0
    while killed(dying_after_a_unit, source, url, rows):
        kills += 1
        rows = sum(len(found) for found in sections(url).values())
        assert rows < total or kills == len({unit for unit, _ in sections(source)})
    assert kills >= 6
    assert migrate(source, url, "fail").steps.keys() == {"unchanged"}
    assert digest_of(url) == digest_of(source)
    assert verify(source, url).equal


@pytest.mark.parametrize("destination", STORES)
@pytest.mark.parametrize("after", [3, 40, 90, 170])
def test_a_migration_killed_in_the_middle_of_a_section_goes_on(sources, tmp_path, destination, after):
    source, url = sources["sqlite"], STORES[destination](tmp_path / "copy")
    assert killed(dying_in_a_section, source, url, after)
    moved = migrate(source, url, "fail")
    assert moved.moved_rows > 0
    assert digest_of(url) == digest_of(source)
    assert verify(source, url).equal


def test_a_migration_into_files_killed_at_any_write_goes_on_also_where_runs_get_new_numbers(own, tmp_path):
    other, url = run_elsewhere(f"sqlite:///{tmp_path}/other.db", ATTIC), f"files:{tmp_path}/both"
    migrate(own, url, "fail")
    after = 0
    while killed(dying_at_a_write, other, url, after):
        after += 1
    assert after > 8
    assert migrate(other, url, "fail").moved_rows == 0
    assert {str(one.unit) for one in verify(other, url, within=True).differences} == {
        "setting preset",
        "identities",
    }
    assert verify(own, url, within=True).equal


# Who has changed what since.


def rerun(url: str, pipeline: str = SCENE) -> None:
    """A later run on a store finds something else in the garden."""
    with closing(open_store(url)) as store:
        job = next(job for job in store.jobs() if job.video_id == stored.GARDEN.video_id)
        store.save_annotations(job.job_id, pipeline, [{"annotation_type": "scene", "timestamp_seconds": 3.0}])


@pytest.fixture
def own(tmp_path: Path) -> str:
    return stored.filled(f"sqlite:///{tmp_path}/own.db")


@pytest.mark.parametrize("destination", STORES)
def test_what_the_source_has_changed_since_is_moved_again(own, tmp_path, destination):
    url = STORES[destination](tmp_path / "copy")
    migrate(own, url, "fail")
    rerun(own)
    assert migrate(own, url, "fail").steps == {"unchanged": 7, "moved": 1}
    assert verify(own, url).equal
    assert digest_of(url) == digest_of(own)


@pytest.mark.parametrize("destination", STORES)
def test_what_the_destination_has_changed_since_stays(own, tmp_path, destination):
    url = STORES[destination](tmp_path / "copy")
    migrate(own, url, "fail")
    rerun(url)
    after = digest_of(url)
    assert migrate(own, url, "fail").moved_rows == 0
    assert digest_of(url) == after


@pytest.mark.parametrize("destination", STORES)
def test_what_both_have_changed_is_refused_and_named(own, tmp_path, destination):
    url = STORES[destination](tmp_path / "copy")
    migrate(own, url, "fail")
    rerun(url)
    with closing(open_store(own)) as store:
        store.reopen([job.job_id for job in store.jobs() if job.video_id == stored.GARDEN.video_id])
        job = next(job for job in store.jobs() if job.video_id == stored.GARDEN.video_id)
        store.save_annotations(job.job_id, SCENE, [{"annotation_type": "scene", "timestamp_seconds": 4.0}])
    before = digest_of(url)
    moved = migrate(own, url, "fail")
    assert moved.refused == (f"video {stored.GARDEN.video_id}",)
    assert digest_of(url) == before


def test_what_was_taken_out_of_the_destination_is_not_brought_back(own, tmp_path):
    """A participant who has withdrawn does not return with the next migration."""
    url = postgres.fresh_database()
    migrate(own, url, "fail")
    unit = Unit("video", stored.GARDEN.video_id)
    with closing(open_endpoint(url, read_only=False)) as side, side.write(unit) as writer:
        writer.clear(unit)
    moved = migrate(own, url, "fail")
    assert moved.removed == (str(unit),)
    assert [row for (found, _), rows in sections(url).items() if found == unit for row in rows] == []


def test_a_destination_that_a_run_works_on_is_refused(own, tmp_path):
    url = f"sqlite:///{tmp_path}/copy.db"
    with closing(open_store(url)) as store:
        epoch = store.open_run(replace(RUN, host=socket.gethostname(), pid=os.getpid()))
        store.register(epoch, [stored.EMPTY.video], [stored.EMPTY.job(stored.EMPTY.key(SCENE))])
        with pytest.raises(StoreInUse, match=r"a run is at work on sqlite:.*copy\.db: stop it first"):
            migrate(own, url, "fail")


def run_elsewhere(url: str, clip: Clip) -> str:
    """Make a store with runs, a video, a setting and identities of its own, as on the next desk; its
    address is returned.
    """
    with closing(open_store(url)) as store:
        for batch in ("another", "another", "a third"):
            store.close_run(store.open_run(replace(RUN, batch_id=batch)), "completed")
        epoch, job = store.open_run(replace(RUN, batch_id="another")), clip.job(clip.key(SCENE))
        store.register(epoch, [clip.video], [job])
        store.commit_chunks(epoch, clip.commits(clip.key(SCENE), job=job))
        store.finish(epoch, done(job, clip.key(SCENE), clip.scenes(clip.key(SCENE), [20])))
        store.set_meta(epoch, "preset", "of the other")
        store.close_run(epoch, "completed")
        store.put_identities([Identity("person_0001", clip.video_id, "face_0001", "c2", "arcface", 0.5, 1.0)])
    return url


@pytest.mark.parametrize("destination", STORES)
def test_stores_that_were_both_run_on_are_merged(own, tmp_path, destination):
    """Runs whose numbers are taken get new ones; what is of a whole store stays as it is in the
    destination, and is told.
    """
    other, url = (
        run_elsewhere(f"sqlite:///{tmp_path}/other.db", ATTIC),
        STORES[destination](tmp_path / "both"),
    )
    migrate(own, url, "fail")
    for moved in (migrate(other, url, "fail"), migrate(other, url, "fail")):
        assert moved.kept == ("setting preset", "identities")
    assert verify(own, url, within=True).equal
    assert {str(one.unit) for one in verify(other, url, within=True).differences} == {
        "setting preset",
        "identities",
    }
    assert not verify(own, url).equal
    assert migrate(own, url, "fail").moved_rows == 0
    with closing(open_endpoint(url, read_only=True)) as side, side.read() as reader:
        epochs = {batch: reader.epochs(batch) for batch in ("batch-1", "batch-2", "another", "a third")}
    assert epochs == {"batch-1": [1], "batch-2": [2], "another": [3, 4, 5], "a third": [6]}
    with closing(open_store(url)) as store:
        assert store.open_run(RUN) == 7


@pytest.mark.parametrize("destination", STORES)
def test_a_video_that_came_from_one_store_is_not_overwritten_by_what_another_has_of_it(
    own, tmp_path, destination
):
    other, url = (
        run_elsewhere(f"sqlite:///{tmp_path}/other.db", stored.GARDEN),
        STORES[destination](tmp_path / "both"),
    )
    migrate(own, url, "fail")
    before = digest_of(url)
    for _ in range(2):
        moved = migrate(other, url, "fail")
        assert moved.refused == (f"video {stored.GARDEN.video_id}",)
        assert digest_of(url) == before
        assert migrate(own, url, "fail").moved_rows == 0


@pytest.mark.parametrize("destination", STORES)
def test_a_video_that_two_stores_have_the_same_results_of_is_not_missed(tmp_path, destination):
    """Run on each desk, at another time and in another order, and nothing else is different."""
    desks = [run_elsewhere(f"sqlite:///{tmp_path}/{name}.db", stored.GARDEN) for name in ("first", "second")]
    execute(desks[1], "UPDATE runs SET batch_id = 'of the second ' || batch_id")
    for column in ("started_at", "completed_at"):
        execute(desks[1], f"UPDATE job_pipeline_status SET {column} = '2026-11-27 08:00:00'")
    execute(desks[1], "UPDATE annotations SET created_at = '2026-11-27 08:00:00'")
    url = STORES[destination](tmp_path / "both")
    migrate(desks[0], url, "fail")
    before = digest_of(url)
    moved = migrate(desks[1], url, "fail")
    assert (moved.steps["same"], moved.refused) == (1, ())
    assert digest_of(url) == before


def test_a_store_is_known_by_what_it_is_and_not_by_its_address(own, tmp_path):
    """On the next desk another one may have the same path, and one that was moved away is still the same."""
    url, home = postgres.fresh_database(), Path(own.removeprefix("sqlite:///"))
    migrate(own, url, "fail")
    before, away = digest_of(url), home.rename(tmp_path / "away.db")
    run_elsewhere(own, stored.GARDEN)
    assert migrate(own, url, "fail").refused == (f"video {stored.GARDEN.video_id}",)
    assert digest_of(url) == before
    rerun(f"sqlite:///{away}")
    assert migrate(f"sqlite:///{away}", url, "fail").steps["moved"] == 1
    assert digest_of(url) == digest_of(f"sqlite:///{away}")


@pytest.mark.parametrize("destination", STORES)
def test_a_path_under_which_two_stores_have_different_videos_keeps_neither_from_being_moved_again(
    own, tmp_path, destination
):
    same_path = Clip(stored.GARDEN.name, "e")
    other, url = (
        run_elsewhere(f"sqlite:///{tmp_path}/other.db", same_path),
        STORES[destination](tmp_path / "both"),
    )
    migrate(own, url, "fail")
    migrate(other, url, "fail")
    rerun(own)
    moved = migrate(own, url, "fail")
    assert (moved.steps["moved"], moved.refused) == (1, ())
    assert {one.table for one in verify(own, url, within=True).differences} <= {
        "video_paths",
        "meta",
        "identities",
    }


@pytest.mark.parametrize("source", STORES)
def test_what_is_copied_while_a_run_writes_says_so(tmp_path, source):
    url = STORES[source](tmp_path / "source")
    with closing(open_store(url)) as store:
        epoch = store.open_run(replace(RUN, host=socket.gethostname(), pid=os.getpid()))
        store.register(epoch, [stored.EMPTY.video], [stored.EMPTY.job(stored.EMPTY.key(SCENE))])
        assert migrate(url, f"sqlite:///{tmp_path}/copy.db", "fail").source_in_use
        store.close_run(epoch, "stopped")
    again = migrate(url, f"sqlite:///{tmp_path}/copy.db", "fail")
    assert not again.source_in_use
    assert verify(url, f"sqlite:///{tmp_path}/copy.db").equal


# Proof.


FLIPPED = {
    "sqlite": "CAST(substr(vector, 1, 3) || x'01' || substr(vector, 5) AS BLOB)",
    "postgresql": "set_bit(vector, 30, 1 - get_bit(vector, 30))",
}
ALTERED = {
    "sqlite": "replace(data, 'DROP', 'DRoP')",
    "postgresql": "replace(data::text, 'DROP', 'DRoP')::jsonb",
}
FAULTS = {
    "a bit of a vector": ("UPDATE embeddings SET vector = {flipped}", "embeddings", "vector is"),
    "a digit of a box": (
        "UPDATE annotations SET bbox_x = bbox_x + 1e-12 WHERE bbox_x > 0",
        "annotations",
        "bbox_x is",
    ),
    "a row": (
        "DELETE FROM annotations WHERE annotation_type = 'speech'",
        "annotations",
        "is in the first alone",
    ),
    "a value in JSON": (
        "UPDATE annotations SET data = {json} WHERE annotation_type = 'speech'",
        "annotations",
        "data is",
    ),
    "a payload": ("UPDATE chunks SET payload = NULL WHERE payload IS NOT NULL", "chunks", "payload is"),
    "a line of a log": (
        "DELETE FROM job_events WHERE event_id = (SELECT min(event_id) FROM job_events)",
        "job_events",
        "row",
    ),
    "a setting": ("UPDATE meta SET value = 'other'", "meta", "value is"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_one_fault_is_found_and_named(sources, tmp_path, kind, fault):
    text, table, told = FAULTS[fault]
    url = STORES[kind](tmp_path / "copy")
    migrate(sources["sqlite"], url, "fail")
    execute(url, text.format(flipped=FLIPPED[kind], json=ALTERED[kind]))
    found = verify(sources["sqlite"], url)
    assert not found.equal
    assert {one.table for one in found.differences} == {table}
    assert told in found.differences[0].first


def test_golden_questions_of_every_kind_have_the_same_answers(sources):
    found = verify(sources["sqlite"], sources["postgresql"])
    assert found.questions == 7
    assert found.otherwise == ()
    with closing(open_endpoint(sources["postgresql"], read_only=True)) as side, side.read() as reader:
        _, answers = reader.run_golden_queries()
    assert {name for name, rows in answers.items() if rows} >= {
        "confident_faces",
        "faces_in_region",
        "most_alike",
        "pipeline_statistics",
    }


def test_a_file_cut_off_is_found(sources, tmp_path):
    migrate(sources["sqlite"], f"files:{tmp_path}/copy", "fail")
    result = next((tmp_path / "copy" / stored.GARDEN.video_id).glob("face_analysis.json"))
    result.write_bytes(result.read_bytes()[:-10])
    found = verify(sources["sqlite"], f"files:{tmp_path}/copy")
    assert {"annotations", "embeddings"} <= {one.table for one in found.differences}


# What differs is mended.

DAMAGED = ("setting preset", f"video {stored.GARDEN.video_id}", f"video {stored.KITCHEN.video_id}")


def damage(url: str) -> None:
    """Change a setting, an annotation, and a chunk that is in work."""
    if not url.startswith("files:"):
        kind = url.partition(":")[0]
        execute(
            url,
            "UPDATE annotations SET bbox_x = bbox_x + 1e-12 WHERE bbox_x > 0",
            "UPDATE meta SET value = 'x' WHERE name = 'preset'",
        )
        execute(url, FAULTS["a payload"][0], FAULTS["a value in JSON"][0].format(json=ALTERED[kind]))
        return
    base = Path(url.removeprefix("files:"))
    (chunk, *_) = sorted((base / stored.KITCHEN.video_id).glob(".state/*/*.chunk"))
    chunk.write_bytes(chunk.read_bytes()[:-1])
    result = base / stored.GARDEN.video_id / "face_analysis.json"
    result.write_bytes(result.read_bytes().replace(b"face_0001", b"face_0009"))
    (base / ".store" / "meta.json").write_text('{"preset": "x"}')


@pytest.mark.parametrize(("source", "destination"), PAIRS)
def test_what_differs_is_moved_again_where_that_is_asked_for_and_left_where_not(
    sources, tmp_path, source, destination
):
    url = STORES[destination](tmp_path / "copy")
    migrate(sources[source], url, "fail")
    damage(url)
    assert {str(one.unit) for one in verify(sources[source], url).differences} == set(DAMAGED)
    before = sections(url)
    left = migrate(sources[source], url, "fail")
    assert (left.moved_rows, sorted(left.kept), left.overwritten) == (0, sorted(DAMAGED), ())
    assert differing(sources[source], url) == DAMAGED
    assert sections(url) == before
    mended = migrate(sources[source], url, "fail", overwrite=True)
    assert (mended.steps, sorted(mended.overwritten)) == ({"unchanged": 5, "overwritten": 3}, sorted(DAMAGED))
    assert mended.moved_rows > 0
    assert verify(sources[source], url).equal
    assert digest_of(url) == digest_of(sources[source])
    assert migrate(sources[source], url, "fail", overwrite=True).steps == {"unchanged": 8}
    assert differing(sources[source], url) == ()


@pytest.mark.parametrize("destination", STORES)
def test_what_a_later_run_of_the_destination_made_is_named_and_overwritten_only_where_that_is_asked_for(
    sources, tmp_path, destination
):
    url, unit = STORES[destination](tmp_path / "copy"), f"video {stored.GARDEN.video_id}"
    migrate(sources["sqlite"], url, "fail")
    rerun(url)
    after = digest_of(url)
    assert unit in migrate(sources["sqlite"], url, "fail").kept
    assert digest_of(url) == after
    assert unit in migrate(sources["sqlite"], url, "fail", overwrite=True).overwritten
    assert verify(sources["sqlite"], url).equal
    assert migrate(sources["sqlite"], url, "fail", overwrite=True).moved_rows == 0


@pytest.mark.parametrize("destination", STORES)
def test_what_only_the_destination_has_stays_where_the_rest_is_overwritten(own, tmp_path, destination):
    other, url = (
        run_elsewhere(f"sqlite:///{tmp_path}/other.db", ATTIC),
        STORES[destination](tmp_path / "both"),
    )
    migrate(own, url, "fail")
    migrate(other, url, "fail")
    rerun(url)
    assert migrate(own, url, "fail", overwrite=True).overwritten == (f"video {stored.GARDEN.video_id}",)
    assert verify(own, url, within=True).equal
    assert {str(one.unit) for one in verify(other, url, within=True).differences} == {
        "setting preset",
        "identities",
    }


@pytest.mark.parametrize("destination", STORES)
def test_what_came_from_another_store_is_overwritten_only_where_that_is_asked_for(own, tmp_path, destination):
    other, url = (
        run_elsewhere(f"sqlite:///{tmp_path}/other.db", stored.GARDEN),
        STORES[destination](tmp_path / "both"),
    )
    migrate(own, url, "fail")
    assert f"video {stored.GARDEN.video_id}" in migrate(other, url, "fail", overwrite=True).overwritten
    assert verify(other, url, within=True).equal
    assert migrate(other, url, "fail", overwrite=True).moved_rows == 0


@pytest.mark.parametrize("destination", STORES)
def test_a_video_that_was_forgotten_there_does_not_return_with_what_is_overwritten(
    sources, tmp_path, destination
):
    url, unit = STORES[destination](tmp_path / "copy"), f"video {stored.EMPTY.video_id}"
    migrate(sources["sqlite"], url, "fail")
    with closing(open_store(url)) as store:
        store.forget_video(stored.EMPTY.video_id)
    moved = migrate(sources["sqlite"], url, "fail", overwrite=True)
    assert moved.removed == (unit,)
    found = verify(sources["sqlite"], url)
    assert {str(one.unit) for one in found.differences} == {unit}
    assert (found.lacking, found.removed, found.beyond) == (1, 1, 0)


def test_pictures_in_a_store_of_files_stay_where_results_are_overwritten(own, tmp_path):
    url, folder = f"files:{tmp_path}/copy", tmp_path / "copy" / stored.GARDEN.video_id
    migrate(own, url, "fail")
    (folder / "annotated.mp4").write_bytes(b"a picture")
    rerun(url)
    migrate(own, url, "fail", overwrite=True)
    rerun(own)
    assert migrate(own, url, "fail").steps["moved"] == 1
    assert (folder / "annotated.mp4").read_bytes() == b"a picture"
    assert verify(own, url).equal


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_would_not_arrive_takes_the_place_of_nothing(own, tmp_path, overwrite):
    url = f"files:{tmp_path}/copy"
    migrate(own, url, "fail")
    before = digest_of(url)
    execute(own, "UPDATE annotations SET frame_number = 'seven' WHERE annotation_type = 'speech'")
    left = migrate(own, url, "quarantine", overwrite=overwrite)
    assert list(left.quarantined) == [f"video {stored.KITCHEN.video_id}"]
    assert digest_of(url) == before


def test_a_dry_run_lists_what_would_be_overwritten_and_verify_names_the_command(own, tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/copy.db"
    migrate(own, url, "fail")
    damage(url)
    before = sections(url)
    assert outcome(["migrate", own, url, "--dry-run", "--overwrite-differing"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "overwritten" in line] == [
        f"would be overwritten: {one}, which {url} has otherwise" for one in DAMAGED
    ]
    assert outcome(["migrate", own, f"files:{tmp_path}/new", "--dry-run", "--overwrite-differing"]) == 0
    assert not (tmp_path / "new").exists()
    assert sections(url) == before
    capsys.readouterr()
    assert outcome(["db", "verify", own, url]) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    command = f"vaengine migrate {own} {url} --overwrite-differing"
    assert f"`{command}`" in last
    assert outcome(command.split()[1:]) == 0
    assert outcome(["db", "verify", own, url]) == 0


# What would not arrive as it is.


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("data", '{"text": "a\\u0000b"}', "NUL character in JSON"),
        pytest.param("data", '{"text": "\\ud800"}', "lone surrogate in JSON", marks=pytest.mark.long),
        ("data", '{"n": 1E22}', "would be kept as 10000000000000000000000"),
        pytest.param("data", '{"n": -0.0}', "would be kept as 0", marks=pytest.mark.long),
        ("data", '{"n": NaN}', "NaN in JSON"),
        ("annotation_id", "not-a-uuid", "is no UUID"),
        ("person_id", "a\0b", "NUL character in text"),
        pytest.param("created_at", "yesterday", "is no time", marks=pytest.mark.long),
        ("frame_number", "seven", "is no integer"),
        pytest.param("confidence", "high", "is no floating-point number", marks=pytest.mark.long),
    ],
)
def test_what_postgresql_would_refuse_or_change_is_named_before_and_during(own, column, value, reason):
    with closing(sqlite3.connect(own.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(f"UPDATE annotations SET {column} = ? WHERE annotation_type = 'speech'", (value,))
    url = postgres.fresh_database()
    _, lossy = preflight(own, url)
    assert [(one.table, one.column) for one in lossy] == [("annotations", column)]
    assert reason in lossy[0].reason
    with pytest.raises(Unfit, match=r"cannot be moved to .* unchanged") as refused:
        migrate(own, url, "fail")
    assert reason in str(refused.value)
    left = migrate(own, url, "quarantine")
    assert left.steps["quarantined"] == 1
    assert list(left.quarantined) == [f"video {stored.KITCHEN.video_id}"]
    assert {unit for unit, _ in sections(own)} - {unit for unit, _ in sections(url)} == {
        Unit("video", stored.KITCHEN.video_id)
    }


def test_what_files_cannot_hold_leaves_nothing_there(own, tmp_path):
    """A column that says something else than the annotation it repeats has no place in a file."""
    execute(own, "UPDATE annotations SET frame_number = 'seven' WHERE annotation_type = 'speech'")
    for _ in range(2):
        left = migrate(own, f"files:{tmp_path}/copy", "quarantine")
        assert list(left.quarantined) == [f"video {stored.KITCHEN.video_id}"]
        assert not (tmp_path / "copy" / stored.KITCHEN.video_id).exists()
    execute(own, "UPDATE annotations SET frame_number = NULL WHERE annotation_type = 'speech'")
    assert migrate(own, f"files:{tmp_path}/copy", "fail").steps == {"unchanged": 7, "moved": 1}
    assert verify(own, f"files:{tmp_path}/copy").equal


@pytest.mark.long
def test_ten_megabytes_of_text_in_one_row_arrive(own):
    long = json.dumps({"text": "ü😀'\\" * 2_500_000})
    with closing(sqlite3.connect(own.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE annotations SET data = ? WHERE annotation_type = 'speech'", (long,))
    url = postgres.fresh_database()
    migrate(own, url, "fail")
    assert verify(own, url).equal
