"""Edits say who is who, refuse to mix persons unasked, and are undone one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.stores import open_store
from schemas.errors import NotFound, PeopleChanged, UsageError
from schemas.pipelines import PERSON
from schemas.storage.backend import StorageBackend
from tests.support.stores import people
from tests.support.stores.fake_videos import Clip
from tests.support.stores.people import annotated, run_again
from tests.support.stores.retained import identify
from vaengine.people import edits
from vaengine.people.edits import merge_persons, name_person, split_person, undo_edit
from vaengine.people.resolution import EntityResolution
from vaengine.people.targets import IdentityTarget, LabelTarget, checked_name, target_of

ALPHA, BETA = (Clip(f"/clips/{name}.mp4", name[0]) for name in ("alpha", "beta"))
FACE_A, FACE_A2, FACE_B = (
    LabelTarget(clip.video_id, label)
    for clip, label in ((ALPHA, "face_0001"), (ALPHA, "face_0002"), (BETA, "face_0001"))
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StorageBackend]:
    with closing(open_store(f"sqlite:///{tmp_path}/store.db")) as opened:
        annotated(opened, ALPHA, BETA)
        yield opened


def faces(store: StorageBackend) -> dict[str, list[str]]:
    """The faces of everybody, as `a1` for the first of alpha."""
    return {
        one.person.shown_name: sorted(
            f"{video.video_id[0]}{face[-1]}" for video in one.videos for face in video.faces
        )
        for one in EntityResolution(store).everybody()
    }


def test_every_edit_is_undone_in_turn_and_done_again(store: StorageBackend) -> None:
    states = [faces(store)]
    for edit in (
        lambda: name_person(store, FACE_A, "Anna"),
        lambda: name_person(store, FACE_B, "Bob"),
        lambda: merge_persons(store, "Anna", "Bob"),
        lambda: split_person(store, "Anna", [FACE_B], "Cleo"),
        lambda: name_person(store, "Cleo", "Cleopatra"),
    ):
        edit()
        states.append(faces(store))
    assert states[-1] == {"Anna": ["a1"], "Cleopatra": ["b1"]}
    told = []
    for state in reversed(states[:-1]):
        told.append(undo_edit(store).told.partition(",")[0])
        assert faces(store) == state
    assert told == [
        "undone: name Cleopatra",
        "undone: split of Cleopatra from Anna",
        "undone: merge of Bob into Anna",
        "undone: name Bob",
        "undone: name Anna",
    ]
    for state in states[1:]:
        assert undo_edit(store, redo=True).told.startswith("done again: ")
        assert faces(store) == state
    with pytest.raises(UsageError, match="nothing to redo"):
        undo_edit(store, redo=True)


def test_nothing_is_undone_where_nothing_was_done(store: StorageBackend) -> None:
    with pytest.raises(UsageError, match="nothing to undo"):
        undo_edit(store)


def test_the_second_face_of_a_name_is_added_to_the_person(store: StorageBackend) -> None:
    name_person(store, FACE_A, "Anna")
    assert name_person(store, FACE_B, " anna ").told == f"Anna is {FACE_B} too"
    assert faces(store) == {"Anna": ["a1", "b1"]}
    with pytest.raises(UsageError, match="is Anna already"):
        name_person(store, FACE_B, "anna")
    name_person(store, "Anna", "ANNA")
    assert faces(store) == {"ANNA": ["a1", "b1"]}


def test_a_face_of_somebody_is_not_given_another_name_unasked(store: StorageBackend) -> None:
    name_person(store, FACE_A, "Anna")
    with pytest.raises(UsageError, match=r"face_0001 is Anna: .*person split 'Anna' alpha-.* --name 'Bob'"):
        name_person(store, FACE_A, "Bob")
    with pytest.raises(UsageError, match=r"Anna is another person: .*merge 'Anna' 'Bob'"):
        name_person(store, FACE_B, "Bob") and name_person(store, "Bob", "Anna")
    assert faces(store) == {"Anna": ["a1"], "Bob": ["b1"]}


def test_an_unnamed_person_gets_a_name_by_any_of_the_faces(store: StorageBackend) -> None:
    name_person(store, FACE_A, "Anna")
    name_person(store, FACE_B, "Anna")
    split_person(store, "Anna", [FACE_B])
    (unnamed,) = {one.person.shown_name for one in EntityResolution(store).everybody()} - {"Anna"}
    assert unnamed.startswith("p-")
    assert name_person(store, FACE_B, "Bob").told == f"{unnamed} is Bob"
    assert faces(store) == {"Anna": ["a1"], "Bob": ["b1"]}


def test_an_identity_is_named_with_all_its_faces_and_not_over_somebody_elses(store: StorageBackend) -> None:
    identify(store, ("identity_0001", ALPHA, "face_0001"), ("identity_0001", BETA, "face_0001"))
    identify_again = IdentityTarget("identity_0001")
    name_person(store, FACE_A, "Anna")
    with pytest.raises(UsageError, match="identity_0001 is Anna"):
        name_person(store, identify_again, "Bob")
    name_person(store, identify_again, "Anna")
    identify(store)
    assert faces(store) == {"Anna": ["a1", "b1"]}
    with pytest.raises(NotFound, match="identities list"):
        name_person(store, identify_again, "Anna")


def test_what_is_not_of_a_person_or_is_all_of_them_is_not_split_off(store: StorageBackend) -> None:
    name_person(store, FACE_A, "Anna")
    with pytest.raises(UsageError, match="face_0001 is not Anna"):
        split_person(store, "Anna", [FACE_B])
    with pytest.raises(UsageError, match="that is all of Anna"):
        split_person(store, "Anna", [FACE_A])
    assert len(store.people().edits) == 1


def test_a_linked_track_is_split_off_a_person_who_keeps_the_face(store: StorageBackend) -> None:
    name_person(store, FACE_A, "Anna")
    split_person(store, "Anna", [LabelTarget(ALPHA.video_id, "person_0002")], "Bob")
    anna, bob = EntityResolution(store).everybody()
    assert [video.labels for video in anna.videos] == [("face_0001",)]
    assert [video.labels for video in bob.videos] == [("person_0002",)]


def test_what_is_split_off_in_a_later_result_is_split_off_in_the_older_one_too(store: StorageBackend) -> None:
    for label in ("person_0001", "person_0003"):
        name_person(store, LabelTarget(ALPHA.video_id, label), "Anna")
    run_again(store, ALPHA, PERSON, {"person_0003": "person_0009"})
    split_person(store, "Anna", [LabelTarget(ALPHA.video_id, "person_0009")], "Bob")
    run_again(store, ALPHA, PERSON, {}, "c1")
    anna, bob = EntityResolution(store).everybody()
    assert [video.tracks for video in anna.videos] == [("person_0001",)]
    assert [video.tracks for video in bob.videos] == [("person_0003",)]


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("face_0009", "face_0009 not found in video alpha-aaaaaaaa, which has face_0001, face_0002"),
        ("person_0009", "which has person_0001, person_0002, person_0003"),
    ],
)
def test_a_label_that_is_not_there_is_refused_with_those_that_are(
    store: StorageBackend, label: str, says: str
) -> None:
    with pytest.raises(NotFound, match=says):
        name_person(store, LabelTarget(ALPHA.video_id, label), "Anna")


def test_a_pipeline_that_is_not_complete_has_nobody_to_name(store: StorageBackend) -> None:
    lonely = Clip("/clips/gamma.mp4", "g")
    annotated(store, lonely, pipelines=[PERSON])
    with pytest.raises(NotFound, match="a complete result of face_analysis not found in video gamma"):
        name_person(store, LabelTarget(lonely.video_id, "face_0001"), "Anna")


def test_two_who_edit_at_once_both_get_their_edit(
    store: StorageBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, other = store.add_person_edit, people.reference("face_0002", "b")

    def overtaken(*arguments: Any, after: str | None) -> None:
        monkeypatch.undo()
        append(people.named("p-11111111", "Bob", other), [other], after=None)
        append(*arguments, after=after)

    monkeypatch.setattr(store, "add_person_edit", overtaken)
    name_person(store, FACE_A, "Anna")
    assert [one.name for one in store.people().edits] == ["Bob", "Anna"]


def test_who_is_overtaken_again_and_again_is_told(
    store: StorageBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def refuse(*_: Any, after: str | None) -> None:
        tries.append(after)
        raise PeopleChanged(store.url)

    monkeypatch.setattr(store, "add_person_edit", refuse)
    with pytest.raises(PeopleChanged):
        name_person(store, FACE_A, "Anna")
    assert len(tries) == edits.MAX_TRIES


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("   ", "1 to 100 characters"),
        ("x" * 101, "this one has 101"),
        ("Anna\x1b[31m", "control"),
        ("Anna\u202e", "control"),
        ("identity_0007", "no name but an id"),
        ("garden:face_0001", "no name but an id"),
        ("p-0123abcd", "no name but an id"),
    ],
)
def test_texts_that_are_no_names_are_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        checked_name(text)


def test_a_name_is_stored_in_one_spelling() -> None:
    assert checked_name("  Zoe\u0308   Müller ") == "Zo\u00eb Müller"


def test_what_a_text_means() -> None:
    ids = {"clips/a:b.mp4": "a-1"}
    assert target_of("clips/a:b.mp4:speaker_0001", ids.__getitem__) == LabelTarget("a-1", "speaker_0001")
    assert target_of("identity_0012", ids.__getitem__) == IdentityTarget("identity_0012")
    assert target_of("Anna: the first", ids.__getitem__) == "Anna: the first"
