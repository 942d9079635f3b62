"""New weights take the place of the old ones only where they are better."""

from __future__ import annotations

import pytest

from schemas.work.training import Evaluation, TrainingOutcome
from vaengine.training.detector.decision import decide


def outcome(before: tuple[float, float], after: tuple[float, float]) -> TrainingOutcome:
    figures = [Evaluation(map50, map50_95, 0.9, 0.9) for map50, map50_95 in (before, after)]
    return TrainingOutcome(figures[0], figures[1], 3, 2, 0, 81)


@pytest.mark.parametrize(
    ("before", "after", "is_better"),
    [
        ((0.943, 0.392), (0.957, 0.414), True),
        ((0.943, 0.392), (0.940, 0.414), True),  # boxes that fit better
        ((0.943, 0.392), (0.943, 0.392), False),
        ((0.943, 0.392), (0.957, 0.3925), False),  # noise
        ((0.943, 0.392), (0.900, 0.414), False),  # people who are missed
        ((0.943, 0.392), (0.0, 0.0), False),
    ],
)
def test_better_is_a_higher_map50_95_without_a_loss_of_map50(
    before: tuple[float, float], after: tuple[float, float], is_better: bool
) -> None:
    found = decide(outcome(before, after))
    assert found.is_better is is_better
    assert f"{before[1]:.3f} -> {after[1]:.3f}" in found.reason


def test_an_outcome_is_the_same_after_json() -> None:
    from dataclasses import asdict

    found = outcome((0.9, 0.4), (0.95, 0.5))
    assert TrainingOutcome.of(asdict(found)) == found
