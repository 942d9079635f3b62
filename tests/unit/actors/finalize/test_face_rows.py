"""Whose face it is comes from stored numbers alone: followed, grouped by looks, and linked to who is
tracked there.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.faces.person_links import persons_of_faces
from actors.faces.tracklets import tracklets
from actors.finalize.face_rows import faces_associated, identities_of, trait_attributes
from actors.finalize.person_rows import provisional
from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY, PERSON_DETECTION, Annotation, BBox
from schemas.media.video import FrameIndex, Video
from schemas.pipelines import FACE, PERSON
from schemas.settings.settings import FaceSettings, Settings
from schemas.work.chunk import WorkKey
from schemas.work.manifest import FrameNumbers

KEY = WorkKey("v", FACE, "c")
SETTINGS = Settings(face=FaceSettings(detector="scrfd", pack="/models/test_pack", pack_sha256="a" * 64))
VIDEO = Video(
    *("v", "f" * 64, "/v.mp4", 1, 1, "mp4", "h264", 0, Fraction(1, 25), 0, 100, 640, 360, 0, Fraction(25)),
    index=FrameIndex(np.arange(100), np.array([0]), exact=True),
)


def looks(person: int, blur: float = 0.0) -> Any:
    """A unit vector for each person; two persons are at right angles, `blur` turns it towards nobody."""
    vector = np.zeros(16)
    vector[person], vector[-1] = 1.0, blur
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def seen(*faces: tuple[int, float, int], sampled: int = 8, with_looks: bool = True) -> FrameNumbers:
    """Faces as (sampled frame's ordinal, left edge, person), in order; each tenth frame is sampled."""
    none = FrameNumbers.none()
    left = np.array([x for _, x, _ in faces], float)
    frames = np.array([10 * n for n, _, _ in faces], np.int64)
    return FrameNumbers(
        none.frame_numbers,
        none.frame_pts,
        none.scene_scores,
        np.arange(sampled, dtype=np.int64) * 10,
        frames,
        np.stack([left, np.full(len(left), 50.0), left + 40, np.full(len(left), 100.0)], 1),
        np.full(len(left), 0.9),
        keypoints=np.ones((len(left), 5, 3)),
        embeddings=np.stack([looks(person) for _, _, person in faces])
        if with_looks
        else np.zeros((0, 0), np.float32),
    )


def person(name: str, time_s: float, left: float, top: float = 40.0) -> Annotation:
    box = BBox(left, top, 100.0, 300.0)
    return Annotation(
        f"{name}{time_s}",
        "v",
        PERSON,
        "p",
        PERSON_DETECTION,
        time_s,
        None,
        round(time_s * 25),
        name,
        confidence=0.9,
        bbox=box,
    )


def test_a_person_who_comes_back_later_has_the_same_face_id() -> None:
    numbers = seen((0, 100, 3), (1, 102, 3), (4, 400, 3), (5, 100, 1))
    assert identities_of(numbers, SETTINGS.face).tolist() == [0, 0, 0, 1]


def test_two_who_look_alike_in_one_frame_are_two_persons() -> None:
    assert identities_of(
        seen((0, 100, 3), (0, 300, 3), (1, 101, 3), (1, 301, 3)), SETTINGS.face
    ).tolist() == [0, 1, 0, 1]


def test_at_a_cut_the_next_face_in_the_same_place_is_another_persons() -> None:
    numbers = seen((0, 100, 1), (1, 100, 2))
    assert tracklets(
        numbers.sampled, numbers.box_frames, numbers.xyxy, numbers.embeddings, 0.45
    ).tolist() == [0, 1]
    assert identities_of(numbers, SETTINGS.face).tolist() == [0, 1]


def test_without_embeddings_faces_are_nobodys_and_none_are_stored() -> None:
    rows, embeddings = faces_associated(VIDEO, seen((0, 100, 0), with_looks=False), (), SETTINGS, KEY)
    assert [(row.annotation_type, row.face_id) for row in rows] == [(FACE_DETECTION, None)]
    assert embeddings is None


def test_no_face_at_all_is_a_result() -> None:
    assert faces_associated(VIDEO, FrameNumbers.none(), (), SETTINGS, KEY) == ((), None)


def test_identities_have_a_row_and_the_mean_of_their_embeddings() -> None:
    rows, embeddings = faces_associated(VIDEO, seen((0, 100, 3), (0, 300, 1), (2, 100, 3)), (), SETTINGS, KEY)
    people = [row for row in rows if row.annotation_type == FACE_IDENTITY]
    assert [
        (row.face_id, row.timestamp_seconds, row.end_seconds, row.attributes["faces"]) for row in people
    ] == [
        ("face_0001", 0.0, 0.84, 2),
        ("face_0002", 0.0, 0.04, 1),
    ]
    assert embeddings is not None
    assert embeddings.annotation_ids == tuple(row.annotation_id for row in rows)
    assert embeddings.vectors[3:].tolist() == [looks(3).tolist(), looks(1).tolist()]
    assert embeddings.model == "test_pack@aaaaaaaaaaaa"


def test_provisional_rows_have_the_ids_of_the_final_ones() -> None:
    numbers = seen((0, 100, 3), (0, 300, 1), (2, 100, 3))
    final, _ = faces_associated(VIDEO, numbers, (), SETTINGS, KEY)
    assert [row.annotation_id for row in provisional(numbers, KEY, VIDEO)] == [
        row.annotation_id for row in final if row.annotation_type == FACE_DETECTION
    ]


def test_a_face_is_linked_to_the_person_whose_head_is_there_between_two_boxes_too() -> None:
    tracked = [
        person("person_0001", 0.2, 80),
        person("person_0001", 0.6, 120),
        person("person_0002", 0.4, 300),
    ]
    rows, _ = faces_associated(VIDEO, seen((1, 125, 3), (1, 330, 1)), tracked, SETTINGS, KEY)
    faces = [row.person_id for row in rows if row.annotation_type == FACE_DETECTION]
    assert faces == ["person_0001", "person_0002"]
    assert [row.person_id for row in rows if row.annotation_type == FACE_IDENTITY] == faces


@pytest.mark.parametrize(
    ("what", "box"),
    [("beside", (500.0, 40.0)), ("at the feet", (100.0, -200.0))],
)
def test_a_face_that_is_at_nobodys_head_is_nobodys(what: str, box: tuple[float, float]) -> None:
    numbers = seen((0, 125, 3))
    assert persons_of_faces(numbers.box_frames, np.zeros(1), numbers.xyxy, [person("p", 0.0, *box)], 5.0) == [
        None
    ]


def test_each_person_has_one_face_in_a_frame_the_better_placed_one() -> None:
    numbers = seen((0, 100, 3), (0, 125, 1))
    assert persons_of_faces(numbers.box_frames, np.zeros(2), numbers.xyxy, [person("p", 0.0, 95)], 5.0) == [
        None,
        "p",
    ]


def test_a_person_gone_for_seconds_has_no_face_meanwhile() -> None:
    numbers = seen((5, 125, 3))
    tracked = [person("p", 0.0, 100), person("p", 4.0, 100)]
    assert persons_of_faces(numbers.box_frames, np.full(1, 2.0), numbers.xyxy, tracked, 5.0) == [None]


def test_a_face_after_a_cut_is_never_linked_to_the_person_before_it() -> None:
    numbers = seen((5, 125, 3))
    before = [person("before", 1.6, 100), person("before", 1.8, 100)]
    assert persons_of_faces(numbers.box_frames, np.full(1, 2.0), numbers.xyxy, before, 5.0) == [None]
    after = person("after", 2.0, 85)  # the face lies better in the middle of who was there before
    assert persons_of_faces(numbers.box_frames, np.full(1, 2.0), numbers.xyxy, [*before, after], 5.0) == [
        "after"
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=20), st.integers(0, 40))
def test_a_face_is_linked_only_to_a_track_that_is_there_at_that_moment(
    boxes: list[tuple[str, int]], tick: int
) -> None:
    numbers, time_s = seen((1, 125, 3)), tick / 10
    tracked = [person(name, at / 10, 100) for name, at in sorted(set(boxes))]
    (linked,) = persons_of_faces(numbers.box_frames, np.full(1, time_s), numbers.xyxy, tracked, 5.0)
    own_s = [row.timestamp_seconds or 0.0 for row in tracked if row.person_id == linked]
    assert linked is None or min(own_s) <= time_s <= max(own_s)


def test_traits_that_are_not_known_are_left_out() -> None:
    assert trait_attributes(np.array([31.0, 0.0, np.nan, np.nan, np.nan])) == {
        "age": 31.0,
        "gender": "female",
    }
