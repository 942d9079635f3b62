"""Overlap of boxes, groups of overlapping boxes, and one-to-one pairing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from schemas.media.frames import Floats, Ints


def iou(left: Floats, right: Floats) -> Floats:
    """Intersection over union of N x 4 with M x 4 boxes (left, top, right, bottom), as N x M.

    0 for empty boxes.
    """
    corners = np.minimum(left[:, None, 2:], right[None, :, 2:]) - np.maximum(
        left[:, None, :2], right[None, :, :2]
    )
    shared = corners.clip(0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1) for boxes in (left, right)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    quotient: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return quotient


def groups(overlaps: npt.NDArray[np.bool_]) -> list[Ints]:
    """Groups of overlapping boxes; `overlaps` is N x N, boxes ordered strongest first.

    Each box that is in no group yet leads a group of the free boxes that overlap it, itself first. The
    leaders are what hard, greedy non-maximum suppression keeps.
    """
    free, members = np.ones(len(overlaps), bool), []
    for leader in range(len(overlaps)):
        if free[leader]:
            rest = np.flatnonzero(overlaps[leader] & free)
            members.append(np.concatenate([[leader], rest[rest != leader]]))
            free[members[-1]] = False
    return members


def strongest_first(boxes: Floats, scores: Floats) -> Ints:
    """Order of N x 4 boxes by falling score; equal scores are ordered by position."""
    return np.lexsort((*boxes.T, -scores))


def one_to_one(similarity: Floats) -> list[tuple[int, int]]:
    """Pairs (row, column) of an N x M matrix, the most similar first, no row or column twice.

    An entry of -inf is never paired.
    """
    left, pairs = similarity.copy(), []
    while left.size and np.isfinite(left.max()):
        row, column = (int(place) for place in np.unravel_index(int(left.argmax()), left.shape))
        pairs.append((row, column))
        left[row], left[:, column] = -np.inf, -np.inf
    return pairs
