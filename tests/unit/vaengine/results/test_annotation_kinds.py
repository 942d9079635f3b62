"""Tables are asked for by the name that comes to mind."""

from __future__ import annotations

import pytest

from schemas.errors import UsageError
from vaengine.results.annotation_kinds import TYPES, type_named


@pytest.mark.parametrize("name", TYPES)
def test_a_type_is_called_by_its_name_in_the_singular_and_the_plural(name: str) -> None:
    assert type_named(name) == type_named(f"{name}s") == type_named(name.upper()) == name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("scenes", "scene"),
        ("persons", "person_track"),
        ("person", "person_track"),
        ("boxes", "person_detection"),
        ("faces", "face_identity"),
        ("face_boxes", "face_detection"),
        ("speech", "speech"),
        ("speakers", "speaker"),
        ("words", "word"),
        ("events", "audio_event"),
        ("voice", "voice_activity"),
        ("loudness", "loudness"),
    ],
)
def test_a_property_of_what_was_found_names_the_rows_it_is_made_of(name: str, kind: str) -> None:
    assert type_named(name) == kind


@pytest.mark.parametrize(
    ("name", "told"),
    [("persn_track", "did you mean 'person_track'"), ("weather", "there are scene, person_detection")],
)
def test_any_other_name_is_refused_with_what_there_is(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        type_named(name)


def test_a_type_of_rows_saved_by_hand_is_one_too() -> None:
    assert type_named("weather", {"weather"}) == "weather"
    assert type_named("persons", {"persons"}) == "persons"
