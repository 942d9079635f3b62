"""Laws of edits of a track: what a person did not touch is shown as it was, in every frame."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.annotations.annotation import BBox
from schemas.errors import UsageError
from vaengine.correcting.edits import Stretch
from vaengine.correcting.track import BoxTrack, TrackBox
from vaengine.timeline.presence import Corners, Sighting

FPS, END = 25.0, 40  # frames of the video


def start_s(frame: int) -> float:
    return frame / FPS


def box(frame: int, segment: int, until: int | None = None, x: float = 0.0) -> TrackBox:
    sighting = Sighting(frame, start_s(frame), "person_0001", (x, 5.0, x + 10.0 + frame, 45.0), 0.9)
    return TrackBox(sighting, frame, segment, None if until is None else start_s(until))


@st.composite
def tracks(draw: st.DrawFn) -> BoxTrack:
    """Segments of boxes some frames apart, each with a last box that stays for some frames."""
    boxes: list[TrackBox] = []
    frame = draw(st.integers(0, 6))
    for segment in range(draw(st.integers(1, 3))):
        own = []
        for _ in range(draw(st.integers(1, 4))):
            own.append((frame, draw(st.floats(0, 200))))
            frame += draw(st.integers(1, 5))
        until = draw(st.integers(own[-1][0] + 1, frame + 3))
        boxes += [box(at, segment, until if (at, x) == own[-1] else None, x) for at, x in own]
        frame = until + draw(st.integers(0, 4))
    return BoxTrack(tuple(boxes), start_s)


stretches = st.tuples(st.integers(0, END - 1), st.integers(1, 20)).map(lambda a: Stretch(a[0], a[0] + a[1]))


def shown(track: BoxTrack, frame: int) -> Corners | None:
    found = track.at(frame)
    return found.sighting.xyxy if found else None


def outside(stretch: Stretch) -> Sequence[int]:
    return [frame for frame in range(3 * END) if not stretch.first <= frame < stretch.stop]


def same(before: BoxTrack, after: BoxTrack, frames: Sequence[int]) -> None:
    for frame in frames:
        one, other = shown(before, frame), shown(after, frame)
        assert (one is None) == (other is None), frame
        assert one is None or other == pytest.approx(one), frame


@given(tracks(), stretches)
def test_a_deletion_leaves_nothing_in_its_frames_and_all_others_as_they_were(
    track: BoxTrack, stretch: Stretch
) -> None:
    after = track.deleted(stretch)
    assert [shown(after, frame) for frame in range(stretch.first, stretch.stop)].count(None) == (
        stretch.stop - stretch.first
    )
    same(track, after, outside(stretch))
    was_there = any(shown(track, frame) for frame in range(stretch.first, stretch.stop))
    assert track.is_shown_in(stretch) == was_there


@given(tracks(), stretches, st.data())
def test_a_stretch_is_moved_as_its_drawn_box_is_and_the_rest_stays(
    track: BoxTrack, stretch: Stretch, data: st.DataObject
) -> None:
    frames = [frame for frame in range(stretch.first, stretch.stop) if shown(track, frame)]
    if not frames:
        return
    frame = data.draw(st.sampled_from(frames))
    found = track.at(frame)
    assert found is not None
    old = found.bbox
    after = track.reshaped(frame, BBox(old.x + old.width / 2, old.y, old.width / 2, old.height), stretch)
    same(track, after, outside(stretch))
    for each in frames:  # all lose their left half
        left, top, right, bottom = shown(track, each) or (0.0, 0.0, 0.0, 0.0)
        assert shown(after, each) == pytest.approx(((left + right) / 2, top, right, bottom))


@given(tracks(), st.integers(0, END), st.floats(0, 100))
def test_a_drawn_box_is_shown_in_its_frame_and_others_are_there_as_before(
    track: BoxTrack, frame: int, x: float
) -> None:
    after = track.redrawn(frame, BBox(x, 1.0, 2.0, 3.0))
    assert shown(after, frame) == (x, 1.0, x + 2.0, 4.0)
    stored = {one.frame: one.sighting.xyxy for one in track.boxes if one.frame != frame}
    assert {at: shown(after, at) for at in stored} == stored
    others = [at for at in range(3 * END) if at != frame]
    assert [shown(after, at) is None for at in others] == [shown(track, at) is None for at in others]


def test_between_a_drawn_box_and_its_neighbours_boxes_move_in_a_straight_line() -> None:
    track = BoxTrack((box(0, 0, x=0.0), box(10, 0, until=12, x=10.0)), start_s)
    after = track.redrawn(5, BBox(105.0, 5.0, 10.0, 40.0))
    lefts = [corners[0] for frame in (0, 4, 5, 6, 10) if (corners := shown(after, frame))]
    assert lefts == pytest.approx([0.0, 84.0, 105.0, 86.0, 10.0])


def test_what_is_drawn_has_no_confidence_of_a_model() -> None:
    drawn = BoxTrack((box(0, 0, until=5),), start_s).redrawn(2, BBox(1.0, 1.0, 1.0, 1.0)).at(2)
    assert drawn is not None
    assert (drawn.is_drawn, drawn.sighting.confidence) == (True, None)


def test_a_stretch_needs_a_box_in_the_frame_that_is_drawn() -> None:
    with pytest.raises(UsageError, match="nothing is shown in frame 30"):
        BoxTrack((box(0, 0, until=5),), start_s).reshaped(30, BBox(0, 0, 1, 1), Stretch(0, 31))
    with pytest.raises(UsageError, match="no frame lies in"):
        Stretch(5, 5)
