"""`vaengine person`: persons of a collection get names, are shown, and what was said is taken back."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vaengine
from actors.stores import open_store
from schemas.errors import UsageError
from schemas.pipelines import PERSON
from tests.support.stores.fake_videos import Clip
from tests.support.stores.people import annotated, run_again
from tests.support.stores.retained import identify
from vaengine.cli.app import outcome
from vaengine.cli.results.render import _plot_of

ALPHA, BETA = (Clip(f"/clips/{name}.mp4", name[0]) for name in ("alpha", "beta"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    with closing(open_store(f"sqlite:///{tmp_path}/batch_processing.db")) as store:
        annotated(store, ALPHA, BETA)
        identify(store, *((f"identity_000{n}", BETA, f"face_000{n}") for n in (1, 2)))
    return tmp_path


class Command:
    """`vaengine person` on one folder of results."""

    def __init__(self, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._out, self._capsys = out, capsys

    def __call__(self, *words: str, code: int = 0) -> tuple[str, str]:
        self._capsys.readouterr()
        assert outcome(["person", *words, "--out", str(self._out)]) == code
        return self._capsys.readouterr()

    def events(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*words, "--json")[0].splitlines()]


@pytest.fixture
def person(out: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(out, capsys)


def test_names_are_given_listed_merged_split_and_taken_back(person: Command) -> None:
    assert person("name", "alpha.mp4:face_0001", "Anna")[0] == f"Anna is {ALPHA.video_id}:face_0001\n"
    person("name", "identity_0001", "Bob")
    person("name", "alpha:speaker_0001", "Cleo")
    person("merge", "anna", "bob", "cleo")
    (anna, report) = person.events("list")
    assert (anna["name"], [video["video_id"] for video in anna["videos"]], report["persons"]) == (
        "Anna",
        [ALPHA.video_id, BETA.video_id],
        1,
    )
    person("split", "Anna", "beta:face_0001", "--name", "Dora")
    assert {one["name"] for one in person.events("list") if one["event"] == "person"} == {"Anna", "Dora"}
    for _ in range(3):
        person("undo")
    assert {one["name"] for one in person.events("list") if one["event"] == "person"} == {
        "Anna",
        "Bob",
        "Cleo",
    }
    out, _ = person("undo", "--redo")
    assert out.startswith("done again: merge of Bob into Anna, of ")


def test_a_person_is_shown_with_every_label_and_how_it_is_known(person: Command) -> None:
    person("name", "alpha:face_0001", "Anna")
    out, err = person("show", "ANNA")
    lines = [line.split() for line in out.splitlines() if line]
    assert lines == [
        ["video", "label", "known", "by"],
        [ALPHA.video_id, "person_0002", "linked"],
        [ALPHA.video_id, "face_0001", "named"],
    ]
    assert "Anna (p-" in err
    (shown,) = person.events("show", "Anna")
    assert shown["videos"][0]["known_by"] == {"face_0001": "named", "person_0002": "linked"}


def test_who_is_not_found_again_is_shown_with_the_reason(out: Path, person: Command) -> None:
    person("name", "alpha:person_0003", "Anna")
    with closing(open_store(f"sqlite:///{out}/batch_processing.db")) as store:
        run_again(store, ALPHA, PERSON, {"person_0003": ""})
    reason = "at 0 of 8 moments somebody is where person_0003 was"
    assert f"not found: {ALPHA.video_id}:person_0003: {reason}" in person("show", "Anna")[0]
    assert "1 reference not found" in person("list")[1]
    assert person.events("show", "Anna")[0]["not_found"] == [
        {"reference": f"{ALPHA.video_id}:person_0003", "reason": reason}
    ]


def test_nobody_has_a_name_at_first(person: Command) -> None:
    out, err = person("list")
    assert out == ""
    assert "`vaengine person name VIDEO:face_0001 Anna` gives one" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["name", "Anna", "Bob"], "person 'Anna' not found"),
        (["name", "gamma:face_0001", "Bob"], "video gamma not found"),
        (["name", "alpha:face_0001", "identity_0003"], "no name but an id"),
        (["name", "identity_0009", "Bob"], "identities list"),
        (["split", "Anna", "Bob"], "'Bob' is no part of a person"),
        (["undo"], "nothing to undo"),
        (["show", "Anna"], "person 'Anna' not found"),
        (["sheet"], "nobody to show"),
        (["sheet", "--unnamed", "Anna"], "--unnamed takes no names"),
        (["sheet", "-o", "people.jpg"], "a sheet is a .png file"),
    ],
)
def test_wrong_use_is_one_line_and_changes_nothing(person: Command, words: list[str], says: str) -> None:
    out, err = person(*words, code=2)
    assert out == ""
    assert err.startswith("error: ")
    assert says in err
    assert [event["persons"] for event in person.events("list")] == [0]


def test_a_sheet_is_drawn_once_and_again_when_somebody_is_named(out: Path, person: Command) -> None:
    """The videos are not there, so that every tile is blank, which is told."""
    person("name", "alpha:face_0001", "Anna")
    told, err = person("sheet")
    assert told == f"{out}/people.png\n"
    assert f"{ALPHA.video_id} has no pictures in the sheet" in err
    assert "people.png is up to date" in person("sheet")[1]
    with Image.open(out / "people.png") as picture:
        height = picture.height
    person("name", "beta:face_0001", "Bob")
    person("sheet")
    with Image.open(out / "people.png") as picture:
        assert picture.height > height


def test_a_sheet_of_those_without_a_name_has_each_identity(out: Path, person: Command) -> None:
    person("name", "beta:face_0001", "Anna")
    person("sheet", "--unnamed", "-o", str(out / "unnamed.png"))
    with Image.open(out / "unnamed.png") as one:
        height = one.height
    person("undo")
    person("sheet", "--unnamed", "-o", str(out / "unnamed.png"))
    with Image.open(out / "unnamed.png") as two:
        assert two.height > height


@pytest.mark.parametrize("named", ["Anna", "alpha.mp4", "beta:face_0001"])
def test_whoever_is_forgotten_is_in_no_sheet(out: Path, person: Command, named: str) -> None:
    person("name", "alpha:face_0001", "Anna")
    person("sheet")
    assert outcome(["db", "forget", named, "--out", str(out), "--yes"]) == 0
    assert not (out / "people.png").exists()


def test_a_plot_is_drawn_again_with_the_name(out: Path, person: Command) -> None:
    marks = []
    for words in ((), ("name", "alpha:face_0001", "Anna"), ("undo",)):
        if words:
            person(*words)
        with closing(open_store(f"sqlite:///{out}/batch_processing.db")) as store:
            marks.append(_plot_of(store, "alpha", "machine").mark)
    assert marks[0] == marks[2] != marks[1]


def test_a_query_knows_persons_by_name_and_faces_by_likeness(person: Command, out: Path) -> None:
    person("name", "alpha.mp4:face_0001", "Anna")
    named = vaengine.query({"find": {"kind": "face", "person": "anna"}}, out=out)
    assert {match.video_id for match in named} == {ALPHA.video_id}
    assert len(named) > 0
    with pytest.raises(UsageError, match="did you mean Anna"):
        vaengine.query({"find": {"kind": "face", "person": "Ana"}}, out=out)
    alike = vaengine.query({"find": {"kind": "face", "similar": {"annotation": "alpha:face_0001"}}}, out=out)
    assert [match.score for match in alike] == sorted((match.score for match in alike), reverse=True)
    assert len(alike) > 0
    with pytest.raises(UsageError, match=r"no picture file gone\.png"):
        vaengine.query({"find": {"kind": "face", "similar": {"image": "gone.png"}}}, out=out)
    with pytest.raises(UsageError, match="a scene is like a scene"):
        vaengine.query({"find": {"kind": "scene", "similar": {"image": "gone.png"}}}, out=out)
