"""Whether a trained detector takes the place of the one that training began with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.work.training import Evaluation, TrainingOutcome

MIN_GAIN: Final = 0.001  # of mAP50-95: less is what another order of sums gives
MAX_LOSS: Final = 0.01  # of mAP50: one person in a hundred, which is chance on a small set


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the trained detector is better on the held-out pictures, and why or why not."""

    is_better: bool
    reason: str


def decide(outcome: TrainingOutcome) -> Decision:
    """Better is a higher mAP50-95 without a loss of mAP50."""
    before, after = outcome.before, outcome.after
    if after.map50_95 - before.map50_95 < MIN_GAIN:
        return Decision(False, f"mAP50-95 {_change(before.map50_95, after.map50_95)}")
    if before.map50 - after.map50 > MAX_LOSS:
        return Decision(False, f"mAP50 {_change(before.map50, after.map50)}, though {_both(before, after)}")
    return Decision(True, _both(before, after))


def _both(before: Evaluation, after: Evaluation) -> str:
    return f"mAP50-95 {_change(before.map50_95, after.map50_95)}, mAP50 {_change(before.map50, after.map50)}"


def _change(before: float, after: float) -> str:
    return f"{before:.3f} -> {after:.3f}"
