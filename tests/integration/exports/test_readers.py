"""Readers that we did not write open each export of a store whose every row is known, and agree with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from schemas.annotations.annotation import (
    FACE_DETECTION,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    WORD,
    Annotation,
)
from tests.support.readers.readers import read_by
from tests.support.stores.exported_store import ExportedStore

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
PX, MS = 0.5, 0.001
SIDES = ("x", "y", "width", "height")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportedStore:
    return ExportedStore(tmp_path_factory.mktemp("exports"))


def numbers_of(row: Annotation) -> tuple[float, ...]:
    """Frame, time and box of a row."""
    return (row.frame_number or 0, row.timestamp_seconds or 0.0, *(getattr(row.bbox, side) for side in SIDES))


def assert_close(found: Sequence[Sequence[float]], wanted: Sequence[Sequence[float]], within: float) -> None:
    assert len(found) == len(wanted)
    if wanted:
        a, b = (np.array(sorted(map(tuple, rows)), float) for rows in (found, wanted))
        assert np.abs(a - b).max() <= within


@pytest.mark.parametrize(("name", "reader"), [("csv", "csv_duckdb"), ("parquet", "parquet_duckdb")])
def test_every_table_has_as_many_rows_as_the_store(exported: ExportedStore, name: str, reader: str) -> None:
    found = read_by(reader, exported.to(name))
    kinds = Counter(row.annotation_type for film in exported.films.values() for row in film.rows)
    assert {kind: found[kind] for kind in kinds} == kinds
    assert found["videos"] == len(exported.films)
    moments = (SCENE_TYPE, PERSON_TRACK, "face_identity", SPEECH, SPEAKER, "audio_event")
    assert found["moments"] == sum(kinds[kind] for kind in moments)


@pytest.mark.parametrize(("name", "reader"), [("csv", "csv_pandas"), ("parquet", "parquet_pandas")])
def test_tables_hold_the_very_numbers_and_texts(exported: ExportedStore, name: str, reader: str) -> None:
    found = read_by(reader, exported.to(name))
    wanted = [(row.video_id, *numbers_of(row)) for row in exported.rows(PERSON_DETECTION)]
    assert sorted(map(tuple, found["boxes"])) == sorted(wanted)
    if name == "csv":
        assert sorted(found["texts"]) == sorted(row.attributes["text"] for row in exported.rows(SPEECH))
    else:
        landmarks = [row.attributes["landmarks"] for row in exported.rows(FACE_DETECTION)]
        assert sorted(found["landmarks"]) == sorted(landmarks)


def test_coco_has_every_box_at_its_frame_and_time(exported: ExportedStore) -> None:
    found = read_by("coco_pycocotools", exported.to("coco"))
    for name in exported.pictured():
        for noun, kind in (("person", PERSON_DETECTION), ("face", FACE_DETECTION)):
            own = [one[1:3] + one[4:] for one in found if one[0] == name and one[3] == noun]
            rows = [numbers_of(row) for row in exported.rows(kind) if row.video_id == name]
            assert_close(own, rows, 1e-6)
    counts = read_by("coco_kwcoco", exported.to("coco"))
    assert counts["videos"] == 5
    assert counts["boxes"] == len(exported.rows(PERSON_DETECTION, FACE_DETECTION))
    assert counts["tracks"] == 4 * 3


def test_mot_has_every_tracked_box(exported: ExportedStore) -> None:
    found = read_by("mot_motmetrics", exported.to("mot"))
    assert set(found) == set(exported.pictured())
    for name, film in exported.pictured().items():
        rows = [row for row in film.of(PERSON_DETECTION) if row.person_id]
        wanted = [((row.frame_number or 0) + 1, *numbers_of(row)[2:]) for row in rows]
        assert_close([[one[0], *one[2:]] for one in found[name]], wanted, PX)
        assert len({one[1] for one in found[name]}) == len({row.person_id for row in rows})
    scores = read_by("mot_trackeval", exported.to("mot"))
    assert scores
    assert all(score == [40, 2, 1.0] for score in scores.values()), "truth against itself"
    assert set(read_by("mot_datumaro", exported.to("mot")).values()) == {40}


def test_subtitles_and_turns_have_the_times_of_the_store(exported: ExportedStore) -> None:
    def times(kind: str, name: str) -> list[tuple[float, float]]:
        rows = exported.films[name].of(kind)
        return [(max(0.0, row.timestamp_seconds or 0.0), row.end_seconds or 0.0) for row in rows]

    talking = {name for name, film in exported.films.items() if film.of(SPEECH)}
    cues, plain = read_by("webvtt", exported.to("webvtt")), read_by("webvtt_pysubs2", exported.to("webvtt"))
    captions, turns = read_by("srt", exported.to("srt")), read_by("rttm", exported.to("rttm"))
    assert set(cues) == set(plain) == set(captions) == set(turns) == talking
    for name in talking:
        assert_close(plain[name], times(SPEECH, name), MS)
        assert_close([one[:2] for one in captions[name]], times(SPEECH, name), MS)
        assert_close([one[:2] for one in turns[name]], times(SPEAKER, name), MS)
        assert [one[2] for one in cues[name]] == ["Speaker 1", "Speaker 2"]
        assert captions[name][1][2] == 'Speaker 2: Grüß "Gott" & ‹welcome›, 世界'


def test_elan_and_praat_have_every_interval_in_a_tier(exported: ExportedStore) -> None:
    elan, praat = (
        read_by("elan_pympi", exported.to("elan")),
        read_by("textgrid_praatio", exported.to("textgrid")),
    )
    assert set(elan) == set(exported.films)
    assert set(praat) == {name for name, film in exported.films.items() if film.rows}
    for name, tiers in elan.items():
        rows = [
            row for row in exported.films[name].rows if row.end_seconds and row.annotation_type != "loudness"
        ]
        spans = [(one[0] / 1000, one[1] / 1000) for spans in tiers.values() for one in spans]
        wanted = [(max(0.0, row.timestamp_seconds or 0.0), row.end_seconds or 0.0) for row in rows]
        assert_close(spans, wanted, MS)
        if name in praat:
            assert_close([one[:2] for spans in praat[name].values() for one in spans], wanted, MS)
            assert praat[name]["speech speaker_0002"][0][2] == 'Grüß "Gott" & <welcome>, 世界'
            assert tiers["speech speaker_0002"][0][2] == 'Grüß "Gott" & <welcome>, 世界'
    counts = {name: {tier: len(spans) for tier, spans in tiers.items()} for name, tiers in elan.items()}
    assert read_by("elan_speach", exported.to("elan")) == counts
    marks = read_by("textgrid_textgrid", exported.to("textgrid"))
    assert marks == {name: counts[name] for name in praat}


def test_boris_finds_no_problem_and_every_state(exported: ExportedStore) -> None:
    found = read_by("boris", exported.to("boris"))
    assert found["integrity"] == ""
    assert set(found["observations"]) == set(exported.films)
    for name, observation in found["observations"].items():
        assert observation["check"] == [True, "No problem detected"]
        kinds = {"loudness", WORD, PERSON_DETECTION, FACE_DETECTION}
        states = [row for row in exported.films[name].rows if row.annotation_type not in kinds]
        assert len(observation["events"]) == 2 * len(states)
        times = [[float(event[0])] for event in observation["events"]]
        wanted = [[max(0.0, at or 0.0)] for row in states for at in (row.timestamp_seconds, row.end_seconds)]
        assert_close(times, wanted, MS)


def test_cvat_draws_every_box_again_and_ends_every_track(exported: ExportedStore) -> None:
    found = read_by("cvat_datumaro", exported.to("cvat"))
    assert set(found) == set(exported.pictured())
    for name, film in exported.pictured().items():
        tracks: dict[int, list[list[Any]]] = {}
        for frame, track, *rest in found[name]:
            tracks.setdefault(track, []).append([frame, *rest])
        drawn = [box for boxes in tracks.values() for box in drawn_boxes(boxes)]
        shown = {(frame, tuple(round(side) for side in box)) for frame, box in drawn}
        for row in film.of(PERSON_DETECTION, FACE_DETECTION):
            box = np.array(numbers_of(row)[2:])
            near = [
                np.abs(np.array(other) - box).max() for frame, other in drawn if frame == row.frame_number
            ]
            assert min(near) <= PX, (name, row)
        assert len(shown) > 0 or not film.rows
        for boxes in tracks.values():
            last = max(boxes)
            assert last[1] or last[0] + 5 >= film.video.frame_count, "a track ends outside"
        sampled = len(film.of(PERSON_DETECTION, FACE_DETECTION))
        assert len(found[name]) < sampled + 3 * len(tracks) or not sampled, "key frames are few"


def drawn_boxes(boxes: list[list[Any]]) -> Iterator[tuple[int, list[float]]]:
    """What CVAT shows of a track: straight lines between key frames, nothing after one that is outside."""
    ordered = sorted(boxes)
    for before, after in zip(ordered, [*ordered[1:], None], strict=True):
        if before[1]:
            continue
        stop = before[0] + 1 if after is None else after[0]
        for frame in range(before[0], stop):
            share = 0.0 if after is None or after[1] else (frame - before[0]) / (after[0] - before[0])
            end = before if after is None else after
            yield frame, [a + (b - a) * share for a, b in zip(before[2:], end[2:], strict=True)]


def test_fiftyone_imports_boxes_and_moments(exported: ExportedStore) -> None:
    found = read_by("fiftyone_eta", exported.to("fiftyone"))
    for name, film in exported.pictured().items():
        width, height = film.video.width, film.video.height
        boxes = [
            (frame - 1, left * width, top * height, (right - left) * width, (bottom - top) * height)
            for frame, _, _, left, top, right, bottom in found[name]
        ]
        rows = film.of(PERSON_DETECTION, FACE_DETECTION)
        wanted = [(round(25 * (row.timestamp_seconds or 0.0)), *numbers_of(row)[2:]) for row in rows]
        assert_close(boxes, wanted, PX)


def test_labelstudio_accepts_boxes_and_ranges(exported: ExportedStore) -> None:
    found = read_by("labelstudio", exported.to("labelstudio"))
    assert set(found) == set(exported.pictured())
    for name, task in found.items():
        film = exported.films[name]
        assert task["faults"] == []
        lasting = [
            row for row in film.rows if row.end_seconds is not None and row.annotation_type != "loudness"
        ]
        assert len(task["ranges"]) == len(lasting)
        labels = Counter(one["value"]["labels"][0] for one in task["boxes"])
        persons = 2 if film.video.width < 500 else 3  # a box in no track lies outside the narrow picture
        assert labels == ({"person": persons, "face": 1} if film.rows else {})
        for one in task["boxes"]:
            assert not one["value"]["sequence"][-1]["enabled"], "an appearance ends"
            frames = round(film.video.duration_s * 25)  # as Label Studio counts them, at a constant rate
            assert one["value"]["framesCount"] == frames
            assert all(1 <= step["frame"] <= frames for step in one["value"]["sequence"])
