"""Who is who follows from the log of edits alone; what is undone was never done, what is erased is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.stores.rules.people import PeopleErasure, effective, erased, people_of, redoable, undoable
from schemas.storage.people import EditAction, PeopleLog, PersonEdit
from tests.support.stores.people import edit, log_with, merged, named, reference, split, undo

FACES = [reference(f"face_{n:04d}", video) for video in "ab" for n in (1, 2, 3)]
ANNA, BOB, CLEO = "p-anna", "p-bob", "p-cleo"
PERSONS = [ANNA, BOB, CLEO]
NAMES = ["Anna", "Bob", "Cleo", None]
A, B, C, D, E, F = FACES

somebody, some_faces = st.sampled_from(PERSONS), st.lists(st.sampled_from(FACES), max_size=3, unique=True)


@st.composite
def logs(draw: st.DrawFn) -> PeopleLog:
    """Any log that commands can write: the newest edit is undone, the newest undo is redone."""
    edits: list[PersonEdit] = []
    for _ in range(draw(st.integers(0, 12))):
        edits.append(draw(following(edits)))
    return log_with(FACES, *edits)


@st.composite
def following(draw: st.DrawFn, edits: list[PersonEdit]) -> PersonEdit:
    undone = draw(st.sampled_from([None, undoable(edits), redoable(edits)]))
    if undone is not None:
        return undo(undone)
    action = draw(st.sampled_from([EditAction.NAME, EditAction.MERGE, EditAction.SPLIT]))
    if action is EditAction.MERGE:
        return merged(draw(somebody), draw(somebody))
    ids = [one.reference_id for one in draw(some_faces)]
    other = draw(somebody) if action is EditAction.SPLIT else ""
    return edit(action, draw(somebody), other, draw(st.sampled_from(NAMES)), ids)


@given(st.data(), logs())
def test_an_edit_and_its_undo_leave_the_state_before_also_where_the_edit_is_an_undo(
    data: st.DataObject, log: PeopleLog
) -> None:
    added = data.draw(following(list(log.edits)))
    after = replace(log, edits=(*log.edits, added, undo(added)))
    assert people_of(after) == people_of(log)


@given(logs())
def test_undoing_everything_leaves_nobody_and_redoing_everything_brings_all_back(log: PeopleLog) -> None:
    edits = list(log.edits)
    while newest := undoable(edits):
        edits.append(undo(newest))
    assert people_of(replace(log, edits=tuple(edits))).persons == {}
    for _ in range(len(effective(log.edits))):
        newest = redoable(edits)
        assert newest is not None
        edits.append(undo(newest))
    assert people_of(replace(log, edits=tuple(edits))) == people_of(log)


@given(logs())
def test_a_reference_has_one_person_and_nobody_is_without_any(log: PeopleLog) -> None:
    people = people_of(log)
    held = [one for person in people.persons.values() for one in person.references]
    assert len(held) == len(set(held))
    assert all(person.references for person in people.persons.values())


@given(logs(), st.sets(st.sampled_from(FACES)))
def test_an_erasure_leaves_everybody_else_as_they_were(log: PeopleLog, gone: set) -> None:
    ids = {one.reference_id for one in gone}
    left, counts = erased(log, PeopleErasure.of(log, ids))
    assert left.references.keys() == log.references.keys() - ids
    assert counts["person_references"] == len(ids)
    before, after = people_of(log).persons, people_of(left).persons
    assert {person: one.references for person, one in after.items()} == {
        person: kept
        for person, one in before.items()
        if (kept := tuple(held for held in one.references if held not in ids))
    }
    untouched = {person: one for person, one in before.items() if not ids & set(one.references)}
    assert {person: after[person].name for person in untouched} == {
        person: one.name for person, one in untouched.items()
    }


@given(logs(), somebody)
def test_of_a_person_who_is_erased_no_name_and_no_reference_is_left(log: PeopleLog, person: str) -> None:
    held = people_of(log).persons.get(person)
    left, _ = erased(log, PeopleErasure.of(log, (), [person]))
    assert person not in people_of(left).persons
    assert not any(edit.name for edit in left.edits if edit.person_id == person)
    assert not set(held.references if held else ()) & left.references.keys()


@given(logs())
def test_an_erasure_of_everything_leaves_an_empty_log(log: PeopleLog) -> None:
    left, _ = erased(log, PeopleErasure.of(log, log.references))
    assert left == PeopleLog()


def test_who_was_merged_is_found_by_the_old_name_through_any_number_of_merges() -> None:
    people = people_of(
        log_with(
            FACES, named(ANNA, "Anna", A), named(BOB, "Bob", B), named(CLEO, "Cleo", C), merged(BOB, CLEO),
            merged(ANNA, BOB),
        )
    )  # fmt: skip
    (anna,) = people.persons.values()
    assert anna.references == tuple(one.reference_id for one in (A, B, C))
    for name in ("anna", " CLEO ", "Bob", CLEO, BOB, ANNA):
        assert people.find(name) == anna
    assert people.find("Dora") is None


def test_a_name_that_is_given_anew_means_the_one_who_has_it_now() -> None:
    people = people_of(
        log_with(
            FACES, named(ANNA, "Anna", A), named(BOB, "Bob", B), merged(ANNA, BOB), named(CLEO, "bob", C)
        )
    )
    found = people.find("BOB")
    assert found is not None
    assert found.person_id == CLEO


def test_who_is_split_off_has_the_references_and_the_other_keeps_the_rest() -> None:
    people = people_of(log_with(FACES, named(ANNA, "Anna", A, B, C), split(BOB, ANNA, B, D, name="Bob")))
    assert people.persons[ANNA].references == (A.reference_id, C.reference_id)
    assert people.persons[BOB].references == (B.reference_id, D.reference_id)
    assert people.persons[BOB].shown_name == "Bob"


def test_a_merge_into_somebody_without_a_name_takes_the_name_along() -> None:
    people = people_of(log_with(FACES, named(BOB, "Bob", A, B), split(ANNA, BOB, B), merged(ANNA, BOB)))
    assert people.persons[ANNA].name == "Bob"


def test_the_name_goes_with_the_last_video_of_a_person_and_others_keep_theirs() -> None:
    anna, bob = named(ANNA, "Anna", A), named(BOB, "Bob", D)
    left, counts = erased(log_with(FACES, anna, bob), PeopleErasure(frozenset([A.reference_id])))
    assert left.edits == (bob,)
    assert counts == {"person_references": 1, "person_edits": 1}


def test_a_merge_that_was_undone_keeps_no_name_of_whom_nothing_is_left() -> None:
    anna, bob = named(ANNA, "Anna", A), named(BOB, "Bob", D)
    joined = merged(BOB, ANNA)
    log = log_with(FACES, anna, bob, joined, undo(joined))
    left, _ = erased(log, PeopleErasure(frozenset([A.reference_id])))
    assert [one.name for one in left.edits] == [None, "Bob", None, None]
    assert list(people_of(left).persons) == [BOB]


@pytest.mark.parametrize("number", [0, 1])
def test_nothing_can_be_undone_or_redone_in_an_empty_log(number: int) -> None:
    assert (undoable, redoable)[number]([]) is None


def test_a_new_edit_ends_what_can_be_redone() -> None:
    first, second = named(ANNA, "Anna", A), named(BOB, "Bob", B)
    assert redoable([first, undo(first), second]) is None
