"""Lanes of a timeline: laws of packing, clipping and joining bars, and what a bar says."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stores.fake_rows import Rows
from vaengine.timeline.lanes import (
    Bar,
    Track,
    clip_bars,
    clip_tracks,
    joined,
    pack,
    pack_tracks,
    spaced,
    tracks_by_name,
)
from vaengine.timeline.video_timeline import VideoTimeline

ROWS = Rows()

times = st.integers(0, 50).map(float)
spans = st.tuples(times, st.integers(1, 20))
bars = st.lists(spans.map(lambda span: Bar(span[0], span[0] + span[1], "a")), max_size=20)


def tracks_of(some: list[Bar]) -> list[Track]:
    """One track of one bar for each, with names that count."""
    return [Track(f"person_{n:04d}", (bar,)) for n, bar in enumerate(some, 1)]


def most_at_once(some: list[Bar]) -> int:
    return max((sum(bar.start_s <= one.start_s < bar.end_s for bar in some) for one in some), default=0)


def overlaps(lane: tuple[Bar, ...] | tuple[Track, ...]) -> bool:
    return any(a.start_s < b.end_s and b.start_s < a.end_s for a, b in combinations(lane, 2))


@given(bars)
def test_packing_needs_as_few_lanes_as_there_are_items_at_once_and_none_overlap(some: list[Bar]) -> None:
    packing = pack(some)
    assert len(packing.lanes) == most_at_once(some)
    assert not packing.is_crowded
    assert not any(overlaps(lane) for lane in packing.lanes)


@given(bars, st.integers(1, 6))
def test_every_item_has_exactly_one_of_at_most_so_many_lanes(some: list[Bar], most: int) -> None:
    packing = pack(some, most)
    packed = [bar.start_s for lane in packing.lanes for bar in lane]
    assert sorted(packed) == sorted(bar.start_s for bar in some)
    assert len(packing.lanes) <= most
    assert packing.is_crowded == any(overlaps(lane) for lane in packing.lanes) == (most_at_once(some) > most)


@given(bars, st.floats(0, 9))
def test_an_item_keeps_its_lane_for_the_least_length_of_a_bar(some: list[Bar], least_s: float) -> None:
    for lane in pack(some, min_length_s=least_s).lanes:
        assert all(max(a.end_s, a.start_s + least_s) <= b.start_s for a, b in pairwise(lane))


def test_items_that_start_together_keep_their_order() -> None:
    some = [Bar(0.0, 2.0, "b"), Bar(0.0, 1.0, "a"), Bar(0.0, 3.0, "c")]
    assert [bar.name for lane in pack(some).lanes for bar in lane] == ["b", "a", "c"]


@given(bars)
def test_tracks_have_a_lane_each_where_there_is_room_and_share_lanes_where_there_is_not(
    some: list[Bar],
) -> None:
    tracks = tracks_of(some)
    alone, shared = pack_tracks(tracks, max(1, len(tracks))), pack_tracks(tracks, max(1, most_at_once(some)))
    assert all(len(lane) == 1 for lane in alone.lanes)
    assert sorted(track.name for lane in shared.lanes for track in lane) == [track.name for track in tracks]
    assert not shared.is_crowded


def test_a_stretch_of_the_timeline_holds_only_what_lies_in_it() -> None:
    come_back, gone = (Bar(0.0, 2.0, "a"), Bar(5.0, 6.0, "a")), (Bar(8.0, 9.0, "b"),)
    (clipped,) = clip_tracks([Track("a", come_back), Track("b", gone)], 1.0, 6.0)
    assert [(bar.start_s, bar.end_s) for bar in clipped.bars] == [(1.0, 2.0), (5.0, 6.0)]
    assert clip_bars(gone, 0.0, 8.0) == ()


def test_a_track_without_a_bar_is_refused() -> None:
    with pytest.raises(ValueError, match="no bar"):
        Track("person_0001", ())


def test_bars_of_one_name_are_one_track_in_the_order_of_first_appearance() -> None:
    music, laughter, again = Bar(0.0, 1.0, "Music"), Bar(0.5, 1.0, "Laughter"), Bar(3.0, 4.0, "Music")
    assert tracks_by_name([music, laughter, again]) == (
        Track("Music", (music, again)),
        Track("Laughter", (laughter,)),
    )


@given(bars, st.floats(0, 9))
def test_spaced_bars_start_far_enough_apart_and_the_first_is_kept(some: list[Bar], gap_s: float) -> None:
    ordered = sorted(some, key=lambda bar: bar.start_s)
    kept = list(spaced(ordered, gap_s))
    assert kept[:1] == ordered[:1]
    assert all(b.start_s - a.start_s >= gap_s for a, b in pairwise(kept))


@given(bars, st.floats(0, 9))
def test_joined_bars_cover_all_and_count_all_boxes(some: list[Bar], gap_s: float) -> None:
    ordered = [replace(bar, detections=2) for bar in sorted(some, key=lambda bar: bar.start_s)]
    whole = joined(ordered, gap_s)
    assert sum(bar.detections or 0 for bar in whole) == 2 * len(ordered)
    assert all(any(one.start_s <= bar.start_s and bar.end_s <= one.end_s for one in whole) for bar in ordered)


def test_a_bar_says_its_times_and_what_is_known_of_it() -> None:
    assert Bar(0.0, 1.5, "person_0001", detections=1).title == "person_0001: 0.00 to 1.50 s, 1 detection"
    assert Bar(0.0, 1.5, "Music", confidence=0.5).title == "Music: 0.00 to 1.50 s, 0.50"
    said = Bar(0.0, 1.5, "speech", text="Speaker 1: Good morning.")
    assert said.title == "Speaker 1: Good morning. (0.00 to 1.50 s)"


def test_a_timeline_has_tracks_with_labels_colours_and_a_bar_for_each_appearance() -> None:
    faces = [ROWS.face(n, "face_0003") for n in (*range(0, 30, 5), *range(70, 100, 5))]
    (track,) = VideoTimeline.of_rows(faces, face_fps=5).face_tracks
    assert (track.name, track.label) == ("face_0003", "F3")
    assert [(bar.start_s, round(bar.end_s, 6), bar.detections) for bar in track.bars] == [
        (0.0, 1.2, 6),
        (2.8, 4.0, 6),
    ]
    assert {bar.colour for bar in track.bars} == {VideoTimeline.of_rows(faces).colours.of("face_0003")}


def test_faces_that_nothing_tells_apart_are_one_track_of_nobodys_colour() -> None:
    timeline = VideoTimeline.of_rows([ROWS.face(n, None) for n in range(0, 50, 5)], face_fps=5)
    assert timeline.known_face_tracks == ()
    (track,) = timeline.face_tracks
    assert [(bar.name, bar.colour, bar.start_s, bar.end_s) for bar in track.bars] == [("", None, 0.0, 2.0)]
