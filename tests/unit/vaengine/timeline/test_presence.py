"""Boxes that people made: joined within a segment however far apart, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.annotations.annotation import Annotation, BBox
from schemas.pipelines import PERSON, of_human
from tests.support.stores.fake_videos import Clip
from vaengine.timeline.presence import Presence

CLIP = Clip()  # 25 frames a second
WHO = "person_0001"


def end_s(frame: int) -> float:
    return (frame + 1) / 25


def box(frame: int, segment: int = 0, until_s: float | None = None) -> Annotation:
    [made] = CLIP.boxes(CLIP.key(of_human(PERSON)), frame, 1, WHO, per_frame=1)
    told = {"segment": segment} if segment else {}
    told |= {} if until_s is None else {"shown_until_s": until_s}  # type: ignore[dict-item]
    return replace(made, bbox=BBox(float(frame), 0.0, 10.0, 10.0), attributes=told)


def shown(*boxes: Annotation) -> dict[int, float]:
    """The left edge in each frame in which the person is shown."""
    presence = Presence.of(boxes, 5.0, frame_end_s=end_s)
    found = ((frame, presence.at(frame, frame / 25)) for frame in range(100))
    return {frame: seen[0].xyxy[0] for frame, seen in found if seen}


def test_key_frames_far_apart_are_one_movement() -> None:
    assert shown(box(0), box(80)) == pytest.approx({frame: float(frame) for frame in range(81)})


def test_between_two_segments_nobody_is_there() -> None:
    assert list(shown(box(0), box(3), box(5, 1), box(8, 1))) == [0, 1, 2, 3, 5, 6, 7, 8]


def test_the_last_box_of_a_segment_is_shown_until_it_says_so() -> None:
    assert list(shown(box(0), box(3, until_s=6 / 25))) == [0, 1, 2, 3, 4, 5]
    assert Presence.of([box(0, until_s=0.1)]).runs() == {WHO: [(0.0, 0.1)]}


def test_boxes_of_the_machine_are_joined_by_its_sampling() -> None:
    of_machine = [replace(row, pipeline=PERSON) for row in (box(0), box(10), box(80))]
    assert list(shown(*of_machine)) == [*range(15), *range(80, 85)]
