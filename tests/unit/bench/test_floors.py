"""A floor tells a loss of speed, and no disturbance of the machine."""

from __future__ import annotations

from collections.abc import Iterable

from bench.floors import Floor, missed


def floor(least: float, ratios: Iterable[float]) -> Floor:
    taken = iter(ratios)
    return Floor("as in a test", least, lambda: next(taken))


def test_a_ratio_above_its_floor_is_measured_once() -> None:
    assert floor(0.5, [0.6]).measured() == 0.6


def test_a_disturbed_ratio_is_measured_once_more() -> None:
    assert floor(0.5, [0.3, 0.6]).measured() == 0.6


def test_of_two_ratios_that_are_too_low_the_better_is_told() -> None:
    assert floor(0.5, [0.3, 0.2]).measured() == 0.3


def test_only_floors_that_are_missed_are_named_and_every_ratio_is_told() -> None:
    told: list[str] = []
    floors = {"scenes": floor(0.5, [0.5]), "speech": floor(0.7, [0.1, 0.2])}
    assert missed(floors, told.append) == ["speech"]
    assert told == [
        "scenes, as in a test: 0.50, at least 0.5",
        "speech, as in a test: 0.20, at least 0.7",
    ]
