"""Every format says of each video when what it holds is, and where: unicode, no rows, an uneven rate, a
turned picture, ten hours, sound alone.

What files say is read here by hand, in a few lines for each format; `test_readers.py` asks readers of others.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_DETECTION,
    FACE_IDENTITY,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
)
from tests.support.stores.exported import Filmed
from tests.support.stores.exported_store import ExportedStore

PX: Final = 0.5
MS: Final = 0.001
LASTING: Final = (SCENE_TYPE, PERSON_TRACK, FACE_IDENTITY, SPEAKER, SPEECH, WORD, AUDIO_EVENT, VOICE_ACTIVITY)
TURNS: Final = tuple(kind for kind in LASTING if kind != WORD)
Place = tuple[float, float, float, float, float]  # seconds or a frame, left, top, width, height
Span = tuple[float, float]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> ExportedStore:
    return ExportedStore(tmp_path_factory.mktemp("exports"))


# Boxes: what a file says of one video, with the frame and with the time.


def of_csv(folder: Path, film: Filmed) -> Iterator[Place]:
    for name in (PERSON_DETECTION, FACE_DETECTION):
        yield from _of_table(pd.read_csv(folder / f"{name}.csv", low_memory=False), film)


def of_parquet(folder: Path, film: Filmed) -> Iterator[Place]:
    for name in (PERSON_DETECTION, FACE_DETECTION):
        yield from _of_table(pd.read_parquet(folder / f"{name}.parquet"), film)


def _of_table(table: pd.DataFrame, film: Filmed) -> Iterator[Place]:
    columns = ["timestamp_seconds", "bbox_x", "bbox_y", "bbox_width", "bbox_height"]
    own = table[table.video_id == film.video.video_id][columns]
    return own.itertuples(index=False, name=None)


def of_coco(folder: Path, film: Filmed) -> Iterator[Place]:
    coco = json.loads((folder / "annotations/instances_default.json").read_text(encoding="utf-8"))
    (video,) = [one["id"] for one in coco["videos"] if one["name"] == film.video.video_id]
    times = {one["id"]: one["timestamp"] for one in coco["images"]}
    return ((times[one["image_id"]], *one["bbox"]) for one in coco["annotations"] if one["video_id"] == video)


def of_viame(folder: Path, film: Filmed) -> Iterator[Place]:
    with (folder / f"{film.video.video_id}.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if not row[0].startswith("#"):
                left, top, right, bottom = map(float, row[3:7])
                yield (int(row[2]) / 25, left, top, right - left, bottom - top)


def of_fiftyone(folder: Path, film: Filmed) -> Iterator[Place]:
    labels = json.loads((folder / f"boxes/labels/{film.video.video_id}.json").read_text(encoding="utf-8"))
    width, height = film.video.width, film.video.height
    for frame in labels["frames"].values():
        for one in frame["objects"]["objects"]:
            first, last = (one["bounding_box"][corner] for corner in ("top_left", "bottom_right"))
            size = (last["x"] - first["x"]) * width, (last["y"] - first["y"]) * height
            yield ((frame["frame_number"] - 1) / 25, first["x"] * width, first["y"] * height, *size)


def of_videoannotator(folder: Path, film: Filmed) -> Iterator[Place]:
    for name in ("person_tracking", "face_detections"):
        text = (folder / f"{film.video.video_id}_{name}.json").read_text(encoding="utf-8")
        for one in json.loads(text)["annotations"]:
            yield (one["timestamp"], *one["bbox"])


def of_mot(folder: Path, film: Filmed) -> Iterator[Place]:
    for line in (folder / film.video.video_id / "det/det.txt").read_text().splitlines():
        frame, _, left, top, width, height, *_ = map(float, line.split(","))
        yield (film.time_s(int(frame) - 1), left - 1, top - 1, width, height)


def of_yolo(folder: Path, film: Filmed) -> Iterator[Place]:
    width, height = film.video.width, film.video.height
    for path in folder.glob(f"labels/train/{film.video.video_id}_*.txt"):
        for line in path.read_text().splitlines():
            _, x, y, across, down = map(float, line.split())
            size = across * width, down * height
            left, top = x * width - size[0] / 2, y * height - size[1] / 2
            yield (film.time_s(int(path.stem.rpartition("_")[2])), left, top, *size)


BOXES: Final[dict[str, Callable[[Path, Filmed], Iterator[Place]]]] = {
    name: function
    for function in (of_csv, of_parquet, of_coco, of_viame, of_fiftyone, of_videoannotator, of_mot, of_yolo)
    for name in [function.__name__.removeprefix("of_")]
}


@pytest.mark.parametrize("name", BOXES)
def test_boxes_are_where_and_when_the_store_has_them(filled: ExportedStore, name: str) -> None:
    folder = filled.to(name)
    kinds = (PERSON_DETECTION,) if name == "mot" else (PERSON_DETECTION, FACE_DETECTION)
    for film in filled.pictured().values():
        wanted = places_of(film, *kinds, in_picture=name == "yolo")
        assert_close(BOXES[name](folder, film), wanted, [0.02 + 1e-6, PX, PX, PX, PX])


def places_of(film: Filmed, *kinds: str, in_picture: bool) -> list[Place]:
    """The boxes of the store, for some formats cut at the edges of the picture."""
    found = []
    for row in film.of(*kinds):
        assert row.bbox is not None
        width = min(row.bbox.width, film.video.width - row.bbox.x) if in_picture else row.bbox.width
        if width > 0:
            found.append((row.timestamp_seconds or 0.0, row.bbox.x, row.bbox.y, width, row.bbox.height))
    return found


def assert_close(found: Iterable[Any], wanted: Iterable[Any], within: list[float]) -> None:
    a, b = (np.array(sorted(map(tuple, rows)), float) for rows in (found, wanted))
    assert a.shape == b.shape
    assert not a.size or (np.abs(a - b).max(0) <= within).all()


# What lasts.


def of_elan(folder: Path, film: Filmed) -> Iterator[Span]:
    root = ElementTree.parse(folder / f"{film.video.video_id}.eaf").getroot()
    slots = {
        one.attrib["TIME_SLOT_ID"]: int(one.attrib["TIME_VALUE"]) / 1000 for one in root.iter("TIME_SLOT")
    }
    for one in root.iter("ALIGNABLE_ANNOTATION"):
        yield slots[one.attrib["TIME_SLOT_REF1"]], slots[one.attrib["TIME_SLOT_REF2"]]


def of_textgrid(folder: Path, film: Filmed) -> Iterator[Span]:
    path = folder / f"{film.video.video_id}.TextGrid"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for start, end in re.findall(r'xmin = (\S+)\s+xmax = (\S+)\s+text = "[^"]', text):
        yield float(start), float(end)


def of_boris(folder: Path, film: Filmed) -> Iterator[Span]:
    project = json.loads((folder / "vaengine.boris").read_text(encoding="utf-8"))
    begun: dict[tuple[str, str], float] = {}
    for time_s, subject, code, *_ in project["observations"][film.video.video_id]["events"]:
        if (subject, code) in begun:
            yield begun.pop((subject, code)), time_s
        else:
            begun[subject, code] = time_s


def of_audacity(folder: Path, film: Filmed) -> Iterator[Span]:
    for path in (folder / film.video.video_id).glob("*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            start, end, _ = line.split("\t")
            yield float(start), float(end)


def of_webvtt(folder: Path, film: Filmed) -> Iterator[Span]:
    path = folder / f"{film.video.video_id}.vtt"
    return _cues(path.read_text(encoding="utf-8") if path.exists() else "")


def of_srt(folder: Path, film: Filmed) -> Iterator[Span]:
    path = folder / f"{film.video.video_id}.srt"
    return _cues(path.read_text(encoding="utf-8") if path.exists() else "")


def _cues(text: str) -> Iterator[Span]:
    for times in re.findall(r"^(\S+) --> (\S+)", text, re.M):
        start, end = (
            sum(float(part) * 60**n for n, part in enumerate(reversed(one.replace(",", ".").split(":"))))
            for one in times
        )
        yield start, end


def of_rttm(folder: Path, film: Filmed) -> Iterator[Span]:
    path = folder / f"{film.video.video_id}.rttm"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        start, length = map(float, line.split()[3:5])
        yield start, start + length


SPANS: Final[dict[str, tuple[Callable[[Path, Filmed], Iterator[Span]], tuple[str, ...]]]] = {
    "elan": (of_elan, LASTING),
    "textgrid": (of_textgrid, LASTING),
    "boris": (of_boris, TURNS),
    "audacity": (of_audacity, LASTING),
    "webvtt": (of_webvtt, (SPEECH,)),
    "srt": (of_srt, (SPEECH,)),
    "rttm": (of_rttm, (SPEAKER,)),
}


@pytest.mark.parametrize("name", SPANS)
def test_what_lasts_begins_and_ends_as_in_the_store(filled: ExportedStore, name: str) -> None:
    folder, (read, kinds) = filled.to(name), SPANS[name]
    for film in filled.films.values():
        wanted = [(max(0.0, row.timestamp_seconds or 0.0), row.end_seconds) for row in film.of(*kinds)]
        assert_close(read(folder, film), wanted, [MS, MS])


# Programs that draw lines: DIVE, Label Studio and CVAT have few key frames.


@pytest.mark.parametrize("name", ["dive", "labelstudio", "cvat"])
def test_key_frames_are_boxes_of_the_store(filled: ExportedStore, name: str) -> None:
    folder = filled.to(name)
    for film in filled.pictured().values():
        kinds = PERSON_DETECTION, FACE_DETECTION
        known = np.array(places_of(film, *kinds, in_picture=name == "labelstudio"))
        places = list(KEYFRAMES[name](folder, film))
        assert bool(places) == bool(len(known))
        for place in places:
            apart = np.abs(known - place)
            assert (apart <= [0.02 + 1e-6, PX, PX, PX, PX]).all(1).any(), (film.video.path, place)


def keyframes_of_dive(folder: Path, film: Filmed) -> Iterator[Place]:
    value = json.loads((folder / f"result_{film.video.video_id}.json").read_text(encoding="utf-8"))
    assert (value["fps"], value["video"]) == (25.0, Path(film.video.path).name)
    for track in value["tracks"].values():
        for one in track["features"]:
            left, top, right, bottom = one["bounds"]
            yield (one["frame"] / 25, left, top, right - left, bottom - top)


def keyframes_of_labelstudio(folder: Path, film: Filmed) -> Iterator[Place]:
    assert 'frameRate="$fps"' in (folder / "config.xml").read_text(encoding="utf-8")
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    (task,) = [one for one in tasks if one["data"]["video_id"] == film.video.video_id]
    assert task["data"]["fps"] == 25.0
    width, height = film.video.width / 100, film.video.height / 100
    for region in task["predictions"][0]["result"]:
        for one in region["value"].get("sequence", ()):
            sides = one["x"] * width, one["y"] * height, one["width"] * width, one["height"] * height
            yield ((one["frame"] - 1) / 25, *sides)


def keyframes_of_cvat(folder: Path, film: Filmed) -> Iterator[Place]:
    root = ElementTree.parse(folder / f"{film.video.video_id}.xml").getroot()
    assert root.findtext("meta/task/source") == Path(film.video.path).name
    for one in root.iterfind("track/box[@outside='0']"):
        left, top, right, bottom = (float(one.attrib[side]) for side in ("xtl", "ytl", "xbr", "ybr"))
        yield (film.time_s(int(one.attrib["frame"])), left, top, right - left, bottom - top)


KEYFRAMES: Final = {
    "dive": keyframes_of_dive,
    "labelstudio": keyframes_of_labelstudio,
    "cvat": keyframes_of_cvat,
}


def test_the_moments_of_tables_and_of_fiftyone_are_those_of_the_store(filled: ExportedStore) -> None:
    moments = json.loads((filled.to("fiftyone") / "moments/labels.json").read_text(encoding="utf-8"))[
        "labels"
    ]
    for film in filled.pictured().values():
        wanted = [(max(0.0, row.timestamp_seconds or 0.0), row.end_seconds) for row in film.of(*LASTING)]
        assert_close([one["timestamps"] for one in moments[film.video.video_id]], wanted, [1e-6, 1e-6])
    table = pd.read_csv(filled.to("csv") / "moments.csv")
    kinds = Counter(row.annotation_type for film in filled.films.values() for row in film.of(*TURNS))
    assert len(table) == sum(kinds.values()) - kinds[VOICE_ACTIVITY]
