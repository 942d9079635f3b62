"""Which saved queries are about what is forgotten."""

from __future__ import annotations

import pytest

from schemas.storage.retention import PersonIn
from vaengine.maintenance.erasure_queries import Forgotten, query_erasure
from vaengine.queries.language.parsing import query_of, to_json

VIDEO = "holiday-1a2b3c4d"
PERSON = Forgotten.of(["Anna"], [PersonIn(VIDEO, "face_0002")])
FILM = Forgotten.of(video_id=VIDEO, paths=["/films/holiday.mp4"])


def decided(document: str, forgotten: Forgotten, name: str = "kept") -> tuple[str, ...]:
    """What becomes of one query: any of dropped, changed, mentions."""
    found = query_erasure({name: to_json(query_of(document))}, forgotten)
    parts = {"dropped": found.dropped, "changed": found.changed, "mentions": found.mentions}
    return tuple(part for part, names in parts.items() if names)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("find: person:anna", ("dropped",)),
        ("find: {kind: scene, where: [{not: {relation: overlaps, to: 'face:ANNA'}}]}", ("dropped",)),
        ("find: scene\nwhere: [{any: [{count: 'person:Anna', ge: 1}]}]", ("dropped",)),
        (f"find: face:{VIDEO}/face_0002", ("dropped",)),
        (f"find: {{kind: face, similar: {{annotation: '{VIDEO}:face_0002'}}}}", ("dropped",)),
        ("find: {kind: face, similar: {annotation: 'holiday:face_0002'}}", ("dropped",)),
        ("find: {kind: face, similar: {annotation: 'holiday:face_0003'}}", ()),
        (f"find: face:{VIDEO}/face_0003", ()),
        ("find: person:Annabel", ()),
        ("find: face:face_0002", ()),
        ("find: speech:good morning anna", ("mentions",)),
        ("find: {kind: face, similar: {image: /pictures/anna.jpg}}", ("mentions",)),
    ],
)
def test_of_a_person_go_the_queries_that_ask_for_this_person(
    document: str, expected: tuple[str, ...]
) -> None:
    assert decided(document, PERSON) == expected
    assert decided("find: scene", PERSON, name="Anna at noon") == ("mentions",)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{find: scene, videos: [holiday.mp4]}", ("dropped",)),
        (f"{{find: scene, videos: [{VIDEO}, /films/holiday.mp4]}}", ("dropped",)),
        ("{find: scene, videos: [holiday.mp4, garden.mp4]}", ("changed",)),
        ("{find: scene, videos: ['hol*']}", ()),
        (f"find: person:{VIDEO}/person_0001", ("dropped",)),
        ("find: {kind: scene, similar: {annotation: 'holiday:scene_0001'}}", ("dropped",)),
        ("find: person:person_0001", ()),
    ],
)
def test_of_a_video_go_the_queries_that_are_about_it_alone(document: str, expected: tuple[str, ...]) -> None:
    assert decided(document, FILM) == expected


def test_a_query_that_another_version_saved_is_left_and_told_where_it_has_the_name() -> None:
    saved = {"newer": '{"find": {"kind": "dream", "person": "Anna"}}', "other": '{"find": "dream"}'}
    assert query_erasure(saved, PERSON).mentions == ("newer",)
