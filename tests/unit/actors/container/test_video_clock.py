"""A clock that starts anew on the way becomes one that never goes back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from actors.container.video_clock import NO_TIME, ClockSegment, PictureClock, offsets_of, segment_numbers


def numbers(*dts: int) -> list[int]:
    return segment_numbers(np.array(dts, np.int64)).tolist()


def test_a_time_of_decoding_that_goes_back_begins_a_stretch() -> None:
    assert numbers(0, 1, 2, 0, 1, 2, 3, 1) == [0, 0, 0, 1, 1, 1, 1, 2]


def test_one_damaged_time_begins_nothing() -> None:
    assert numbers(0, 1, 900, 2, 3) == [0] * 5
    assert numbers(500, 501, 502, 7, 503, 504) == [0] * 6
    assert numbers(500, 501, NO_TIME, 7, NO_TIME, 503, 0, 1, 2) == [0] * 6 + [1] * 3


@given(st.integers(3, 40), st.integers(-1000, 1000), st.data())
def test_one_damaged_time_begins_nothing_wherever_it_is_and_whatever_it_says(
    count: int, damaged: int, data: st.DataObject
) -> None:
    dts = list(range(count))
    dts[data.draw(st.integers(1, count - 2))] = damaged
    assert numbers(*dts) == [0] * count


@given(st.lists(st.integers(3, 30), min_size=1, max_size=5), st.integers(-1000, 1000))
def test_each_of_joined_parts_is_a_stretch_however_short_it_is(lengths: list[int], begin: int) -> None:
    dts = [begin + at for length in lengths for at in range(length)]
    assert numbers(*dts) == [number for number, length in enumerate(lengths) for _ in range(length)]


def test_packets_without_a_time_are_of_the_stretch_they_are_in() -> None:
    assert numbers(NO_TIME, 1, 2, NO_TIME, 0, NO_TIME, 1) == [0, 0, 0, 0, 1, 1, 1]


@given(st.lists(st.tuples(st.integers(-500, 500), st.integers(1, 500)), min_size=1, max_size=6))
def test_each_stretch_begins_where_the_one_before_ends(spans: list[tuple[int, int]]) -> None:
    stretches = [ClockSegment(Fraction(start, 90), Fraction(start + length, 90)) for start, length in spans]
    ends = [stretch.end + offset for stretch, offset in zip(stretches, offsets_of(stretches), strict=True)]
    starts = [
        stretch.start + offset for stretch, offset in zip(stretches, offsets_of(stretches), strict=True)
    ]
    assert starts[0] == stretches[0].start
    assert starts[1:] == ends[:-1]


def test_pictures_go_on_where_the_clock_starts_anew() -> None:
    clock = PictureClock(1000, 10)
    assert [clock.time_of(pts) for pts in (1000, 1010, 1020, 900, 910, 920)] == [
        1000,
        1010,
        1020,
        1030,
        1040,
        1050,
    ]


def test_a_time_that_is_not_told_is_a_step_after_the_one_before_and_never_drifts() -> None:
    clock = PictureClock(0, 10)
    assert [clock.time_of(pts) for pts in (0, None, 19, None, 38, None, 57)] == [0, 10, 19, 29, 38, 48, 57]


@given(
    st.lists(st.one_of(st.none(), st.integers(-500, 500)), max_size=60), st.integers(1, 20), st.integers(1, 8)
)
def test_times_of_pictures_always_increase(told: list[int | None], step: int, scale: int) -> None:
    clock = PictureClock(0, step, scale)
    assert all(np.diff([clock.time_of(pts) for pts in told]) > 0)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(4, 9))
def test_pictures_of_one_tick_stay_within_it(steps: list[int], scale: int) -> None:
    ticks = np.cumsum(steps).tolist()
    if max(ticks.count(tick) for tick in ticks) > scale:
        return
    clock = PictureClock(0, 1, scale)
    assert [clock.time_of(tick) // scale for tick in ticks] == ticks
