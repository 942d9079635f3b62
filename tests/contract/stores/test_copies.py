"""What is done to a copy of the results leaves the original as it is, whatever the store is made of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.stores import open_store
from schemas.errors import LeadsOut
from schemas.pipelines import PERSON
from tests.contract.conftest import digest
from tests.support.stores.kept import contents
from tests.support.stores.place import URLS, Place
from tests.support.stores.retained import holding
from vaengine.cli.administration import db_retention
from vaengine.cli.app import outcome
from vaengine.execution.projection import project_job

Told = Callable[..., list[dict[str, Any]]]
REMOVING = {
    "a video": ["forget", "alpha.mp4"],
    "a person": ["forget", "alpha.mp4:person_0002"],
    "an identity": ["forget", "identity_0007"],
    "old jobs": ["prune", "--older-than", "1d"],
}


@pytest.fixture(params=URLS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    (tmp_path / "work").mkdir()
    return Place(tmp_path / "work", URLS[request.param](tmp_path / "work"))


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Has a command of `vaengine db` carried out, and returns its events."""

    def tell(*words: str) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert outcome(["db", *words, "--json"]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return tell


def state(out: Path, url: str) -> tuple[dict[str, bytes], str]:
    """All files of a folder, a database's file by what it holds, and the digest of a store."""
    with closing(open_store(url, read_only=True)) as store:
        rows = digest(store)
    files = contents(out)
    assert isinstance(files, dict)
    return {name: data for name, data in files.items() if not name.startswith("batch_processing.db")}, rows


def not_reached(events: list[dict[str, Any]]) -> str:
    return "\n".join(event["what"] for event in events if event["event"] == "not_reached")


@pytest.mark.parametrize("what", REMOVING)
def test_removing_from_a_copy_changes_the_copy_alone_and_names_what_it_leaves(
    place: Place, tmp_path: Path, told: Told, what: str
) -> None:
    copy, url = place.copied(tmp_path / "copy")
    original, before = state(place.out, place.url), state(copy, url)
    events = told(*REMOVING[what], "--db", url, "--out", str(copy), "--yes")
    assert state(place.out, place.url) == original
    changed_files, changed_rows = state(copy, url)
    assert changed_files != before[0]
    assert changed_rows != before[1]
    assert str(place.out / place.id("alpha")) in not_reached(events)


def test_of_a_video_that_is_forgotten_in_a_copy_nothing_is_left_in_the_copy(
    place: Place, tmp_path: Path, told: Told
) -> None:
    copy, url = place.copied(tmp_path / "copy")
    clip = place.clips["alpha"]
    told("forget", clip.name, "--db", url, "--out", str(copy), "--yes")
    assert holding(copy, clip.name, clip.video_id) == set()
    assert not (copy / clip.video_id).exists()
    assert not (copy / "overview.png").exists()


@pytest.mark.parametrize("kind", ["files", "sqlite"])
def test_a_store_that_lies_in_its_folder_of_results_is_named_by_that_folder(
    tmp_path: Path, told: Told, kind: str
) -> None:
    """Also where the newest checkpoint in the copy tells of the original's store."""
    (tmp_path / "work").mkdir()
    place = Place(tmp_path / "work", URLS[kind](tmp_path / "work"))
    copy, url = place.copied(tmp_path / "copy")
    before = state(place.out, place.url)
    told("forget", "alpha.mp4", "--out", str(copy), "--yes")
    told("forget", "beta.mp4", "--db", url, "--yes")
    assert state(place.out, place.url) == before
    assert [path.name for path in copy.iterdir() if path.name.startswith(("alpha", "beta"))] == []
    with closing(open_store(url)) as store:
        assert list(store.jobs()) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("what", REMOVING)
def test_a_further_folder_that_is_named_loses_its_files_too(
    tmp_path: Path, told: Told, kind: str, what: str
) -> None:
    place = Place(tmp_path, URLS[kind](tmp_path))
    copy, url = place.copied(tmp_path / "copy")
    words = [*REMOVING[what], "--db", url, "--out", str(copy), "--also", str(place.out)]
    assert str(place.out / place.id("alpha")) not in not_reached(told(*words, "--dry-run"))
    told(*words, "--yes")
    mine, theirs = (state(out, url)[0] for out in (copy, place.out))
    assert mine == theirs


def test_a_dry_run_names_the_folders_that_would_change_and_those_that_would_not(
    place: Place, tmp_path: Path, told: Told
) -> None:
    copy, url = place.copied(tmp_path / "copy")
    before = state(copy, url)
    events = told("forget", "alpha.mp4", "--db", url, "--out", str(copy), "--dry-run")
    assert state(copy, url) == before
    folders = events[-1]["folders"]
    assert set(folders) == {str(copy), str(copy / place.id("alpha"))}
    assert str(place.out / place.id("alpha")) in not_reached(events)
    assert str(place.out / "checkpoints" / "checkpoint_batch-1.json") in not_reached(events)
    (job, *_) = told("prune", "--older-than", "1d", "--db", url, "--out", str(copy), "--dry-run")
    assert job["folders"] == [str(copy / job["video_id"])]


@pytest.mark.parametrize("words", [["forget", "alpha.mp4"], ["prune", "--older-than", "1d"]])
def test_the_question_names_the_store_and_the_folders(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    copy, url = place.copied(tmp_path / "copy")
    before, questions = state(copy, url), []
    monkeypatch.setattr(db_retention.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(db_retention.typer, "confirm", lambda question, **_: questions.append(question))
    assert outcome(["db", *words, "--db", url, "--out", str(copy)]) == 1
    (question,) = questions
    assert str(copy) in question.replace(url, "")
    assert str(place.out) not in question
    assert url.rpartition("/")[2] in question
    assert state(copy, url) == before


@pytest.mark.parametrize(
    "place", ["files", pytest.param("sqlite", marks=pytest.mark.long)], indirect=True
)  # files beside PostgreSQL go as those beside SQLite do
@pytest.mark.parametrize("what", ["a video", "a person", "old jobs"])
@pytest.mark.parametrize("link", ["the video's folder", "a folder in it", "checkpoints"])
def test_a_link_among_the_results_does_not_lead_out_of_them(
    place: Place, tmp_path: Path, link: str, what: str
) -> None:
    copy, url = place.copied(tmp_path / "copy")
    name = {
        "the video's folder": place.id("alpha"),
        "a folder in it": f"{place.id('alpha')}/more",
        "checkpoints": "checkpoints",
    }[link]
    (place.out / place.id("alpha") / "more").mkdir()
    (place.out / place.id("alpha") / "more" / "notes.txt").write_text("somebody's own")
    shutil.rmtree(copy / name, ignore_errors=True)
    (copy / name).symlink_to(place.out / name)
    before = state(place.out, place.url)
    code = outcome(["db", *REMOVING[what], "--db", url, "--out", str(copy), "--yes"])
    assert code == (2 if url.startswith("files:") and link != "checkpoints" else 0)
    assert state(place.out, place.url) == before


def test_a_link_to_a_file_goes_without_the_file_that_it_leads_to(
    place: Place, tmp_path: Path, told: Told
) -> None:
    copy, url = place.copied(tmp_path / "copy")
    linked, end = copy / place.id("alpha") / "annotated.mp4", place.out / place.id("alpha") / "annotated.mp4"
    linked.unlink()
    linked.symlink_to(end)
    told("forget", "alpha.mp4", "--db", url, "--out", str(copy), "--yes")
    assert not linked.is_symlink()
    assert end.read_bytes() == b"a picture"


def test_results_below_the_named_folder_go_but_not_those_of_another_store_there(
    tmp_path: Path, told: Told
) -> None:
    """The original may lie below the folder that a copy is in, and a store's runs may have written to
    several folders below one.
    """
    (tmp_path / "below").mkdir()
    place = Place(tmp_path / "below", f"sqlite:///{tmp_path / 'below' / 'mine.db'}")
    shutil.copytree(place.out / place.id("beta"), tmp_path / place.id("beta"))
    told("forget", "alpha.mp4", "--db", place.url, "--out", str(tmp_path), "--yes")
    assert not (place.out / place.id("alpha")).exists()
    with closing(open_store(f"sqlite:///{place.out / 'batch_processing.db'}")):
        pass
    events = told("forget", "beta.mp4", "--db", place.url, "--out", str(tmp_path), "--yes")
    assert not (tmp_path / place.id("beta")).exists()
    assert (place.out / place.id("beta") / "annotated.mp4").exists()
    assert str(place.out / place.id("beta")) in not_reached(events)


def test_a_store_of_files_is_never_taken_for_files_beside_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, URLS["files"](tmp_path))
    copy, url = place.copied(tmp_path / "copy")
    before = state(place.out, place.url), state(copy, url)
    assert outcome(["db", "forget", "alpha.mp4", "--db", url, "--also", str(place.out), "--yes"]) == 2
    assert (
        f"{place.out} is a store of files itself: say the same with --db files:{place.out}"
        in capsys.readouterr().err
    )
    assert (state(place.out, place.url), state(copy, url)) == before


def test_a_further_folder_that_is_not_there_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, URLS["sqlite"](tmp_path))
    before = state(place.out, place.url)
    assert (
        outcome(
            ["db", "forget", "alpha.mp4", "--out", str(place.out), "--also", str(tmp_path / "none"), "--yes"]
        )
        == 2
    )
    assert "none is no folder" in capsys.readouterr().err
    assert state(place.out, place.url) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_files_of_a_copys_jobs_are_written_to_the_copy(tmp_path: Path, kind: str) -> None:
    (tmp_path / "work").mkdir()
    place = Place(tmp_path / "work", URLS[kind](tmp_path / "work"))
    copy, url = place.copied(tmp_path / "copy")
    written = copy / place.id("alpha") / f"{PERSON}.json"
    was = written.read_bytes()
    for out in (copy, place.out):
        (out / place.id("alpha") / f"{PERSON}.json").write_text("torn")
    with closing(open_store(url)) as store:
        for job in store.jobs():
            project_job(store, job, copy)
    assert written.read_bytes() == was
    assert (place.out / place.id("alpha") / f"{PERSON}.json").read_text() == "torn"


def test_no_file_is_written_through_a_link_that_leads_out_of_the_results(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    place = Place(tmp_path / "work", URLS["sqlite"](tmp_path / "work"))
    copy, url = place.copied(tmp_path / "copy")
    shutil.rmtree(copy / place.id("alpha"))
    (copy / place.id("alpha")).symlink_to(place.out / place.id("alpha"))
    (place.out / place.id("alpha") / f"{PERSON}.json").write_text("torn")
    before = state(place.out, place.url)
    with closing(open_store(url)) as store:
        job = next(job for job in store.jobs() if job.video_id == place.id("alpha"))
        with pytest.raises(LeadsOut, match="nothing there is changed"):
            project_job(store, job, copy)
    assert outcome(["plot", "alpha.mp4", "--out", str(copy), "--force"]) == 2
    assert state(place.out, place.url) == before
