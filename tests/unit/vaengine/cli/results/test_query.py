"""`vaengine query` and `vaengine facets` as commands."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.stores.asked import Filmed, filmed
from vaengine.cli.app import outcome


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> str:
    garden = Filmed("garden", "a")
    garden.scene(0, 20)
    garden.track("person_0001", 0, 3)
    garden.track("person_0002", 1, 3)
    garden.sound("laughter", 8, 10)
    return filmed(f"files:{tmp_path_factory.mktemp('store')}/out", [garden])


def test_the_first_sentence_of_the_plan_is_a_command(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["query", "videos", "--person", "person_0001", "--near", "sound:laughter", "--within", "5s"]
    assert outcome([*command, "--db", db]) == 0
    told = capsys.readouterr()
    lines = [" ".join(line.split()) for line in told.out.splitlines() if line]
    assert lines == ["video from to score why", "garden.mp4 0:00.0 0:10.0 0.17 1 moment"]
    assert "windows of 10 s" in told.err


def test_every_format_has_the_same_answers(
    db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow.parquet

    asked = ["query", "persons", "--db", db, "--format"]
    assert outcome([*asked, "json"]) == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert outcome([*asked, "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert outcome([*asked, "parquet", "-o", str(tmp_path / "found.parquet")]) == 0
    table = pyarrow.parquet.read_table(tmp_path / "found.parquet").to_pylist()
    assert objects == table
    assert [row["why"] for row in rows] == [one["why"] for one in objects] == ["person_0001", "person_0002"]
    assert outcome([*asked, "parquet"]) == 2
    assert "needs a file" in capsys.readouterr().err
    assert outcome([*asked, "xml"]) == 2


def test_a_file_with_a_query_is_asked_and_kept_by_name(
    db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.yaml"
    path.write_text("find: scene\nwhere: [{count: person, ge: 2}]", encoding="utf-8")
    assert outcome(["query", str(path), "--db", db, "--save", "pairs"]) == 0
    direct = capsys.readouterr()
    assert "saved: vaengine query pairs" in direct.err
    assert outcome(["query", "pairs", "--db", db]) == 0
    assert capsys.readouterr().out == direct.out
    assert outcome(["query", "--saved", "--db", db]) == 0
    assert capsys.readouterr().out.startswith("pairs\t{")
    assert outcome(["query", "pairs", "--person", "A", "--db", db]) == 2
    assert "put --person into it" in capsys.readouterr().err
    assert outcome(["query", "--drop", "pairs", "--db", db]) == 0
    assert outcome(["query", "--drop", "pairs", "--db", db]) == 2


def test_an_explanation_and_the_schema_are_printed(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["query", "persons", "--near", "sound:laughter", "--within", "2s", "--explain", "--db", db]
    assert outcome(asked) == 0
    nearest = "0 with near sound:laughter within 2 s, 2 with near sound:laughter within 5 s"
    assert nearest in capsys.readouterr().out
    assert outcome(["query", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Query"


def test_pages_go_on_where_the_last_one_ended(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["query", "persons", "--limit", "1", "--format", "json", "--db", db]
    assert outcome(asked) == 0
    first = capsys.readouterr()
    page = first.err.split("--page ")[1].split()[0]
    assert outcome([*asked, "--page", page]) == 0
    second = capsys.readouterr()
    assert json.loads(first.out)["why"] == "person_0001"
    assert json.loads(second.out)["why"] == "person_0002"
    assert "--page" not in second.err


def test_facets_are_a_table_or_events(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(["facets", "--db", db]) == 0
    assert "laughter" in capsys.readouterr().out
    assert outcome(["facets", "--json", "--db", db]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"sound", "kind", "preset"} <= {event["facet"] for event in events}


def test_open_writes_a_page_and_says_where_it_is_where_there_is_no_browser(
    db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: not shown.append(url))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    asked = ["query", "persons", "--near", "sound:laughter", "--within", "5s", "--open"]
    asked += ["--db", db, "--out", str(tmp_path)]
    assert outcome(asked) == 0
    told = capsys.readouterr()
    page = tmp_path / "moments.html"
    assert told.out.splitlines()[-1] == str(page)
    assert ("no browser here" in told.err, shown) == (True, [])
    assert "person near sound:laughter within 5 s" in page.read_text(encoding="utf-8")
    monkeypatch.setenv("DISPLAY", ":0")
    assert outcome(asked) == 0
    assert shown == [page.as_uri()]
    assert "no browser" not in capsys.readouterr().err


def test_wrong_use_is_said_in_one_line(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        ([], "say what to find"),
        (["persns"], "did you mean 'person'"),
        (["nonsense"], "'nonsense' is neither a kind of thing to find nor a query saved in files:"),
        (["nonsense"], "Kinds are video, scene, person"),
        (["persons", "--timeout", "soon"], "no length of time"),
        (["persons", "--near", "sound"], "near needs"),
        (["sounds", "--label", "laugther"], "did you mean laughter"),
    ):
        assert outcome(["query", *arguments, "--db", db]) == 2
        assert message in capsys.readouterr().err


def test_an_unknown_word_is_not_taken_for_one_that_is_far_from_it(
    db: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(["query", "nonsense", "--db", db]) == 2
    assert "did you mean" not in capsys.readouterr().err


def test_python_asks_the_same(db: str) -> None:
    import vaengine

    near = vaengine.find("person").near("sound:laughter", 5).limit(1)
    answers = vaengine.query(near, db=db)
    assert [match.why for match in answers] == ["person_0001 near laughter (5.0 s)"]
    assert vaengine.query({"find": "scene"}, db=db).to_pandas()["end_s"].tolist() == [20.0]
    assert len(vaengine.query("find: person", db=db)) == 2
    built = vaengine.find("scene").count("person", ge=2).coverage("person", gt=0.1).lasting(ge=1)
    built = built.without("overlaps", "speech").videos("garden*")
    assert len(vaengine.query(built, db=db)) == 1
    with pytest.raises(vaengine.VaengineError):
        vaengine.query("unsaved", db=db)
