"""`vaengine db prune` and `vaengine db forget` on stores with the files around them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from actors.stores.database.sqlite_backend import SQLiteStorageBackend
from actors.stores.engines.sqlite_backup import copy_before
from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.storage.backend import StorageBackend
from schemas.storage.retention import FORGOTTEN
from schemas.work.job import VideoOutcome
from tests.support.stores.fake_videos import RUN
from tests.support.stores.place import URLS, Place
from tests.support.stores.retained import WORDS, consistent, holding
from vaengine.cli.administration import db_retention
from vaengine.cli.app import outcome
from vaengine.maintenance import erasure_files


@pytest.fixture(params=URLS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path, URLS[request.param](tmp_path))


Asked = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def asked(place: Place, capsys: pytest.CaptureFixture[str]) -> Asked:
    """Has a command of `vaengine db` carried out, and returns its events."""

    def ask(*words: str, code: int = 0) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert outcome(["db", *words, "--db", place.url, "--out", str(place.out), "--json"]) == code
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return ask


def removed(events: list[dict[str, Any]]) -> dict[str, int]:
    return {event["kind"]: event["count"] for event in events if event["event"] == "removed"}


def test_a_participant_whose_video_is_forgotten_is_nowhere_in_the_folders_of_results(
    place: Place, asked: Asked
) -> None:
    alpha, beta = place.clips["alpha"], place.clips["beta"]
    told = removed(asked("forget", alpha.name, "--dry-run"))
    assert (place.out / alpha.video_id / "annotated.mp4").exists()
    assert removed(asked("forget", alpha.name, "--yes")) == told
    assert holding(place.out, alpha.name, alpha.video_id, alpha.fingerprint) == set()
    assert not (place.out / alpha.video_id).exists()
    assert not (place.out / "overview.png").exists()
    assert Path(alpha.name).read_bytes() == b"not looked into"
    assert (place.out / beta.video_id / "annotated.mp4").exists()
    with place.store() as store:
        assert [job.video_id for job in store.jobs()] == [beta.video_id]
        assert store.batches()[0].inputs == (FORGOTTEN, beta.name)
    assert outcome(["db", "forget", alpha.name, "--db", place.url, "--yes"]) == 2


def test_reports_and_checkpoints_keep_the_other_videos(place: Place, asked: Asked) -> None:
    asked("forget", place.id("alpha"), "--yes")
    report = json.loads((place.out / "batch_report_batch-1.json").read_text())
    assert ([line["video_id"] for line in report["videos"]], report["forgotten"], report["total"]) == (
        [place.id("beta")],
        1,
        2,
    )
    (checkpoint,) = (place.out / "checkpoints").iterdir()
    assert json.loads(checkpoint.read_text())["inputs"] == [place.clips["beta"].name]


def test_a_person_is_taken_out_of_every_file_and_the_others_are_still_in_it(
    place: Place, asked: Asked
) -> None:
    name = f"{place.id('alpha')}:person_0002"
    events = asked("forget", name, "--yes")
    assert removed(events)["annotations"] == 22
    assert any("voices" in event["what"] for event in events if event["event"] == "not_reached")
    folder = place.out / place.id("alpha")
    assert holding(folder, "person_0001", "person_0002", "face_0001", "face_0002") == {
        "person_0001",
        "face_0002",
    }
    assert not (folder / "annotated.mp4").exists()
    assert not (folder / "timeline.png").exists()
    assert (place.out / place.id("beta") / "annotated.mp4").exists()
    with place.store() as store:
        assert consistent(store)
    assert outcome(["db", "forget", name, "--db", place.url, "--yes"]) == 2


def test_what_a_speaker_said_is_in_no_file_that_lies_beside_the_results(place: Place, asked: Asked) -> None:
    asked("forget", f"{place.clips['alpha'].name}:speaker_0001", "--yes")
    folder = place.out / place.id("alpha")
    assert holding(folder, f"{WORDS} 1", f"{WORDS} 2") == {f"{WORDS} 2"}
    assert f"{WORDS} 2" in (folder / f"{AUDIO}.vtt").read_text()


def test_an_identity_of_the_collection_is_forgotten_in_all_its_videos(place: Place, asked: Asked) -> None:
    asked("forget", "identity_0007", "--yes")
    with place.store() as store:
        assert store.identities() == []
        for clip in place.clips.values():
            assert {row.face_id for row in store.annotations(clip.key(FACE))} == {"face_0002"}
            assert {row.person_id for row in store.annotations(clip.key(PERSON))} == {
                "person_0001",
                "person_0003",
            }


def test_a_dry_run_names_exactly_the_jobs_that_are_pruned(place: Place, asked: Asked) -> None:
    with place.store() as store:
        size = store.stock().total_bytes
    criteria = ("--older-than", "90d", "--to-size", f"{size * 3 // 4}B")
    told = [event["job_id"] for event in asked("prune", *criteria, "--dry-run") if event["event"] == "job"]
    with place.store() as store:
        there = {job.job_id for job in store.jobs()}
    assert len(told) == 1
    asked("prune", *criteria, "--yes")
    with place.store() as store:
        assert there - {job.job_id for job in store.jobs()} == set(told)
    assert removed(asked("prune", *criteria, "--yes")) == {}


def test_projections_go_with_a_pruned_job_and_pictures_that_somebody_had_made_stay(
    place: Place, asked: Asked
) -> None:
    asked("prune", "--older-than", "1d", "--yes")
    for clip in place.clips.values():
        folder = place.out / clip.video_id
        assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
            "annotated.mp4",
            "timeline.png",
        ]
    with place.store() as store:
        assert list(store.jobs()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prune"], "say what is to go: --older-than 90d, --status failed or --to-size 10GB"),
        (["prune", "--older-than", "soon"], "'soon' is no quantity of the form 90d"),
        (["prune", "--to-size", "10 bananas"], "no quantity of the form 10GB"),
        (["prune", "--status", "fialed"], "no job is 'fialed'"),
        (["prune", "--older-than", "1d"], "--yes"),
        (["forget", "alpha.mp4"], "--yes"),
        (["forget", "nobody.mp4", "--yes"], "video nobody.mp4 not found"),
        (["forget", "identity_0099", "--yes"], "identity_0099 not found"),
        (["forget", "alpha.mp4:person_0099", "--yes"], "person_0099 not found"),
    ],
)
def test_wrong_use_is_one_line_and_removes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    place = Place(tmp_path, URLS["sqlite"](tmp_path))
    before = sorted((path, path.stat().st_mtime_ns) for path in (place.out / place.id("alpha")).iterdir())
    assert outcome(["db", *words, "--out", str(place.out)]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert told in line
    assert (
        sorted((path, path.stat().st_mtime_ns) for path in (place.out / place.id("alpha")).iterdir())
        == before
    )
    with place.store() as store:
        assert len(list(store.jobs())) == 2


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert outcome(["db", "prune", "--older-than", "1d", "--yes", "--out", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()


def test_a_video_in_work_is_refused_before_any_file_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, URLS["sqlite"](tmp_path))
    with place.store() as store:
        store.open_run(replace(RUN, batch_id="live", inputs=(place.clips["alpha"].name,)))
    before = sorted(place.out.rglob("*"))
    assert outcome(["db", "forget", "alpha.mp4", "--out", str(place.out), "--yes"]) == 2
    assert "is being worked on by batch live" in capsys.readouterr().err
    assert sorted(place.out.rglob("*")) == before


@pytest.mark.parametrize(("answer", "code", "left"), [(True, 0, ["beta"]), (False, 1, ["alpha", "beta"])])
def test_on_a_terminal_it_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int, left: list[str]
) -> None:
    place, questions = Place(tmp_path, URLS["sqlite"](tmp_path)), []
    monkeypatch.setattr(db_retention.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(
        db_retention.typer, "confirm", lambda question, **_: questions.append(question) or answer
    )
    assert outcome(["db", "forget", "alpha.mp4", "--out", str(place.out)]) == code
    assert len(questions) == 1
    with place.store() as store:
        assert sorted(job.video_path.stem for job in store.jobs()) == left


def test_a_video_that_lies_among_the_results_is_not_touched(tmp_path: Path) -> None:
    place = Place(tmp_path, URLS["sqlite"](tmp_path))
    with place.store() as store:
        clip = place.clips["alpha"]
        inside = place.out / clip.video_id / "source" / "alpha.mp4"
        inside.parent.mkdir()
        inside.write_bytes(b"the video itself")
        epoch = store.open_run(replace(RUN, inputs=()))
        store.register(epoch, [replace(clip.video, path=str(inside))], [])
        store.close_run(epoch, "completed")
    assert outcome(["db", "forget", clip.video_id, "--out", str(place.out), "--yes"]) == 0
    assert [path for path in (place.out / clip.video_id).rglob("*") if path.is_file()] == [inside]


def test_copies_that_upgrades_have_left_beside_an_sqlite_file_are_told_and_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, URLS["sqlite"](tmp_path))
    copy = copy_before(place.out / "batch_processing.db", "0009")
    assert outcome(["db", "forget", "alpha.mp4", "--out", str(place.out), "--yes"]) == 0
    assert f"not reached: {copy}, a copy from before an upgrade" in capsys.readouterr().out
    assert holding(copy.parent, place.id("alpha")) == {place.id("alpha")}


def test_standard_output_is_json_alone_while_an_earlier_removal_waits_for_a_run_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, URLS["sqlite"](tmp_path))
    with place.store() as store:
        store.open_run(replace(RUN, batch_id="live", inputs=()))
    for name in ("alpha.mp4", "beta.mp4"):
        capsys.readouterr()
        assert outcome(["db", "forget", name, "--out", str(place.out), "--yes", "--json"]) == 0
    told = capsys.readouterr()
    assert {json.loads(line)["event"] for line in told.out.splitlines()} == {
        "removed",
        "not_reached",
        "report",
    }
    assert "in use by a run" in told.err


def test_logs_of_workers_that_name_the_video_are_told(tmp_path: Path) -> None:
    log = tmp_path / "ray" / "session_2026-01-01_1" / "logs" / "worker.out"
    log.parent.mkdir(parents=True)
    log.write_text("decoding /clips/alpha.mp4")
    (log.parent / "other.out").write_text("decoding /clips/beta.mp4")
    assert list(erasure_files.logs_naming({"/clips/alpha.mp4"}, tmp_path)) == [log]


def test_a_report_without_a_video_still_tells_of_its_twins() -> None:
    outcomes = (
        VideoOutcome("a-1", "/a.mp4", "completed"),
        VideoOutcome("b-1", "/b.mp4", "completed", duplicates=("/a.mp4", "/c.mp4")),
    )
    data = json.loads(
        json.dumps({"halted": "no room for /a.mp4", "videos": [asdict(one) for one in outcomes]})
    )
    told = erasure_files.report_without(data, {"a-1", "/a.mp4"})
    assert told["forgotten"] == 1
    assert [line["duplicates"] for line in told["videos"]] == [["/c.mp4"]]
    assert told["halted"] == f"no room for {FORGOTTEN}"
    assert erasure_files.report_without(told, {"a-1", "/a.mp4"}) == told


class Killed(BaseException):
    """Stands for a kill."""


@pytest.mark.parametrize("step", ["forget_video", "forget_persons"])
def test_a_kill_between_the_files_and_the_database_is_made_good_by_saying_it_again(
    tmp_path: Path, step: str
) -> None:
    place = Place(tmp_path, URLS["sqlite"](tmp_path))
    named = place.id("alpha") + ("" if step == "forget_video" else ":person_0002")
    original = getattr(SQLiteStorageBackend, step)

    def dying(store: StorageBackend, what: Any, *, dry_run: bool = False, **more: Any) -> Any:
        if not dry_run:
            raise Killed
        return original(store, what, dry_run=dry_run, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SQLiteStorageBackend, step, dying)
        with pytest.raises(Killed):
            outcome(["db", "forget", named, "--out", str(place.out), "--yes"])
    assert outcome(["db", "forget", named, "--out", str(place.out), "--yes"]) == 0
    folder = place.out / place.id("alpha")
    assert holding(folder, "person_0001", "person_0002") == (
        set() if step == "forget_video" else {"person_0001"}
    )
