"""Agreement of stretches of time: what lies over what, Cohen's kappa, and how far beginnings and ends differ.

Time is cut into steps of equal length. A step has a label where a stretch covers its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.media.frames import Floats

Span = tuple[float, float]  # [start, end) in seconds; equal for something that happens at one time
Steps = npt.NDArray[np.bool_]
MIN_OVERLAP: Final = 0.5  # intersection over union from which two stretches are of the same thing
WITHIN_S: Final = 1.0  # from one point in time to another that is the same


@dataclass(frozen=True, slots=True)
class StretchAgreement:
    """How stretches of `b` agree with those of `a`, which is taken as true.

    `start_error_s` and `end_error_s` are means of the distances between stretches that were matched,
    `start_shift_s` and `end_shift_s` means of B minus A. Values are None where there is nothing to divide
    by. Source of kappa: Cohen 1960.
    """

    count_a: int
    count_b: int
    matched: int
    both_s: float
    only_a_s: float
    only_b_s: float
    neither_s: float
    start_error_s: float | None = None
    end_error_s: float | None = None
    start_shift_s: float | None = None
    end_shift_s: float | None = None

    @property
    def precision(self) -> float | None:
        return self.matched / self.count_b if self.count_b else None

    @property
    def recall(self) -> float | None:
        return self.matched / self.count_a if self.count_a else None

    @property
    def agreement(self) -> float | None:
        """The share of the time in which both say the same."""
        total = self.total_s
        return (self.both_s + self.neither_s) / total if total else None

    @property
    def kappa(self) -> float | None:
        """Agreement beyond chance, 1 for all of it; None where only one label is ever used."""
        total = self.total_s
        if not total:
            return None
        a, b = (self.both_s + self.only_a_s) / total, (self.both_s + self.only_b_s) / total
        by_chance = a * b + (1 - a) * (1 - b)
        observed = (self.both_s + self.neither_s) / total
        return None if by_chance >= 1.0 else (observed - by_chance) / (1 - by_chance)

    @property
    def total_s(self) -> float:
        """All the time that was compared."""
        return self.both_s + self.only_a_s + self.only_b_s + self.neither_s

    def __add__(self, other: StretchAgreement) -> StretchAgreement:
        """The agreement in two videos; errors count by the pairs that they are of."""
        counts = self.count_a + other.count_a, self.count_b + other.count_b, self.matched + other.matched
        seconds = (
            getattr(self, name) + getattr(other, name)
            for name in ("both_s", "only_a_s", "only_b_s", "neither_s")
        )
        names = ("start_error_s", "end_error_s", "start_shift_s", "end_shift_s")
        means = (self._mean_with(other, name) for name in names)
        return StretchAgreement(*counts, *seconds, *means)

    def _mean_with(self, other: StretchAgreement, name: str) -> float | None:
        parts = [(getattr(one, name), one.matched) for one in (self, other)]
        known = [(value, weight) for value, weight in parts if value is not None and weight]
        return (
            sum(value * weight for value, weight in known) / sum(weight for _, weight in known)
            if known
            else None
        )


def agreement(a: Sequence[Span], b: Sequence[Span], duration_s: float, step_s: float) -> StretchAgreement:
    """The agreement of two lists of stretches of one video."""
    steps = max(1, round(duration_s / step_s))
    in_a, in_b = covered(a, steps, step_s), covered(b, steps, step_s)
    seconds = [
        float(np.count_nonzero(mask)) * step_s
        for mask in (in_a & in_b, in_a & ~in_b, ~in_a & in_b, ~in_a & ~in_b)
    ]
    pairs = matched(a, b)
    shifts: Floats = np.array([(b[j][0] - a[i][0], b[j][1] - a[i][1]) for i, j in pairs], np.float64)
    errors = [*np.abs(shifts).mean(0), *shifts.mean(0)] if pairs else [None] * 4
    means = (None if value is None else float(value) for value in errors)
    return StretchAgreement(len(a), len(b), len(pairs), *seconds, *means)


def covered(spans: Sequence[Span], steps: int, step_s: float) -> Steps:
    """Whether each step has its middle in any stretch; something of one moment covers the step it is in."""
    middles = (np.arange(steps) + 0.5) * step_s
    mask = np.zeros(steps, bool)
    for start, end in spans:
        if end > start:
            mask[np.searchsorted(middles, start) : np.searchsorted(middles, end)] = True
        elif 0 <= start < steps * step_s:
            mask[int(start / step_s)] = True
    return mask


def matched(a: Sequence[Span], b: Sequence[Span]) -> list[tuple[int, int]]:
    """Pairs of stretches that overlap by at least half of their union, each in one pair at most.

    Points in time pair where they are at most a second apart.
    """
    if not a or not b:
        return []
    from scipy.optimize import linear_sum_assignment

    scores = np.array([[_score(one, other) for other in b] for one in a])
    enough = scores >= MIN_OVERLAP
    rows, columns = linear_sum_assignment(-(enough * (1.0 + scores / len(a))))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if enough[i, j]]


def _score(one: Span, other: Span) -> float:
    if one[0] == one[1] or other[0] == other[1]:
        apart_s = abs(one[0] - other[0])
        return 1.0 - 0.5 * apart_s / WITHIN_S if apart_s <= WITHIN_S else 0.0
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, shared) / (max(one[1], other[1]) - min(one[0], other[0]))
