"""`vaengine import` and `vaengine compare`, as a person types them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.pipelines import PERSON
from tests.support.stores import tool_files as files
from tests.support.stores.fake_videos import Clip
from tests.support.stores.retained import kept
from vaengine.cli.app import outcome

BOX = (10.0, 0.0, 8.0, 20.0)
TRACK = files.cvat_track(0, [(0, BOX), (9, BOX), (13, None)], name="Ána")


@pytest.fixture
def db(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/batch_processing.db"
    with closing(open_store(url)) as store:
        kept(store, Clip(), Clip().key(PERSON))
    return url


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "korrigiert – ünïcode.xml"
    path.write_text(files.cvat(TRACK), encoding="utf-8")
    return str(path)


def test_a_file_is_imported_asked_for_and_compared(
    db: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(["import", file, "--db", db, "--dry-run"]) == 0
    assert outcome(["import", file, "--db", db]) == 0
    assert outcome(["import", file, "--db", db]) == 0
    would, named, done, _, again = capsys.readouterr().out.splitlines()
    assert would == "garden-aaaaaaaa: 3 person_detection, 1 person_track would be imported"
    assert named == "Ána is garden-aaaaaaaa:person_0001"
    assert done == "garden-aaaaaaaa: 3 person_detection, 1 person_track"
    assert again == "garden-aaaaaaaa: nothing new, all of it was imported before"
    plot = tmp_path / "agreement.png"
    assert outcome(["compare", "--db", db, "--plot", str(plot)]) == 0
    assert "person_detection  11  30  10" in capsys.readouterr().out
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert outcome(["compare", "--db", db, "--plot", str(plot)]) == 2
    assert "--force replaces it" in capsys.readouterr().err


def test_programs_read_every_number(db: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(["import", file, "--db", db, "--json"]) == 0
    assert outcome(["compare", "human", "machine", "--db", db, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["import", "report", *["agreement"] * 4, "report"]
    assert events[0]["rows"] == {"person_detection": 3, "person_track": 1}
    boxes = next(event for event in events if event.get("kind") == "person_detection")
    assert (boxes["boxes_a"], boxes["boxes_b"], boxes["matched"]) == (11, 30, 10)
    assert boxes["recall"] == 10 / 11


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["import", "nowhere.xml"], "nowhere.xml cannot be read"),
        (["import", "FILE", "--fps", "fast"], "'fast' is no rate of frames"),
        (["import", "FILE", "--label", "x"], "--label takes LABEL=KIND"),
        (["import", "FILE", "--format", "doc"], "unknown format 'doc'"),
        (["import", "FILE", "--part", "morning"], "has no part 'morning'"),
        (["compare", "human", "machine"], "no complete result is 'human'"),
        (["compare", "machine", "machine", "--iou", "2"], "an overlap is more than 0"),
        (["compare", "machine", "machine", "--plot", "agreement.doc"], "cannot plot as 'doc'"),
    ],
)
def test_wrong_use_is_one_line_and_stores_nothing(
    db: str, file: str, capsys: pytest.CaptureFixture[str], words: list[str], what: str
) -> None:
    assert outcome([*(file if word == "FILE" else word for word in words), "--db", db]) == 2
    assert what in capsys.readouterr().err
