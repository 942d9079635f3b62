"""What leaves for another tool comes back from its file as it was, as far as the format holds it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import vaengine
from actors.stores import open_store
from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_IDENTITY,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
)
from schemas.errors import UnreadableImport
from schemas.work.chunk import WorkKey
from tests.support.stores.exported import Filmed, stored, video, walked
from vaengine.people.edits import name_person
from vaengine.people.targets import LabelTarget

NAME: Final = "Ána Ünlü"
FILES: Final = {
    "cvat": "{}.xml",
    "dive": "result_{}.json",
    "viame": "{}.csv",
    "coco": "annotations/instances_default.json",
    "labelstudio": "tasks.json",
    "elan": "{}.eaf",
    "boris": "vaengine.boris",
}
LASTING: Final = (SCENE_TYPE, PERSON_TRACK, FACE_IDENTITY, SPEAKER, SPEECH, AUDIO_EVENT, VOICE_ACTIVITY)
IDS: Final = ("person_id", "face_id", "speaker_id", "scene_id")
Box = tuple[float, ...]


def filmed() -> Filmed:
    """Two persons, and a third who comes twice; the box in no track has no id to come back with."""
    found = walked(Filmed(video("küche 'süd' 😀 <&>.mp4", "a")), range(0, 100, 5))
    found.rows = [row for row in found.rows if row.annotation_type != PERSON_DETECTION or row.person_id]
    for frame in (*range(0, 25, 5), *range(70, 90, 5)):
        found.box(PERSON_DETECTION, frame, "person_0007", (200.0 + frame % 15, 50.0, 40.0, 80.0))
    found.lasting(PERSON_TRACK, 0, 85, person_id="person_0007")
    return found


class Trip:
    """A store, and a second one that knows the video and nothing of what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.film = folder, filmed()
        self.url = stored(f"sqlite:///{folder}/here.db", [self.film])
        self._back: dict[str, list[Annotation]] = {}

    def exported(self, name: str) -> Path:
        vaengine.export(name, self.folder / name, db=self.url)
        path = self.folder / name / FILES[name].format(self.film.video.video_id)
        if name == "labelstudio":
            path.write_text(submitted(path.read_text(encoding="utf-8")), encoding="utf-8")
        return path

    def back(self, name: str) -> list[Annotation]:
        """The rows that an import makes of an export."""
        if name not in self._back:
            self._back[name] = self._imported(name)
        return self._back[name]

    def _imported(self, name: str) -> list[Annotation]:
        path = self.exported(name)
        there = stored(f"sqlite:///{self.folder}/{name}.db", [Filmed(self.film.video)])
        (report,) = vaengine.import_annotations(path, db=there).videos
        with closing(open_store(there)) as store:
            (job,) = store.jobs(job_ids=[report.job_id])
            keys = [
                WorkKey(job.video_id, pipeline, one.config_hash)
                for pipeline, one in job.pipeline_results.items()
            ]
            return [row for key in keys for row in store.annotations(key)]

    def name_somebody(self) -> None:
        with closing(open_store(self.url)) as store:
            name_person(store, LabelTarget(self.film.video.video_id, "person_0001"), NAME)


def submitted(tasks: str) -> str:
    """Tasks of Label Studio after somebody submitted each prediction unchanged."""
    found = json.loads(tasks)
    for task in found:
        task["annotations"] = [{"id": 1, "was_cancelled": False, "result": task["predictions"][0]["result"]}]
    return json.dumps(found)


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> Trip:
    return Trip(tmp_path_factory.mktemp("trip"))


def sides(row: Annotation) -> Box:
    assert row.bbox is not None
    return (row.bbox.x, row.bbox.y, row.bbox.width, row.bbox.height)


def boxes(rows: Iterable[Annotation]) -> list[Annotation]:
    return [row for row in rows if row.bbox is not None]


def place(row: Annotation) -> tuple[str, int]:
    """The track and the frame of a box."""
    return row.person_id or row.face_id or "", row.frame_number or 0


def drawn(rows: Iterable[Annotation]) -> Mapping[tuple[str, int], Box]:
    """The boxes that a tool shows: straight lines within a segment, nothing between two."""
    segments: defaultdict[tuple[str, int], list[Annotation]] = defaultdict(list)
    for row in boxes(rows):
        segments[place(row)[0], row.attributes.get("segment", 0)].append(row)
    shown: dict[tuple[str, int], Box] = {}
    for (label, _), own in segments.items():
        own.sort(key=lambda row: row.frame_number or 0)
        numbers = [row.frame_number or 0 for row in own]
        for frame in range(numbers[0], numbers[-1] + 1):
            lines = zip(*map(sides, own), strict=True)
            shown[label, frame] = tuple(float(np.interp(frame, numbers, line)) for line in lines)
    return shown


@pytest.mark.parametrize("name", ["cvat", "dive", "labelstudio"])
def test_tracks_of_key_frames_show_each_box_again_and_nothing_between_appearances(
    trip: Trip, name: str
) -> None:
    shown, wanted = drawn(trip.back(name)), boxes(trip.film.rows)
    off_px = [np.abs(np.subtract(shown[place(row)], sides(row))).max() for row in wanted]
    assert max(off_px) <= 0.26, "a quarter of a pixel, and what is rounded"
    assert {label for label, _ in shown} == {place(row)[0] for row in wanted}
    assert not [place for place in shown if place[0] == "person_0007" and 25 <= place[1] < 70]


@pytest.mark.parametrize("name", ["coco", "viame"])
def test_every_box_comes_back_with_its_track_time_and_confidence(trip: Trip, name: str) -> None:
    def facts(rows: Iterable[Annotation]) -> list[tuple[Any, ...]]:
        return sorted(
            (*place(row), row.timestamp_seconds, round(row.confidence or 0, 6), *np.round(sides(row), 3))
            for row in boxes(rows)
        )

    assert facts(trip.back(name)) == facts(trip.film.rows)


@pytest.mark.parametrize(
    ("name", "kinds", "within_s"),
    [
        ("elan", (*LASTING, WORD), 0.0006),
        ("boris", LASTING, 0.0006),
        ("labelstudio", (*LASTING, WORD), 0.041),  # a frame
    ],
)
def test_what_lasts_comes_back_with_its_kind_subject_and_text(
    trip: Trip, name: str, kinds: tuple[str, ...], within_s: float
) -> None:
    def facts(rows: Iterable[Annotation]) -> dict[tuple[Any, ...], tuple[float, float]]:
        return {
            (row.annotation_type, said(row), *(getattr(row, one) for one in IDS)): (
                max(0.0, row.timestamp_seconds or 0.0),
                row.end_seconds or 0.0,
            )
            for row in rows
            if row.annotation_type in kinds
        }

    rows = trip.back(name)
    found, wanted = facts(rows), facts(trip.film.rows)
    assert found.keys() == wanted.keys()
    assert len(found) == sum(row.end_seconds is not None for row in rows), "each of them once"
    assert all(np.abs(np.subtract(found[one], wanted[one])).max() <= within_s for one in wanted)


TEXTS: Final = (SPEECH, WORD, AUDIO_EVENT)


def said(row: Annotation) -> str:
    """What is said or heard."""
    told = (row.attributes.get(key) for key in ("text", "word", "label"))
    return next((str(one) for one in told if one), "") if row.annotation_type in TEXTS else ""


@pytest.mark.parametrize("name", ["cvat", "dive", "viame", "coco", "labelstudio", "elan", "boris"])
def test_a_name_comes_back_and_where_it_can_the_id_beside_it(tmp_path: Path, name: str) -> None:
    trip = Trip(tmp_path)
    trip.name_somebody()
    rows = trip.back(name)
    named = {
        row.person_id
        for row in rows
        if row.attributes.get("name") == NAME and row.annotation_type in (PERSON_DETECTION, PERSON_TRACK)
    }
    persons = {row.person_id for row in rows if row.annotation_type == PERSON_TRACK}
    assert len(named) == 1
    assert len(persons) == 3, "nobody else has the id"
    if boxes(rows):
        assert named == {"person_0001"}
    assert not [row for row in rows if row.attributes.get("name") not in (None, NAME)]


def test_a_video_without_results_comes_back_as_one_in_which_nobody_is(tmp_path: Path) -> None:
    trip = Trip(tmp_path)
    trip.film.rows.clear()
    trip.url = stored(f"sqlite:///{tmp_path}/empty.db", [trip.film])
    for name in FILES:
        assert trip.back(name) == []


def test_predictions_that_nobody_submitted_are_no_annotations(trip: Trip, tmp_path: Path) -> None:
    vaengine.export("labelstudio", tmp_path / "tasks", db=trip.url)
    with pytest.raises(UnreadableImport, match="no task has an annotation that somebody submitted"):
        vaengine.import_annotations(tmp_path / "tasks/tasks.json", db=trip.url)
