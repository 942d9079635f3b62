"""What the persons and tracking benches say of boxes and speed is what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.cases import persons, tracking
from bench.cases.persons import BoxDifference, beginning, difference
from bench.harness.timing import Times
from bench.scoring.mot import AnnotatedPerson, accuracy

BOXES = [
    AnnotatedPerson(frame, f"box {frame}.{i}", (100.0 * i, 0.0, 100.0 * i + 20, 40.0))
    for frame in range(3)
    for i in range(2)
]


def moved(person: AnnotatedPerson, px: float) -> AnnotatedPerson:
    left, top, right, bottom = person.box
    return AnnotatedPerson(person.frame, person.who, (left, top + px, right, bottom + px / 2))


@settings(deadline=None)  # scipy is imported on the way
@given(st.permutations(BOXES), st.floats(-4, 4))
def test_boxes_find_their_partners_in_any_order_and_the_largest_move_counts(
    order: list[AnnotatedPerson], px: float
) -> None:
    shifted = [moved(person, px) if person == BOXES[3] else person for person in BOXES]
    found = difference(order, shifted)
    assert (found.engine, found.library, found.matched) == (6, 6, 6)
    assert found.boxes_px == pytest.approx(abs(px))


def test_boxes_of_other_frames_and_other_places_have_no_partner() -> None:
    elsewhere = AnnotatedPerson(0, "x", (500.0, 0.0, 520.0, 40.0))
    assert difference([BOXES[0], elsewhere], [BOXES[0], BOXES[5]]) == BoxDifference(
        engine=2, library=2, matched=1, boxes_px=0.0
    )


def test_two_boxes_never_share_a_partner() -> None:
    twice = [BOXES[0], AnnotatedPerson(0, "again", BOXES[0].box)]
    assert difference(twice, BOXES[:1]).matched == 1


def test_nothing_found_by_both_is_no_difference() -> None:
    assert difference([], []) == BoxDifference(0, 0, 0, 0.0)


@pytest.mark.shared
def test_the_beginning_of_a_clip_ends_before_a_keyframe_and_is_not_encoded_again(
    shared: Path, tmp_path: Path
) -> None:
    import av

    source = shared / "media" / "video" / persons.LONG.name
    with av.open(str(beginning(source, 9, tmp_path / "cut"))) as cut, av.open(str(source)) as whole:
        packets = [bytes(packet) for packet in cut.demux(video=0) if packet.size]
        originals = (bytes(packet) for packet in whole.demux(video=0))
        assert len(packets) == 160  # 16 s at 10 fps, a keyframe each 8 s
        assert all(packet == original for packet, original in zip(packets, originals, strict=False))


def test_the_report_tells_frames_a_second_from_seconds() -> None:
    times = {
        name: Times((20.0, 25.0, 50.0)).to_data()
        for name in (persons.WORKING, persons.AFTER_START, "ultralytics, batch 8")
    }
    race = {
        "frames": 1000,
        "times": times,
        "best_loop": "ultralytics, batch 8",
        "working_speed_over_best_loop": Times((0.8, 0.9)).to_data(),
        "speed_after_start_over_best_loop": Times((1.1, 1.3)).to_data(),
    }
    boxes = {"engine": 10, "library": 11, "matched": 9, "boxes_px": 0.01}
    text = persons.described(
        {"weights": "a.pt", "model": "yolo by onnx", "races": {"one clip": race}, "boxes": boxes}
    )
    assert "| one clip, 1000 frames | least fps | median fps | most fps |" in text
    assert "| ultralytics, batch 8 | 20.0 | 40.0 | 50.0 |" in text
    assert "To ultralytics, batch 8, round by round: 1.10 to 1.30 times as fast (median 1.20)" in text
    assert "0.0100 px; 1 and 2 have no partner" in text


def test_the_report_has_a_line_for_each_tracker() -> None:
    scores = {
        who: {**accuracy(BOXES, BOXES).to_data(), "tracks": 6}
        for who in ("ultralytics, bytetrack.yaml", "engine, yolo and bytetrack")
    }
    text = tracking.described({"people": 6, "boxes": 6, "frames": 3, "weights": "a.pt", "accuracy": scores})
    assert "| engine, yolo and bytetrack | 1.000 | 1.000 | 1.000 | 1.000 | 0 | 0 | 6 |" in text


def test_what_costs_less_is_told_beside_its_accuracy() -> None:
    own = accuracy(BOXES, BOXES).to_data()
    measured = {"people": 6, "boxes": 6, "frames": 3, "weights": "a.pt", "accuracy": {}}
    cheaper = {"640 pixels": {**own, "core_s": 0.08}, "320 pixels": {**own, "core_s": 0.02}}
    text = tracking.described({**measured, "cheaper": cheaper})
    assert "| 320 pixels | 1.000 | 1.000 | 1.000 | 1.000 | 0.25 |" in text
