"""Joins faces of consecutive sampled frames into tracklets, by overlap and similarity."""

from __future__ import annotations

from typing import Final

import numpy as np

from actors.vision.boxes import iou, one_to_one
from schemas.media.frames import Floats, Floats32, Ints

# Of a face with itself half a second later; a person who turns away or walks begins another tracklet.
MIN_IOU: Final = 0.3


def tracklets(sampled: Ints, frames: Ints, xyxy: Floats, embeddings: Floats32, least: float) -> Ints:
    """The tracklet of each of N faces, numbered from 0 in order.

    `sampled` are the frames that were looked at, `frames` N the frame of each face, ascending; `embeddings`
    N x D unit vectors. A face continues the tracklet of a face in the sampled frame just before if the two
    overlap by `MIN_IOU` and their cosine is at least `least`. The most similar pairs count first, and no
    face twice.
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
    similarity = embeddings[before].astype(np.float64) @ embeddings[here].astype(np.float64).T
    similarity[(iou(xyxy[before], xyxy[here]) < MIN_IOU) | (similarity < least)] = -np.inf
    return [(int(before[old]), int(here[new])) for old, new in one_to_one(similarity)]
