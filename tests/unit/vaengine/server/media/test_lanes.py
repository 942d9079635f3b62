"""Lanes as a page draws them."""

from hypothesis import given
from hypothesis import strategies as st

from vaengine.server.media.lanes import Lane, merged_bars
from vaengine.timeline.lanes import Bar


def _bars(*edges: tuple[float, float]) -> list[Bar]:
    return [Bar(start, end, "person_0001", "P1", "#E69F00") for start, end in edges]


def test_bars_narrower_than_a_pixel_are_one_bar_that_says_how_many_it_stands_for() -> None:
    [merged] = merged_bars(_bars((0.0, 0.1), (0.3, 0.4), (0.9, 1.0)), pixel_s=1.0)
    assert (merged.start_s, merged.end_s, merged.name, merged.colour) == (0.0, 1.0, "3 intervals", "#E69F00")


def test_bars_of_a_pixel_and_more_stay_themselves_even_where_they_touch() -> None:
    bars = _bars((0.0, 2.0), (2.0, 4.0), (4.0, 4.1))
    assert list(merged_bars(bars, pixel_s=1.0)) == bars


def test_a_lane_keeps_to_what_is_in_view_and_bars_keep_their_own_edges() -> None:
    lane = Lane("person", "person_0001", "P1", None, tuple(_bars((0.0, 4.0), (5.0, 9.0), (12.0, 14.0))))
    assert [(bar.start_s, bar.end_s) for bar in lane.within(3.0, 10.0, 100).bars] == [(0.0, 4.0), (5.0, 9.0)]


def test_the_next_interval_begins_from_a_time_on_and_the_one_before_it_begins_earlier() -> None:
    lane = Lane("word", "word", "Words", None, tuple(_bars((0.0, 0.2), (0.3, 0.9), (0.5, 0.6), (2.0, 2.1))))
    starts = {time_s: (lane.previous_bar(time_s), lane.next_bar(time_s)) for time_s in (0.0, 0.3, 0.4, 3.0)}
    assert {
        time_s: tuple(bar.start_s if bar else None for bar in both) for time_s, both in starts.items()
    } == {0.0: (None, 0.0), 0.3: (0.0, 0.3), 0.4: (0.3, 0.5), 3.0: (2.0, None)}


def test_a_lane_of_somebody_has_their_name_and_no_other_lane_has() -> None:
    bars = tuple(_bars((0.0, 1.0)))
    names = {"person_0001": "Anna", "laughter": "Anna"}
    assert Lane("person", "person_0001", "P1", None, bars).named(names).title == "Anna"
    assert Lane("person", "person_0002", "P2", None, bars).named(names).title == "P2"
    assert Lane("sound", "laughter", "Laughter", None, bars).named(names).title == "Laughter"


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 3)), max_size=200), st.integers(1, 200))
def test_a_lane_never_has_many_more_bars_than_pixels_and_covers_the_same_edges(
    given_bars: list[tuple[float, float]], pixels: int
) -> None:
    bars = _bars(*sorted((start, start + length) for start, length in given_bars))
    lane = Lane("person", "person_0001", "P1", None, tuple(bars))
    shown = lane.within(-1.0, 1004.0, pixels).bars
    pixel_s = 1005.0 / pixels
    narrow = [bar for bar in shown if bar.end_s - bar.start_s < pixel_s]
    assert len(shown) <= len(bars)
    assert len(narrow) <= 2 * pixels + 2 or len(bars) > len(narrow)
    if bars:
        assert shown[0].start_s == bars[0].start_s
        assert max(bar.end_s for bar in shown) == max(bar.end_s for bar in bars)
