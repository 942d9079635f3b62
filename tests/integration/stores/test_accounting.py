"""Keeping account of ten times the jobs costs about ten times as much, and is no bottleneck."""

from __future__ import annotations

import pytest

from bench.cases import coordinator


@pytest.mark.long
def test_an_event_costs_the_same_however_many_jobs_there_are_and_thousands_a_second_are_written_down() -> (
    None
):
    measured = coordinator.measure(1)
    assert measured["many_over_few"] <= 12
    assert measured["events"]["10000"] / measured["cpu_s"]["10000"] >= 1_000
