"""Which vectors are one person's or one voice's: average linkage by cosine similarity, with pairs that
must stay apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from schemas.media.frames import Floats, Floats32, Ints

BLOCK: Final = (
    2048  # vectors that are compared with one another at once; up to so many their order does not matter
)
_DIGITS: Final = 12  # of a similarity: what matrix products add beyond depends on the vectors' places


def grouped(
    vectors: Floats32 | Floats | Sequence[Floats32],
    *,
    least: float,
    weights: Sequence[float] | Floats | None = None,
    apart: Iterable[tuple[int, int]] = (),
) -> Ints:
    """Group of each vector, numbered from 0 by first appearance.

    The two groups with the highest average of all pairwise cosine similarities are merged while it is at
    least `least` and no pair of their members is in `apart` (pairs of rows). `vectors` are N x D unit
    vectors; a vector counts `weights` N times, once unless given. Above `BLOCK` vectors each block joins the
    groups of those before. Raises ValueError for shapes, rows or weights that cannot be. Method: unweighted
    average linkage (Sokal and Michener 1958) by nearest-neighbour chains (Murtagh 1983), quadratic in N, with
    cannot-link constraints (Davidson and Ravi 2005); the mean cosine of two groups is the product of their
    mean vectors.
    """
    rows = np.asarray(vectors, np.float64)
    masses = np.ones(len(rows)) if weights is None else np.array(weights, np.float64)
    pairs = np.array(list(apart), np.int64).reshape(-1, 2)
    _check(rows, masses, pairs)
    sums, owners = (
        rows * masses[:, None],
        np.arange(len(rows)),
    )  # an owner is the first row of its group and stands for all of it
    for start in range(0, len(rows), BLOCK):
        items = _concerned(sums, masses, owners[:start], least, stop=min(start + BLOCK, len(rows)))
        found = items[
            _owners(
                _similarities(sums[items] / masses[items, None], _within(items, owners, pairs)),
                masses[items],
                least,
            )
        ]
        joined = np.flatnonzero(found != items)
        np.add.at(sums, found[joined], sums[items[joined]])
        np.add.at(masses, found[joined], masses[items[joined]])
        heirs = np.arange(len(rows))
        heirs[items] = found
        owners = heirs[owners]
    return np.unique(owners, return_inverse=True)[1].astype(np.int64)


def pairs_of_one(labels: Iterable[Hashable]) -> list[tuple[int, int]]:
    """Pairs of places that hold the same label, such as the videos or blocks in which what is there was
    told apart.
    """
    places: dict[Hashable, list[int]] = {}
    for place, label in enumerate(labels):
        places.setdefault(label, []).append(place)
    return [pair for own in places.values() for pair in combinations(own, 2)]


def _check(rows: Floats, masses: Floats, pairs: Ints) -> None:
    if rows.ndim != 2 or masses.shape != rows.shape[:1] or not np.isfinite(rows).all():
        raise ValueError(f"expected N x D finite numbers and N weights, got {rows.shape} and {masses.shape}")
    if not (np.isfinite(masses) & (masses > 0)).all():
        raise ValueError("every vector needs a finite weight above 0")
    if ((pairs < 0) | (pairs >= len(rows))).any() or (pairs[:, 0] == pairs[:, 1]).any():
        raise ValueError(f"pairs to be kept apart are two different rows of {len(rows)}")


def _concerned(sums: Floats, masses: Floats, owners: Ints, least: float, *, stop: int) -> Ints:
    """Rows from the end of `owners` to `stop`, after the owners of all groups that one of these could
    bring over the threshold.
    """
    start = len(owners)
    groups = np.flatnonzero(owners == np.arange(start))
    alike = (
        sums[groups] / masses[groups, None] @ sums[start:stop].T / masses[start:stop]
        >= least - 10.0**-_DIGITS
    )
    return np.concatenate([groups[alike.any(axis=1)], np.arange(start, stop)])


def _within(items: Ints, owners: Ints, pairs: Ints) -> Ints:
    """The pairs as places in `items`, by the groups their rows are in by now; those of other groups are
    left out.
    """
    places = np.full(len(owners), -1)
    places[items] = np.arange(len(items))
    found = places[owners[pairs]]
    return found[(found >= 0).all(axis=1)]


def _similarities(means: Floats, apart: Ints) -> Floats:
    """Dot products N x N; minus infinity on the diagonal and for pairs to be kept apart, which averaging
    passes on.
    """
    similar = np.round(means @ means.T, _DIGITS)
    similar[apart[:, 0], apart[:, 1]] = similar[apart[:, 1], apart[:, 0]] = -np.inf
    np.fill_diagonal(similar, -np.inf)
    return similar


def _owners(similar: Floats, masses: Floats, least: float) -> Ints:
    """First member of each item's group; `similar` and a copy of `masses` are used up.

    Merging two groups never brings either nearer to a third. So any two that are each other's nearest may be
    merged at once, and a group whose nearest is too far is done with.
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
    """Average the rows of two groups into one (Lance & Williams 1967)."""
    total = masses[kept] + masses[gone]
    average = (masses[kept] * similar[kept] + masses[gone] * similar[gone]) / total
    similar[kept] = similar[:, kept] = np.minimum(
        average, np.maximum(similar[kept], similar[gone])
    )  # whatever rounding does
    similar[gone] = similar[:, gone] = -np.inf
    masses[kept] = total
