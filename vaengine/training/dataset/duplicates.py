"""Near-duplicates: faces by their embeddings, pictures without one by a hash of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from actors.vision.boxes import iou
from schemas.media.frames import Floats32, Pixels
from vaengine.training.dataset.candidate import Candidate

SAME_FACE: Final = 0.98  # cosine of two pictures of one face from which they show nothing new
SAME_PICTURE_BITS: Final = 4  # of 64, by which the hashes of two near-duplicates differ at most
SAME_BOX_IOU: Final = 0.8  # from which a box has not moved
MAX_COMPARED: Final = 1_000  # pictures of alike hash whose boxes are compared with those of a new one


def picture_hash(pixels: Pixels) -> int:
    """The difference hash of an H x W x 3 BGR picture, 64 bits: where it gets brighter from left to right.

    Source: N. Krawetz, "Kind of Like That" (dHash).
    """
    small = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def repeated_faces(vectors: Floats32, labels: Sequence[str]) -> list[bool]:
    """Whether each of N faces repeats an earlier one with its label; `vectors` are N x D of length 1."""
    kept: dict[str, list[int]] = {}
    found: list[bool] = []
    for number, label in enumerate(labels):
        own = kept.setdefault(label, [])
        is_repeated = bool(own) and float((vectors[own] @ vectors[number]).max()) >= SAME_FACE
        found.append(is_repeated)
        if not is_repeated:
            own.append(number)
    return found


def repeated_pictures(candidates: Sequence[Candidate], hashes: Sequence[int]) -> list[bool]:
    """Whether each picture repeats an earlier one.

    Two are near-duplicates where their hashes are alike, they are of one class, and every box of one lies
    upon a box of the other. A camera that stands still always gives alike hashes: what moves decides.
    """
    kept = _Kept(len(candidates))
    found: list[bool] = []
    for candidate, own_hash in zip(candidates, hashes, strict=True):
        is_repeated = not candidate.is_compared and any(
            _are_alike(candidate, candidates[number]) for number in kept.alike(candidate, own_hash)
        )
        found.append(is_repeated)
        if not is_repeated:
            kept.add(len(found) - 1, candidate, own_hash)
    return found


class _Kept:
    """Hashes and numbers of boxes of the pictures that are kept, in arrays that are searched at once."""

    def __init__(self, most: int) -> None:
        self._hashes = np.zeros(most, np.uint64)
        self._boxes = np.zeros(most, np.int64)
        self._numbers = np.zeros(most, np.int64)
        self._count = 0

    def add(self, number: int, candidate: Candidate, own_hash: int) -> None:
        at = self._count
        self._hashes[at], self._boxes[at], self._numbers[at] = own_hash, len(candidate.boxes), number
        self._count += 1

    def alike(self, candidate: Candidate, own_hash: int) -> list[int]:
        """The latest pictures with an alike hash and as many boxes."""
        bits = np.bitwise_count(self._hashes[: self._count] ^ np.uint64(own_hash))
        alike = (bits <= SAME_PICTURE_BITS) & (self._boxes[: self._count] == len(candidate.boxes))
        return [int(number) for number in self._numbers[np.flatnonzero(alike)[-MAX_COMPARED:]]]


def _are_alike(a: Candidate, b: Candidate) -> bool:
    """Whether two pictures with as many boxes are of one class, and their boxes lie upon each other."""
    if a.label != b.label:
        return False
    if not a.boxes:
        return True
    overlaps = iou(*(np.array([box.xyxy for box in one.boxes]) for one in (a, b)))
    same_class = np.array([[own.label == other.label for other in b.boxes] for own in a.boxes])
    return bool(((overlaps >= SAME_BOX_IOU) & same_class).any(axis=1).all())
