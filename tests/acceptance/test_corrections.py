"""What a researcher corrected in CVAT and BORIS outlives a new run and a move to another store.

By the command alone: a real run leaves for both tools, three things are changed in their files as a person
would change them there (a box is moved, a person gets a name, an event is deleted), and the files come back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.media import collection
from tests.support.runs import commands

pytestmark = [pytest.mark.long, pytest.mark.shared, pytest.mark.timeout(1800)]
NAME = "Jörg & Söhne"
MOVED = 0.1  # of its width, by which the person of the first track is moved: of its box 0.9 / 1.1 overlap


class Study:
    """A folder of results, and commands about it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.store = f"sqlite:///{folder}/out/batch_processing.db"

    def told(self, *words: str | Path) -> list[dict[str, Any]]:
        """The events or lines of a command."""
        done = commands.finished(*words, env=self.environment, patience_s=800)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def run(self, *words: str | Path) -> None:
        self.told("run", self.folder / "videos/meeting.mp4", "--out", self.folder / "out", *words)

    def compared(self) -> dict[str, dict[str, Any]]:
        """The agreement of people and the machine, by kind and label."""
        lines = self.told("compare", "human", "machine", "--db", self.store, "--json")
        found = [one for one in lines if one["event"] == "agreement" and one["video_id"] is None]
        for one in found:
            del one["time"]  # of the event
        return {" ".join(filter(None, (one["kind"], one["label"]))): one for one in found}

    def asked(self, *words: str) -> list[dict[str, Any]]:
        return self.told("query", *words, "--db", self.store, "--format", "json")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return collection.settings(collection.stand_in_classifier(tmp_path_factory.mktemp("laughter")))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, empty_cache: Path, settings: list[str]) -> Study:
    """The run, and its corrections, imported."""
    folder = tmp_path_factory.mktemp("corrections")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("VAENGINE_")}
    own = Study(folder, {**outside, "VAENGINE_OFFLINE": "1", "XDG_CACHE_HOME": str(empty_cache)})
    collection.collection(folder / "videos")
    own.run("--cluster", "none", *settings)
    for name in ("cvat", "boris"):
        own.told("export", name, "-o", folder / name, "--db", own.store)
    (tracks,) = (folder / "cvat").glob("*.xml")
    correct_tracks(tracks)
    delete_laughter(folder / "boris/vaengine.boris")
    events = folder / "boris/vaengine.boris"
    without_persons = ("--label", "person=none", "--label", "face=none")  # CVAT has their boxes
    for words in ([tracks], [events, *without_persons]):
        own.told("import", *words, "--annotator", "Bö", "--db", own.store)
    return own


def correct_tracks(path: Path) -> None:
    """Move the first person to the right, and name them."""
    tree = ElementTree.parse(path)
    track = tree.find("track[@label='person']")
    assert track is not None
    for box in track.iterfind("box"):
        left, right = float(box.attrib["xtl"]), float(box.attrib["xbr"])
        by = MOVED * (right - left)
        box.attrib |= {"xtl": f"{left + by:.3f}", "xbr": f"{right + by:.3f}"}
        name = box.find("attribute[@name='name']")
        assert name is not None
        name.text = NAME
    tree.write(path, encoding="utf-8", xml_declaration=True)


def delete_laughter(path: Path) -> None:
    """Delete every event of laughter."""
    project = json.loads(path.read_text(encoding="utf-8"))
    (observation,) = project["observations"].values()
    kept = [event for event in observation["events"] if event[2] != "sound laughter"]
    assert len(kept) < len(observation["events"]), "the machine heard laughter"
    observation["events"] = kept
    path.write_text(json.dumps(project, ensure_ascii=False), encoding="utf-8")


def assert_told(compared: Mapping[str, Mapping[str, Any]]) -> None:
    """The comparison shows the three corrections, and that nothing else was changed."""
    boxes, laughter, speech = (
        compared[name] for name in ("person_detection", "audio_event laughter", "speech")
    )
    assert boxes["recall"] == pytest.approx(1.0, abs=0.05)
    assert 0.9 / 1.1 < boxes["mean_iou"] < 0.99, "one of the persons was moved by a tenth"
    assert (laughter["count_a"], laughter["count_b"]) == (0, 1)
    assert (laughter["precision"], laughter["recall"]) == (0.0, None)
    assert (speech["precision"], speech["recall"]) == (1.0, 1.0)


def test_compare_tells_what_was_corrected(study: Study) -> None:
    assert_told(study.compared())
    for source in ("human", "corrected", "machine"):
        named = study.asked("persons", "--person", NAME, "--source", source)
        assert [Path(one["path"]).stem for one in named] == ["meeting"], source
    assert study.asked("sounds", "--label", "laughter") != []
    assert study.asked("sounds", "--label", "laughter", "--source", "corrected") == []


def test_corrections_survive_a_run_with_other_settings_in_place_of_the_first(
    study: Study, settings: list[str]
) -> None:
    before = study.asked("persons", "--source", "human")
    study.run("--cluster", "none", "--pipelines", "person", "--set", "person.sample_fps=4", "--replace")
    assert study.asked("persons", "--source", "human") == before
    assert study.asked("persons", "--person", NAME, "--source", "machine") != [], "found again by place"
    assert_told(study.compared())


def test_corrections_survive_a_migration(study: Study) -> None:
    before, people = study.compared(), study.asked("persons", "--source", "corrected")
    moved = f"files:{study.folder}/moved"
    study.told("migrate", study.store, moved, "--json")
    other = Study(study.folder, study.environment)
    other.store = moved
    assert other.compared() == before
    assert other.asked("persons", "--source", "corrected") == people
    (again,) = study.folder.glob("cvat/*.xml")
    (report, *_) = other.told("import", again, "--annotator", "Bö", "--db", moved, "--json")
    assert not report["is_new"], "the same file changes nothing"
