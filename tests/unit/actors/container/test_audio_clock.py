"""A clock that starts anew: pictures and sound stay together, and neither goes back."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.container.audio_clock import ClockWatch, on_one_clock

PICTURE_S, SOUND_S = Fraction(1, 25), Fraction(1, 50)
WRAP = 2**33
Part = tuple[float, float]  # when its clock begins, how long it lasts


def watched(
    parts: list[Part], *, silent: frozenset[int] = frozenset(), dark: frozenset[int] = frozenset()
) -> ClockWatch:
    """Sound beside pictures of parts that follow on each other in a file, in ticks of 90 kHz; `silent`
    parts have no sound, `dark` none.
    """
    pictures = ClockWatch(Fraction(1, 90_000))
    sound = ClockWatch(Fraction(1, 90_000), pictures)
    for number, (begins_s, lasts_s) in enumerate(parts):
        events = [] if number in silent else stream(sound, begins_s, lasts_s, SOUND_S)
        events += [] if number in dark else stream(pictures, begins_s, lasts_s, PICTURE_S)
        for _, _, watch, at, end in sorted(events, key=lambda event: event[:2]):
            watch.note(at, end)
    return sound


def stream(
    watch: ClockWatch, begins_s: float, lasts_s: float, step_s: Fraction
) -> list[tuple[int, int, ClockWatch, int, int]]:
    step, begin = round(step_s * 90_000), round(begins_s * 90_000)
    ats = [begin + step * n for n in range(round(lasts_s / step_s))]
    return [(at, id(watch), watch, at, at + step) for at in ats]


def begin_s(watch: ClockWatch) -> list[float]:
    return [
        float((epoch.first + shift) * watch.time_base)
        for epoch, shift in zip(watch.segments, watch.shifts(), strict=True)
    ]


def test_joined_recordings_go_on_where_the_pictures_ended() -> None:
    assert begin_s(watched([(1.4, 2.0), (1.4, 3.0), (1.4, 1.0)])) == pytest.approx([1.4, 3.4, 6.4])


def test_a_part_without_sound_is_a_pause_in_it() -> None:
    assert begin_s(watched([(1.4, 2.0), (1.4, 3.0), (1.4, 1.0)], silent=frozenset({1}))) == pytest.approx(
        [1.4, 6.4]
    )


def test_sound_that_begins_with_a_later_part_is_moved_as_its_pictures_are() -> None:
    assert begin_s(watched([(1.4, 2.0), (1.4, 3.0)], silent=frozenset({0}))) == pytest.approx([3.4])


def test_sound_whose_clock_starts_anew_alone_goes_on_where_it_ended() -> None:
    pictures = ClockWatch(Fraction(1, 1000))
    sound = ClockWatch(Fraction(1, 1000), pictures)
    for number in range(500):  # 10 s
        if number % 2 == 0:
            pictures.note(number * 20, number * 20 + 40)
        at = number * 20 - (0 if number < 300 else 6000)
        sound.note(at, at + 20)
    assert begin_s(sound) == [0.0, 6.0]


def test_a_counter_that_wraps_goes_on() -> None:
    before_s = 5.0
    assert begin_s(watched([(WRAP / 90_000 - before_s, before_s), (0.0, 4.0)])) == pytest.approx(
        [WRAP / 90_000 - before_s, WRAP / 90_000]
    )


def test_a_leap_of_half_the_counter_is_no_hole_and_a_shorter_one_is() -> None:
    assert begin_s(watched([(1.4, 2.0), (1.4 + WRAP / 90_000, 2.0)])) == pytest.approx([1.4, 3.4])
    assert begin_s(watched([(1.4, 2.0), (68.4, 2.0)])) == pytest.approx([1.4, 68.4])


@pytest.mark.parametrize("stray_s", [7_000.0, 60_000.0, -1.0])
def test_one_damaged_time_moves_nothing_behind_it(stray_s: float) -> None:
    watch = ClockWatch(Fraction(1, 1000))
    for number in range(100):
        at = 2000 + number * 20 if number != 50 else round(stray_s * 1000)
        watch.note(at, at + 20)
    assert [epoch.first + shift for epoch, shift in zip(watch.segments, watch.shifts(), strict=True)] == [
        2000,
        3000,
        3020,
    ]


def test_an_overlap_of_a_few_packets_is_no_new_clock() -> None:
    watch = ClockWatch(Fraction(1, 1000))
    for at in (0, 20, 40, 60, 40, 60, 80):
        watch.note(at, at + 20)
    assert watch.restarts(watch.shifts()) == ()


parts = st.lists(st.tuples(st.floats(0.2, 40_000), st.floats(1.0, 2.0)), min_size=1, max_size=4)


@given(parts)
def test_sound_stays_beside_its_pictures_however_often_the_clock_starts_anew(given_parts: list[Part]) -> None:
    sound = watched(given_parts)
    assert sound.pictures is not None
    seen, heard = begin_s(sound.pictures), begin_s(sound)
    assert len(seen) == len(heard)
    assert heard == pytest.approx(seen, abs=0.03)
    assert all(after > before for before, after in pairwise(heard))


class Packet:
    def __init__(self, pts: int | None) -> None:
        self.pts = pts


def test_packets_are_moved_from_the_one_on_that_starts_anew() -> None:
    packets = [Packet(pts) for pts in (0, 10, 0, None, 20)]
    assert [packet.pts for packet in on_one_clock(packets, ((2, 20),))] == [0, 10, 20, None, 40]
    assert [packet.pts for packet in on_one_clock([Packet(5)], ())] == [5]
