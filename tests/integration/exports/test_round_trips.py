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
from schemas.errors import UnreadableImport, WrongFrameRate
from schemas.media.video import Video
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
    "videoannotator": "{}_person_tracking.json",
}
FACES: Final = "{}_face_detections.json"  # of videoannotator
LABEL_TRACKS: Final = {
    **{"scene": SCENE_TYPE, "person": PERSON_TRACK, "face": FACE_IDENTITY, "speaking": SPEAKER},
    **{"speech": SPEECH, "word": WORD, "sound": AUDIO_EVENT, "voice": VOICE_ACTIVITY},
}
LASTING: Final = (SCENE_TYPE, PERSON_TRACK, FACE_IDENTITY, SPEAKER, SPEECH, AUDIO_EVENT, VOICE_ACTIVITY)
IDS: Final = ("person_id", "face_id", "speaker_id", "scene_id")
Box = tuple[float, ...]


def filmed(of: Video) -> Filmed:
    """Two persons, and a third who comes twice; the box in no track has no id to come back with."""
    found = walked(Filmed(of), range(0, 100, 5))
    found.rows = [row for row in found.rows if row.annotation_type != PERSON_DETECTION or row.person_id]
    for frame in (*range(0, 25, 5), *range(70, 90, 5)):
        found.box(PERSON_DETECTION, frame, "person_0007", (200.0 + frame % 15, 50.0, 40.0, 80.0))
    found.lasting(PERSON_TRACK, 0, 85, person_id="person_0007")
    return found


EVEN: Final = video("küche 'süd' 😀 <&>.mp4", "a")
UNEVEN: Final = video("uneven.mkv", "c", steps=(256, 768, 1024))


class Trip:
    """A store, and a second one that knows the video and nothing of what is in it."""

    def __init__(self, folder: Path, of: Video = EVEN) -> None:
        self.folder, self.film = folder, filmed(of)
        self.url = stored(f"sqlite:///{folder}/here.db", [self.film])
        self._back: dict[str, list[Annotation]] = {}

    def exported(self, name: str, file: str = "") -> Path:
        folder = self.folder / name
        if not folder.exists():
            vaengine.export(name, folder, db=self.url)
            if name == "labelstudio":
                path = folder / FILES[name]
                path.write_text(submitted(path.read_text(encoding="utf-8")), encoding="utf-8")
        return folder / (file or FILES[name]).format(self.film.video.video_id)

    def back(self, name: str, file: str = "") -> list[Annotation]:
        """The rows that an import makes of an export."""
        if name + file not in self._back:
            self._back[name + file] = self._imported(self.exported(name, file))
        return self._back[name + file]

    def _imported(self, path: Path) -> list[Annotation]:
        there = stored(f"sqlite:///{self.folder}/{len(self._back)}.db", [Filmed(self.film.video)])
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


@pytest.mark.parametrize("name", ["dive", "labelstudio", "viame"])
def test_a_program_with_a_constant_rate_gives_boxes_of_an_uneven_one_back_in_their_frames(
    tmp_path: Path, name: str
) -> None:
    """Frames that last a fiftieth of a second may be taken for the one beside them."""
    trip = Trip(tmp_path, UNEVEN)
    frames = {(place(row)[0], row.frame_number or 0) for row in boxes(trip.film.rows)}
    found = {(place(row)[0], row.frame_number or 0) for row in boxes(trip.back(name))}
    off = {(label, min((abs(frame - own) for who, own in frames if who == label))) for label, frame in found}
    assert {apart for _, apart in off} <= {0, 1}
    assert len(found & frames) > 0.5 * len(found)


@pytest.mark.parametrize("name", ["coco", "viame"])
def test_every_box_comes_back_with_its_track_time_and_confidence(trip: Trip, name: str) -> None:
    def facts(rows: Iterable[Annotation]) -> list[tuple[Any, ...]]:
        return sorted(
            (*place(row), row.timestamp_seconds, round(row.confidence or 0, 6), *np.round(sides(row), 3))
            for row in boxes(rows)
        )

    assert facts(trip.back(name)) == facts(trip.film.rows)


def test_persons_and_faces_of_videoannotator_come_back_and_so_do_its_scenes(trip: Trip) -> None:
    def facts(rows: Iterable[Annotation]) -> list[tuple[Any, ...]]:
        return sorted(
            (*place(row), row.timestamp_seconds, row.confidence, *sides(row)) for row in boxes(rows)
        )

    rows = [*trip.back("videoannotator"), *trip.back("videoannotator", FACES)]
    assert facts(rows) == facts(trip.film.rows)
    scenes = trip.back("videoannotator", "{}_scene_detection.json")
    wanted = [(one.scene_id, one.timestamp_seconds, one.end_seconds) for one in trip.film.of(SCENE_TYPE)]
    assert [(one.scene_id, one.timestamp_seconds, one.end_seconds) for one in scenes] == wanted


@pytest.mark.parametrize("name", LABEL_TRACKS)
def test_a_label_track_of_audacity_comes_back_as_what_it_is_called(trip: Trip, name: str) -> None:
    def facts(rows: Iterable[Annotation]) -> list[tuple[Any, ...]]:
        return sorted(
            (
                *(max(0.0, round(row.timestamp_seconds or 0.0, 6)), round(row.end_seconds or 0.0, 6)),
                *(said(row), *(getattr(row, one) or "" for one in IDS)),
            )
            for row in rows
        )

    found = trip.back("audacity", f"{{}}/{name}.txt")
    assert {row.annotation_type for row in found} == {LABEL_TRACKS[name]}
    assert facts(found) == facts(trip.film.of(LABEL_TRACKS[name]))


WRONG_RATES: Final = {
    "dive": ('"fps": 25.0', '"fps": 30.0'),
    "viame": ("fps: 25", "fps: 30"),
    "coco": ('"fps":25.0', '"fps":30.0'),
    "videoannotator": ('"timestamp":2.0', '"timestamp":1.6666667'),
    "labelstudio": ('"duration": 4.0', '"duration": 3.3333333'),
    "boris": ("25.0}", "30.0}"),
}


@pytest.mark.parametrize("name", WRONG_RATES)
def test_a_file_that_counts_in_another_rate_is_refused_with_both(
    trip: Trip, tmp_path: Path, name: str
) -> None:
    right, wrong = WRONG_RATES[name]
    path = trip.exported(name)
    text = path.read_text(encoding="utf-8")
    assert right in text
    other = tmp_path / path.name
    other.write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(WrongFrameRate, match=r"counts 30(\.0+\d*)? frames a second, but .* has 25"):
        vaengine.import_annotations(other, db=trip.url, dry_run=True)


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


@pytest.mark.parametrize(
    "name", ["cvat", "dive", "viame", "coco", "labelstudio", "elan", "boris", "videoannotator"]
)
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
    for name in FILES.keys() - {"videoannotator"}:  # which names no video then
        assert trip.back(name) == []


def test_predictions_that_nobody_submitted_are_no_annotations(trip: Trip, tmp_path: Path) -> None:
    vaengine.export("labelstudio", tmp_path / "tasks", db=trip.url)
    with pytest.raises(UnreadableImport, match="no task has an annotation that somebody submitted"):
        vaengine.import_annotations(tmp_path / "tasks/tasks.json", db=trip.url)
