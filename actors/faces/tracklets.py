"""Faces followed from one sampled frame to the next: by where they are and whom they look like."""

from __future__ import annotations

from typing import Final

import numpy as np

from actors.vision.boxes import iou, one_to_one
from schemas.media.frames import Floats, Floats32, Ints

LEAST_IOU: Final = (
    0.3  # of a face with itself half a second later; who turns away or walks begins another tracklet
)


def tracklets(sampled: Ints, frames: Ints, xyxy: Floats, embeddings: Floats32, least: float) -> Ints:
    """Tracklet of each of N faces, counted from 0 in order.

    `sampled` are the frames that were looked at, `frames` N that of each face, ascending; `embeddings` N x D
    unit vectors. A face goes on that of the sampled frame just before which it overlaps by `LEAST_IOU` and
    resembles by a cosine of `least`; of several the most alike first, and none twice.
    """
    of_face = np.full(len(frames), -1, np.int64)
    before = np.zeros(0, np.int64)
    count = 0
    for frame in sampled:
        here = np.arange(*np.searchsorted(frames, [frame, frame + 1]))
        for old, new in _pairs(before, here, xyxy, embeddings, least):
            of_face[new] = of_face[old]
        fresh = here[of_face[here] < 0]
        of_face[fresh] = count + np.arange(len(fresh))
        count += len(fresh)
        before = here
    return of_face


def _pairs(
    before: Ints, here: Ints, xyxy: Floats, embeddings: Floats32, least: float
) -> list[tuple[int, int]]:
    likeness = embeddings[before].astype(np.float64) @ embeddings[here].astype(np.float64).T
    likeness[(iou(xyxy[before], xyxy[here]) < LEAST_IOU) | (likeness < least)] = -np.inf
    return [(int(before[old]), int(here[new])) for old, new in one_to_one(likeness)]
