"""Pictures and plots show names in place of ids, and nothing else changes in the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.annotations.annotation import FACE_IDENTITY, Annotation
from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.storage.backend import StorageBackend
from tests.support.stores.fake_videos import Clip
from tests.support.stores.people import annotated
from vaengine.people.edits import name_person
from vaengine.people.naming import ascii_text, with_names
from vaengine.people.targets import LabelTarget
from vaengine.timeline.video_timeline import VideoTimeline

ALPHA = Clip("/clips/alpha.mp4", "a")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StorageBackend]:
    with closing(open_store(f"files:{tmp_path}/store")) as opened:
        annotated(opened, ALPHA)
        yield opened


def rows(store: StorageBackend) -> list[Annotation]:
    return [row for name in (PERSON, FACE, AUDIO) for row in store.annotations(ALPHA.key(name))]


def named(store: StorageBackend, label: str, name: str) -> None:
    name_person(store, LabelTarget(ALPHA.video_id, label), name)


def labels(found: list[Annotation] | tuple[Annotation, ...]) -> set[str | None]:
    return {label for row in found for label in (row.person_id, row.face_id, row.speaker_id)} - {None}


def test_without_any_names_the_rows_are_as_they_were(store: StorageBackend) -> None:
    assert with_names(store, ALPHA.video_id, rows(store)) == tuple(rows(store))


def test_a_named_face_gives_its_track_the_name_too_and_everybody_else_keeps_the_id(
    store: StorageBackend,
) -> None:
    named(store, "face_0001", "Zoë")
    named(store, "speaker_0002", "Zoë")
    shown = with_names(store, ALPHA.video_id, rows(store))
    assert labels(shown) == {"Zoë", "person_0001", "person_0003", "face_0002", "speaker_0001"}
    told = {tuple(row.attributes["persons"]) for row in shown if row.annotation_type == FACE_IDENTITY}
    assert told == {("person_0001", "Zoë"), ("person_0001",)}
    unnamed = {"person_id": None, "face_id": None, "speaker_id": None, "attributes": {}}
    assert [replace(row, **unnamed) for row in shown] == [replace(row, **unnamed) for row in rows(store)]


def test_two_tracks_of_one_person_in_one_frame_stay_two(store: StorageBackend) -> None:
    for label in ("person_0001", "person_0003"):
        named(store, label, "Anna")
    shown = with_names(store, ALPHA.video_id, rows(store))
    assert labels(shown) >= {"Anna", "Anna 2", "person_0002"}
    assert [track.name for track in VideoTimeline.of_rows(shown).person_tracks] == [
        "Anna",
        "Anna 2",
        "person_0002",
    ]


def test_letters_that_a_picture_cannot_draw_lose_their_accents_or_leave_the_id(store: StorageBackend) -> None:
    named(store, "speaker_0001", "Zoë Müller")
    named(store, "speaker_0002", "Анна")
    shown = with_names(store, ALPHA.video_id, rows(store), ascii_only=True)
    assert {row.speaker_id for row in shown} == {None, "Zoe Muller", "speaker_0002"}


@pytest.mark.parametrize(
    ("name", "text"), [("Anna-Lena 2", "Anna-Lena 2"), ("Ångström", "Angstrom"), ("Łukasz", ""), ("安娜", "")]
)
def test_names_in_ascii(name: str, text: str) -> None:
    assert ascii_text(name) == text
