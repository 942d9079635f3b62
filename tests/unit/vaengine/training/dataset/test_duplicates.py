"""A picture that shows nothing new is a near-duplicate."""

from __future__ import annotations

import numpy as np

from schemas.media.frames import Pixels
from vaengine.training.dataset.candidate import Candidate, LabelledBox
from vaengine.training.dataset.duplicates import picture_hash, repeated_faces, repeated_pictures


def noise(seed: int, brighter: int = 0) -> Pixels:
    coarse = np.random.default_rng(seed).integers(20, 200, (9, 12, 3), np.uint8)
    return np.kron(coarse, np.ones((10, 10, 1), np.uint8)) + np.uint8(brighter)


def candidate(*lefts: float, label: str = "", is_compared: bool = False) -> Candidate:
    boxes = tuple(LabelledBox("person", (left, 0.2, left + 0.1, 0.6)) for left in lefts)
    return Candidate("v", 0, 0.0, boxes, label, is_compared=is_compared)


def test_a_hash_stays_when_a_picture_gets_brighter_and_is_another_one_for_another_picture() -> None:
    assert picture_hash(noise(1)) == picture_hash(noise(1, brighter=30))
    assert (picture_hash(noise(1)) ^ picture_hash(noise(2))).bit_count() > 10


def test_a_camera_that_stands_still_gives_a_new_picture_where_somebody_moved() -> None:
    same = 0b1011
    found = repeated_pictures(
        [candidate(0.1, 0.5), candidate(0.101, 0.5), candidate(0.2, 0.5), candidate(0.1)], [same] * 4
    )
    assert found == [False, True, False, False]


def test_pictures_differ_where_hash_or_class_does() -> None:
    far = (1 << 64) - 1
    assert repeated_pictures([candidate(0.1), candidate(0.1)], [0, far]) == [False, False]
    assert repeated_pictures([candidate(0.1), candidate(0.1)], [0, 0b1111]) == [False, True]
    kitchens = [candidate(label="kitchen"), candidate(label="garden"), candidate(label="kitchen")]
    assert repeated_pictures(kitchens, [7, 7, 7]) == [False, False, True]


def test_what_was_compared_by_embeddings_is_not_compared_by_hash() -> None:
    faces = [candidate(label="Anna", is_compared=True)] * 2
    assert repeated_pictures(faces, [7, 7]) == [False, False]


def test_a_face_repeats_one_of_the_same_identity_only() -> None:
    vectors = np.array([[1, 0], [0.999, 0.0447], [0.8, 0.6], [1, 0]], np.float32)
    assert repeated_faces(vectors, ["Anna", "Anna", "Anna", "Ben"]) == [False, True, False, False]
