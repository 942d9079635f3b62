"""A person is found again in a result with other ids, frames and tracks, or it is said why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.stores.rules.person_matching import Candidate, candidates_of, found_again
from schemas.annotations.annotation import PERSON_DETECTION, SPEAKER, Annotation, BBox
from schemas.storage.backend import Embeddings
from schemas.storage.people import PersonReference
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import Clip
from tests.support.stores.people import reference

KEY = Clip().key()


def walking(label: str, start_x: float, frames: Sequence[int], speed: float = 2.0) -> list[Annotation]:
    """Boxes of somebody who walks to the right, 40 x 100 pixels."""
    return [
        Annotation(
            f"{label}{frame}",
            KEY.video_id,
            "person_tracking",
            "c1",
            PERSON_DETECTION,
            frame / 25,
            None,
            frame,
            label,
            bbox=BBox(start_x + speed * frame, 50.0, 40.0, 100.0),
        )
        for frame in frames
    ]


def candidates(*rows: list[Annotation]) -> list[Candidate]:
    return candidates_of([row for own in rows for row in own], "person")


def referring(candidate: Candidate) -> PersonReference:
    return replace(reference("person_0001"), samples=candidate.samples())


LEFT, RIGHT = walking("person_0001", 0.0, range(0, 100, 5)), walking("person_0002", 300.0, range(0, 100, 5))
ANNA = referring(candidates(LEFT)[0])


def test_other_ids_and_other_sampled_frames_do_not_matter() -> None:
    found = found_again(
        ANNA,
        candidates(
            walking("person_0007", 2.0, range(2, 100, 7)), walking("person_0003", 300.0, range(0, 100, 7))
        ),
    )
    assert (found.labels, found.by) == (("person_0007",), "place")
    assert found.agreement > 0.85


def test_a_track_that_was_divided_is_found_under_each_of_its_parts() -> None:
    parts = candidates(
        walking("person_0004", 0.0, range(0, 50, 5)), walking("person_0009", 0.0, range(50, 100, 5))
    )
    assert found_again(ANNA, parts).labels == ("person_0004", "person_0009")


def test_a_part_that_is_there_for_a_moment_only_is_not_taken() -> None:
    parts = candidates(
        walking("person_0004", 0.0, range(0, 90, 5)), walking("person_0009", 0.0, range(90, 100, 5))
    )
    assert found_again(ANNA, parts).labels == ("person_0004",)


def test_it_is_said_that_somebody_else_is_there_now() -> None:
    found = found_again(ANNA, candidates(RIGHT))
    assert found.labels == ()
    assert found.reason == "at 0 of 8 moments somebody is where person_0001 was"
    assert found_again(ANNA, []).labels == ()


def test_half_of_the_moments_are_needed() -> None:
    found = found_again(ANNA, candidates(walking("person_0004", 0.0, range(0, 30, 5))))
    assert found.labels == ()
    assert found.reason == "at 3 of 8 moments somebody is where person_0001 was"


def test_no_place_is_made_up_between_boxes_that_are_far_apart() -> None:
    found = found_again(ANNA, candidates(walking("person_0004", 0.0, [0, 95])))
    assert found.labels == ()


@given(
    st.lists(st.floats(0, 500), min_size=2, max_size=4, unique_by=lambda x: round(x / 80)),
    st.permutations(range(1, 5)),
    st.integers(1, 9),
)
def test_everybody_is_found_whatever_their_numbers_are_now(
    places: list[float], numbers: list[int], step: int
) -> None:
    before = [candidates(walking(f"person_{n:04d}", x, range(0, 100, 5)))[0] for n, x in enumerate(places, 1)]
    labels = [f"person_{number:04d}" for number in numbers]
    after = candidates(
        *(walking(label, x, range(0, 100, step)) for label, x in zip(labels, places, strict=False))
    )
    for one, label in zip(before, labels, strict=False):
        assert found_again(referring(one), after).labels == (label,)


# Faces.


def faces(vectors: dict[str, list[float]], x: float, model: str = "pack@1") -> list[Candidate]:
    rows = [
        row
        for number, label in enumerate(vectors)
        for row in (
            *(Rows().face(frame, label, x=x + 100 * number) for frame in (0, 5, 10)),
            Rows().identity(label, 0, 11),
        )
    ]
    people = [row for row in rows if row.annotation_type == "face_identity"]
    made = np.array([[*vectors[row.face_id or ""], 0.0] for row in people], np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return candidates_of(rows, "face", Embeddings(tuple(row.annotation_id for row in people), made, model))


def looking(vector: list[float]) -> PersonReference:
    (face,) = faces({"face_0001": vector}, 10.0)
    assert face.vector is not None
    return replace(
        reference(), samples=face.samples(), model=face.model, vector=face.vector.astype("<f4").tobytes()
    )


def test_a_face_that_is_elsewhere_is_found_by_its_looks() -> None:
    now = faces({"face_0001": [0.0, 1.0], "face_0002": [1.0, 0.1]}, 400.0)
    found = found_again(looking([1.0, 0.0]), now)
    assert (found.labels, found.by) == (("face_0002",), "looks")
    assert found.agreement == pytest.approx(0.995, abs=0.001)


@pytest.mark.parametrize(
    ("vectors", "model", "reason"),
    [
        ({"face_0001": [0.3, 1.0]}, "pack@1", "the most similar face has a cosine of 0.29 (0.45 is needed)"),
        (
            {"face_0001": [1.0, 0.1], "face_0002": [1.0, -0.2]},
            "pack@1",
            "two faces look alike (cosines 1.00 and 0.98)",
        ),
        ({"face_0001": [1.0, 0.0]}, "other@2", "no face was embedded by pack@1"),
    ],
)
def test_looks_that_do_not_decide_are_told(vectors: dict, model: str, reason: str) -> None:
    found = found_again(looking([1.0, 0.0]), faces(vectors, 400.0, model))
    assert found.labels == ()
    assert found.reason == f"at 0 of 3 moments somebody is where face_0001 was, and {reason}"


# Voices.


def voices(*turns: tuple[str, float, float]) -> list[Candidate]:
    return candidates_of([Rows().turn(*turn) for turn in turns], "speaker")


def test_a_speaker_is_found_by_when_they_spoke() -> None:
    (before,) = voices(("speaker_0001", 0.0, 2.0), ("speaker_0001", 5.0, 9.0))
    anna = replace(reference("speaker_0001"), samples=before.samples())
    now = voices(("speaker_0001", 2.0, 4.9), ("speaker_0002", 0.2, 1.9), ("speaker_0002", 5.1, 8.0))
    assert found_again(anna, now).labels == ("speaker_0002",)
    assert found_again(anna, voices(("speaker_0001", 2.0, 5.0))).labels == ()


def test_of_two_who_speak_at_once_the_one_with_the_same_turn_is_meant() -> None:
    (before,) = voices(("speaker_0001", 1.0, 2.0))
    anna = replace(reference("speaker_0001"), samples=before.samples())
    now = voices(("speaker_0002", 0.0, 9.0), ("speaker_0001", 1.0, 2.0))
    assert found_again(anna, now).labels == ("speaker_0001",)


def test_speech_stands_in_where_a_result_has_no_turns() -> None:
    (speaker,) = candidates_of([Rows().speech("Hello", 1.0, 2.0, "speaker_0001")], "speaker")
    assert speaker.spans == ((1.0, 2.0),)
    assert SPEAKER == "speaker"
