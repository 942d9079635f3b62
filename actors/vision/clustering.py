"""Clusters unit vectors of faces or voices by average linkage, with cannot-link pairs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from schemas.media.frames import Floats, Floats32, Ints

# Vectors that are compared with one another at once; up to so many their order does not matter.
BLOCK_VECTORS: Final = 2048
# Of a similarity: digits that matrix products add beyond depend on the positions of the vectors.
_DIGITS: Final = 12


def grouped(
    vectors: Floats32 | Floats | Sequence[Floats32],
    *,
    least: float,
    weights: Sequence[float] | Floats | None = None,
    apart: Iterable[tuple[int, int]] = (),
) -> Ints:
    """The cluster of each vector, numbered from 0 by first appearance.

    The two clusters with the highest average of all pairwise cosine similarities are merged while it is at
    least `least` and no pair of their members is in `apart` (pairs of rows). `vectors` are N x D unit
    vectors; a vector counts `weights` N times, once by default. Above `BLOCK_VECTORS` vectors each block
    joins the clusters of those before. Raises ValueError for impossible shapes, rows or weights. Method:
    unweighted average linkage (Sokal and Michener 1958) by nearest-neighbour chains (Murtagh 1983),
    quadratic in N, with cannot-link constraints (Davidson and Ravi 2005); the mean cosine of two clusters
    is the product of their mean vectors.
    """
    rows = np.asarray(vectors, np.float64)
    masses = np.ones(len(rows)) if weights is None else np.array(weights, np.float64)
    pairs = np.array(list(apart), np.int64).reshape(-1, 2)
    _check(rows, masses, pairs)
    sums = rows * masses[:, None]
    owners = np.arange(len(rows))  # an owner is the first row of its group and stands for all of it
    for start in range(0, len(rows), BLOCK_VECTORS):
        items = _candidates(sums, masses, owners[:start], least, stop=min(start + BLOCK_VECTORS, len(rows)))
        representatives = items[
            _owners(
                _similarities(sums[items] / masses[items, None], _pairs_within(items, owners, pairs)),
                masses[items],
                least,
            )
        ]
        merged = np.flatnonzero(representatives != items)
        np.add.at(sums, representatives[merged], sums[items[merged]])
        np.add.at(masses, representatives[merged], masses[items[merged]])
        new_owners = np.arange(len(rows))
        new_owners[items] = representatives
        owners = new_owners[owners]
    return np.unique(owners, return_inverse=True)[1].astype(np.int64)


def pairs_of_one(labels: Iterable[Hashable]) -> list[tuple[int, int]]:
    """Pairs of positions that hold the same label.

    Labels are, for example, the videos or blocks within which faces or voices were already told apart.
    """
    positions: dict[Hashable, list[int]] = {}
    for position, label in enumerate(labels):
        positions.setdefault(label, []).append(position)
    return [pair for same in positions.values() for pair in combinations(same, 2)]


def _check(rows: Floats, masses: Floats, pairs: Ints) -> None:
    if rows.ndim != 2 or masses.shape != rows.shape[:1] or not np.isfinite(rows).all():
        raise ValueError(f"expected N x D finite numbers and N weights, got {rows.shape} and {masses.shape}")
    if not (np.isfinite(masses) & (masses > 0)).all():
        raise ValueError("every vector needs a finite weight above 0")
    if ((pairs < 0) | (pairs >= len(rows))).any() or (pairs[:, 0] == pairs[:, 1]).any():
        raise ValueError(f"pairs to be kept apart are two different rows of {len(rows)}")


def _candidates(sums: Floats, masses: Floats, owners: Ints, least: float, *, stop: int) -> Ints:
    """Rows from the end of `owners` to `stop`, after the owners of all groups that they may join."""
    start = len(owners)
    groups = np.flatnonzero(owners == np.arange(start))
    is_near = (
        sums[groups] / masses[groups, None] @ sums[start:stop].T / masses[start:stop]
        >= least - 10.0**-_DIGITS
    )
    return np.concatenate([groups[is_near.any(axis=1)], np.arange(start, stop)])


def _pairs_within(items: Ints, owners: Ints, pairs: Ints) -> Ints:
    """The pairs as positions in `items`, by the present groups of their rows; other pairs are left out."""
    position_of = np.full(len(owners), -1)
    position_of[items] = np.arange(len(items))
    positions = position_of[owners[pairs]]
    return positions[(positions >= 0).all(axis=1)]


def _similarities(means: Floats, apart: Ints) -> Floats:
    """Dot products N x N; -inf on the diagonal and for pairs to be kept apart.

    Averaging passes -inf on.
    """
    similar = np.round(means @ means.T, _DIGITS)
    similar[apart[:, 0], apart[:, 1]] = similar[apart[:, 1], apart[:, 0]] = -np.inf
    np.fill_diagonal(similar, -np.inf)
    return similar


def _owners(similar: Floats, masses: Floats, least: float) -> Ints:
    """The first member of each item's group; changes `similar`, and works on a copy of `masses`.

    Merging two groups never brings either nearer to a third. So any two that are each other's nearest may
    be merged at once, and a group whose nearest is too far is finished.
    """
    owners, masses = np.arange(len(similar)), masses.copy()
    todo, chain = np.ones(len(similar), bool), list[int]()
    while chain or todo.any():
        top = chain[-1] if chain else int(todo.argmax())
        before = chain[-2] if len(chain) > 1 else None
        nearest = int(similar[top].argmax())
        if before is not None and similar[top, before] >= similar[top, nearest]:
            kept, gone = min(top, before), max(top, before)
            del chain[-2:]
            _merge(similar, masses, kept, gone)
            owners[owners == gone] = kept
            todo[gone] = False
        elif similar[top, nearest] >= least:
            chain += [nearest] if chain else [top, nearest]
        else:
            todo[top] = False
            chain.clear()  # there was nothing before it, or it would have been near enough
    return owners


def _merge(similar: Floats, masses: Floats, kept: int, gone: int) -> None:
    """Averages the rows of two groups into one (Lance & Williams 1967)."""
    total = masses[kept] + masses[gone]
    average = (masses[kept] * similar[kept] + masses[gone] * similar[gone]) / total
    # The bound holds whatever rounding does.
    similar[kept] = similar[:, kept] = np.minimum(average, np.maximum(similar[kept], similar[gone]))
    similar[gone] = similar[:, gone] = -np.inf
    masses[kept] = total
