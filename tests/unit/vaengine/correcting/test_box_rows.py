"""Rows that corrections make of rows: whole tracks, key points, where a track ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from schemas.annotations.annotation import FACE_DETECTION, PERSON_TRACK, Annotation, BBox
from schemas.pipelines import PERSON, of_human
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import Clip
from vaengine.correcting.box_rows import BoxResult, corrected_rows
from vaengine.correcting.edits import BoxEdit, BoxRedrawing, Stretch, TrackDeletion
from vaengine.timeline.presence import Presence, Sighting

CLIP = Clip()  # 100 frames, 25 a second
KEY = CLIP.key(PERSON)
WHO = "person_0001"


def start_s(frame: int) -> float:
    return frame / 25


def boxes(first: int, stop: int, step: int = 5) -> list[Annotation]:
    """A person whom a detector saw in every fifth frame, moving down."""
    return [
        replace(box, bbox=BBox(100.0, float(box.frame_number or 0), 50.0, 80.0))
        for frame in range(first, stop, step)
        for box in CLIP.boxes(KEY, frame, 1, WHO, per_frame=1)
    ]


def corrected(rows: Sequence[Annotation], *edits: BoxEdit) -> list[Annotation]:
    result = BoxResult("person", rows, Presence.of(rows, 5.0), start_s, start_s(CLIP.frames))
    return corrected_rows(result, edits)


def shown(rows: Sequence[Annotation]) -> list[int]:
    """The frames in which anybody is shown, beyond the last one too."""
    presence = Presence.of(rows, 5.0)
    return [frame for frame in range(CLIP.frames + 20) if presence.at(frame, start_s(frame))]


def test_a_track_to_the_end_of_the_video_can_be_deleted_whole() -> None:
    rows = [*boxes(0, 100), CLIP.track(KEY, WHO)]
    assert corrected(rows, TrackDeletion("person", WHO, Stretch(0, 100))) == []


def test_what_is_not_edited_is_shown_as_the_machine_shows_it_but_not_after_the_end() -> None:
    rows = boxes(10, 40) + boxes(80, 100)
    after = corrected(rows)
    assert shown(after) == shown(rows) == [*range(10, 40), *range(80, 100)]
    assert {row.pipeline for row in after} == {of_human(PERSON)}
    assert [row.attributes.get("segment", 0) for row in after] == [0] * 6 + [1] * 4


def test_between_two_samples_a_deletion_is_of_its_frames_alone() -> None:
    after = corrected(boxes(0, 30), TrackDeletion("person", WHO, Stretch(12, 14)))
    assert shown(after) == [*range(12), *range(14, 30)]
    computed = [row for row in after if row.attributes.get("interpolated")]
    assert [(row.frame_number, row.bbox) for row in computed] == [
        (11, BBox(100.0, 11.0, 50.0, 80.0)),
        (14, BBox(100.0, 14.0, 50.0, 80.0)),
    ]


def test_a_machines_boxes_keep_their_numbers_to_the_last_digit() -> None:
    rows = [replace(row, bbox=BBox(0.1 + 0.2, 1 / 3, 1e-3 / 7, 80.0)) for row in boxes(0, 10)]
    after = corrected(rows, BoxRedrawing("person", WHO, 5, BBox(1.0, 2.0, 3.0, 4.0)))
    assert [row.bbox for row in after] == [rows[0].bbox, BBox(1.0, 2.0, 3.0, 4.0)]


def test_a_missed_person_is_drawn_into_one_frame() -> None:
    after = corrected(boxes(0, 10), BoxRedrawing("person", WHO, 50, BBox(1.0, 2.0, 3.0, 4.0)))
    assert shown(after) == [*range(10), 50]


def test_landmarks_of_a_computed_face_lie_between_those_of_its_neighbours() -> None:
    faces = [Rows().face(frame, x=10.0 + 2 * frame) for frame in (0, 5)]
    result = BoxResult("face", faces, Presence.of(faces, 5.0, kind=FACE_DETECTION), start_s, 4.0)
    after = corrected_rows(result, [TrackDeletion("face", "face_0001", Stretch(2, 3))])
    points = {row.frame_number: row.attributes["landmarks"][0] for row in after}
    assert points[1] == pytest.approx([22.0, 30.0])
    assert points[3] == pytest.approx([26.0, 30.0])


def test_a_track_says_what_is_left_of_it() -> None:
    track = replace(CLIP.track(KEY, WHO), attributes={"boxes": 6, "frame_start": 0, "frame_end": 26})
    after = corrected([*boxes(0, 30), track], TrackDeletion("person", WHO, Stretch(0, 10)))
    [row] = [row for row in after if row.annotation_type == PERSON_TRACK]
    assert (row.timestamp_seconds, row.end_seconds, row.frame_number) == (0.4, 1.04, 10)
    assert row.attributes == {"boxes": 4, "frame_start": 10, "frame_end": 26}
    known = [one.confidence for one in map(Sighting.of, after[:-1]) if one.confidence]
    assert row.confidence == pytest.approx(sum(known) / len(known))
