"""An annotation is the same thing as a value, as JSON and as a row."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.annotations.annotation import (
    Annotation,
    BBox,
    annotation_id,
    canonical_digest,
    canonical_json,
    job_id_for,
)

numbers = st.floats(-1e6, 1e6, allow_nan=False)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
names = st.none() | words
COLUMNS = {*Annotation.__dataclass_fields__, "bbox_x", "bbox_y", "bbox_width", "bbox_height"}
plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | words
attributes = st.dictionaries(
    words.filter(lambda key: key not in COLUMNS), plain | st.lists(plain, max_size=3), max_size=4
)


@st.composite
def annotations(draw: st.DrawFn) -> Annotation:
    start = draw(st.none() | st.floats(0, 1e5))
    length = draw(st.none() | st.floats(0, 1e4)) if start is not None else None
    return Annotation(
        annotation_id=draw(words),
        video_id=draw(words),
        pipeline=draw(words),
        config_hash=draw(words),
        annotation_type=draw(words),
        timestamp_seconds=start,
        end_seconds=None if start is None or length is None else start + length,
        frame_number=draw(st.none() | st.integers(0, 10**9)),
        person_id=draw(names),
        face_id=draw(names),
        speaker_id=draw(names),
        scene_id=draw(names),
        confidence=draw(st.none() | st.floats(0, 1)),
        bbox=draw(st.none() | st.builds(BBox, numbers, numbers, numbers, numbers)),
        attributes=draw(attributes),
    )


@given(annotations())
def test_an_annotation_comes_back_from_its_json_unchanged(annotation: Annotation) -> None:
    assert Annotation.from_data(json.loads(canonical_json(annotation.to_data()))) == annotation


@given(annotations())
def test_its_json_is_flat_and_holds_no_empty_column(annotation: Annotation) -> None:
    data = annotation.to_data()
    assert not any(value is None for key, value in data.items() if key in COLUMNS)
    assert "bbox" not in data
    assert "attributes" not in data


@pytest.mark.parametrize(
    "wrong",
    [
        {"confidence": 1.01},
        {"confidence": -0.01},
        {"timestamp_seconds": 2.0, "end_seconds": 1.0},
        {"timestamp_seconds": None, "end_seconds": 1.0},
    ],
)
def test_an_impossible_annotation_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"confidence|end"):
        Annotation(
            "id", "clip-0011aabb", "scene_detection", "f" * 16, "scene", **{"timestamp_seconds": 0.0, **wrong}
        )


@given(st.lists(st.dictionaries(words, plain, max_size=3), max_size=6), st.randoms(use_true_random=False))
def test_a_digest_does_not_know_the_order_of_rows(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert canonical_digest(shuffled) == canonical_digest(rows)


@given(st.lists(st.dictionaries(words, plain, max_size=3), min_size=1, max_size=6))
def test_a_digest_knows_a_row_too_many(rows: list[dict[str, Any]]) -> None:
    assert canonical_digest([*rows, rows[0]]) != canonical_digest(rows)


def test_ids_are_the_same_everywhere_and_differ_in_every_part() -> None:
    base = ("clip-0011aabb", "scene_detection", "f" * 16, "scene", 0, 0)
    assert annotation_id(*base) == "77bd0190-1186-5e09-99ab-13f2eff3ac67"
    changed = [
        (*base[:n], other, *base[n + 1 :])
        for n, other in enumerate(("clip-0", "person_tracking", "0" * 16, "person_track", 1, 1))
    ]
    assert len({annotation_id(*base), *(annotation_id(*parts) for parts in changed)}) == 7


def test_a_job_id_does_not_know_the_order_in_which_pipelines_were_asked_for() -> None:
    one = job_id_for("clip-0011aabb", {"scene_detection": "a", "person_tracking": "b"})
    assert one == "8fec0342-7f35-59d7-af61-b962ae2edbd5"
    assert one == job_id_for("clip-0011aabb", {"person_tracking": "b", "scene_detection": "a"})
    assert one != job_id_for("clip-0011aabb", {"scene_detection": "a"})
