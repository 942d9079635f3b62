"""Which of many looks or voices are one person's: average-linkage clustering by cosine similarity, with pairs that are kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from schemas.frames import Floats, Floats32, Ints

BLOCK: Final = 400  # vectors that are grouped at once; more are folded in, block by block


def grouped(
    vectors: Floats32 | Sequence[Floats32], *, least: float, weights: Floats | None = None, apart: Iterable[tuple[int, int]] = ()
) -> Ints:
    """Group of each of N unit vectors (N x D float32), counted from 0 by first appearance.

    The two groups with the highest mean cosine over all pairs of members are merged while it is at least `least`; `weights` count members
    that are means themselves, and no group holds a pair of `apart`. Of equal ones the first are merged. Source: unweighted average linkage
    (Sokal and Michener 1958) with cannot-link constraints (Davidson and Ravi 2005); the mean cosine of two groups is the product of their
    mean vectors.
    """
    points = np.asarray(vectors, np.float64)
    sums = points * (np.ones(len(points)) if weights is None else np.asarray(weights, np.float64))[:, None]
    mass = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)
    foes: list[set[int]] = [set() for _ in points]
    for one, other in apart:
        foes[one].add(other)
        foes[other].add(one)
    groups: list[list[int]] = []
    for first in range(0, len(points), BLOCK):
        fresh = [[i] for i in range(first, min(len(points), first + BLOCK))]
        groups = _merged(groups + fresh, sums, mass, foes, least)
    labels = np.zeros(len(points), np.int64)
    for label, members in enumerate(sorted(groups, key=min)):
        labels[members] = label
    return labels


def _merged(groups: list[list[int]], sums: Floats, mass: Floats, foes: Sequence[set[int]], least: float) -> list[list[int]]:
    total = np.stack([sums[members].sum(0) for members in groups])
    weight = np.array([mass[members].sum() for members in groups])
    place = {member: group for group, members in enumerate(groups) for member in members}
    kept_apart = [{place[foe] for member in members for foe in foes[member] if foe in place} for members in groups]
    means = total / weight[:, None]
    likeness = means @ means.T
    np.fill_diagonal(likeness, -np.inf)
    for group, others in enumerate(kept_apart):
        likeness[group, list(others)] = -np.inf
    members, alive = [list(own) for own in groups], np.ones(len(groups), bool)
    while len(groups) > 1 and likeness.max() >= least:
        one, other = (int(at) for at in sorted(np.unravel_index(int(likeness.argmax()), likeness.shape)))
        total[one] += total[other]
        weight[one] += weight[other]
        members[one] += members[other]
        alive[other] = False
        forbidden = np.isneginf(likeness[one]) | np.isneginf(likeness[other])
        row = (total / weight[:, None]) @ (total[one] / weight[one])
        row[forbidden | ~alive] = -np.inf
        row[one] = -np.inf
        likeness[one], likeness[:, one] = row, row
        likeness[other], likeness[:, other] = -np.inf, -np.inf
    return [own for own, lives in zip(members, alive, strict=True) if lives]
