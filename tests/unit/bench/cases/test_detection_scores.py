"""What the detection bench says of boxes with and without tracks."""

from __future__ import annotations

import pytest

from bench.cases.detection import alone, described, detected
from bench.harness.timing import Times
from bench.scoring.mot import AnnotatedPerson, accuracy
from schemas.annotations.annotation import PERSON_DETECTION, Annotation, BBox, annotation_id
from schemas.pipelines import PERSON


def row(frame: int, ordinal: int, left: float, confidence: float, track: str | None = None) -> Annotation:
    return Annotation(
        annotation_id=annotation_id("clip-00000000", PERSON, "0" * 16, PERSON_DETECTION, frame, ordinal),
        video_id="clip-00000000",
        pipeline=PERSON,
        config_hash="0" * 16,
        annotation_type=PERSON_DETECTION,
        timestamp_seconds=frame / 25,
        frame_number=frame,
        person_id=track,
        confidence=confidence,
        bbox=BBox(left, 0.0, 10.0, 20.0),
    )


TRUTH = [AnnotatedPerson(frame, "a", (0.0, 0.0, 10.0, 20.0)) for frame in range(4)]


def test_boxes_weaker_than_asked_are_left_out():
    rows = [row(0, 0, 0.0, 0.5), row(0, 1, 50.0, 0.49)]
    assert [person.box[0] for person in alone(rows, 0.5)] == [0.0]


def test_boxes_without_tracks_are_judged_one_by_one():
    rows = [
        row(0, 0, 0.0, 0.9),
        row(1, 0, 0.0, 0.9, "person_0001"),
        row(1, 1, 0.0, 0.9, "person_0001"),
        row(2, 0, 90.0, 0.9),
    ]
    data = detected(accuracy(TRUTH, alone(rows, 0.5)))
    assert data == {"precision": 0.5, "recall": 0.5, "f1": 0.5}


def test_the_table_leaves_out_what_cannot_be_said_of_boxes_without_tracks():
    scores = {
        "boxes of tracks": accuracy(TRUTH, TRUTH).to_data(),
        "confidence 0.5 and more": detected(accuracy(TRUTH, TRUTH)),
    }
    text = described(
        {"people": 1, "boxes": 4, "tracks": 1, "accuracy": scores, "picture_seconds": Times((0.1,)).to_data()}
    )
    assert "| boxes of tracks | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 0 |" in text
    assert "| confidence 0.5 and more | 1.00 | 1.00 | 1.00 |  |  |  |" in text


def test_a_row_without_a_box_is_refused():
    from dataclasses import replace

    from bench.scoring.mot import as_person

    with pytest.raises(ValueError, match="no box in a frame"):
        as_person(replace(row(0, 0, 0.0, 0.9), bbox=None))
