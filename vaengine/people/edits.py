"""Edits of who is who: each is decided on what the store says, and is one entry of its log."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from actors.stores.rules.people import NamedPerson, redoable, undoable
from actors.stores.rules.states import now
from schemas.errors import NotFound, PeopleChanged, UsageError
from schemas.storage.backend import StorageBackend
from schemas.storage.people import EditAction, PersonEdit, PersonReference, kind_of_label
from vaengine.people.references import reference_to
from vaengine.people.resolution import EntityResolution
from vaengine.people.stored_labels import LabelIn, StoredLabels
from vaengine.people.targets import IdentityTarget, LabelTarget, Target, checked_name, new_person_id

MAX_TRIES: Final = 5  # to append an edit while others edit too


@dataclass(frozen=True, slots=True)
class Decision:
    """An edit, the references that it is about, and one line about it."""

    edit: PersonEdit
    references: tuple[PersonReference, ...]
    told: str


Decide = Callable[[EntityResolution], Decision]


def name_person(store: StorageBackend, target: Target, text: str) -> Decision:
    """Give a person a name, or add a label or the faces of an identity to the person of that name.

    Raises `NotFound`; `UsageError` where that would mix two persons.
    """
    name = checked_name(text)
    return _carried_out(store, lambda known: _naming(store, known, target, name))


def merge_persons(store: StorageBackend, into: str, other: str) -> Decision:
    """Make two persons one, who keeps the name of the first; raises `NotFound`, `UsageError`."""
    return _carried_out(store, lambda known: _merging(known, into, other))


def split_person(
    store: StorageBackend, whose: str, parts: Sequence[LabelTarget | IdentityTarget], text: str | None = None
) -> Decision:
    """Take labels away from a person, for another one of this name or for a new one.

    Raises `NotFound`; `UsageError` for labels that are not the person's, or are everything.
    """
    name = None if text is None else checked_name(text)
    return _carried_out(store, lambda known: _splitting(store, known, whose, parts, name))


def undo_edit(store: StorageBackend, *, redo: bool = False) -> Decision:
    """Take back the newest edit that counts, or the newest undo; raises `UsageError` where there is none."""
    return _carried_out(store, lambda known: _undoing(known, redo=redo))


def _carried_out(store: StorageBackend, decide: Decide) -> Decision:
    """Append what is decided; decides anew where somebody else has edited meanwhile."""
    for _ in range(MAX_TRIES - 1):
        known = EntityResolution(store)
        decision = decide(known)
        try:
            store.add_person_edit(decision.edit, decision.references, after=known.log.newest)
        except PeopleChanged:
            continue
        return decision
    known = EntityResolution(store)
    decision = decide(known)
    store.add_person_edit(decision.edit, decision.references, after=known.log.newest)
    return decision


def _edit(
    action: EditAction,
    person_id: str = "",
    other_id: str = "",
    name: str | None = None,
    references: Iterable[str] = (),
) -> PersonEdit:
    return PersonEdit(str(uuid.uuid4()), action, now(), person_id, other_id, name, tuple(references))


# Naming.


def _naming(store: StorageBackend, known: EntityResolution, target: Target, name: str) -> Decision:
    if isinstance(target, str):
        return _renaming(known, target, name)
    labels = _labels_of(store, known, target)
    same = _of_name(known, name)
    name = same.name if same and same.name else name  # in the spelling that the person has
    holders = {one.person_id: one for label in labels if (one := known.holder_of(*label))}
    person = _person_for(target, name, same, holders.values())
    free = [label for label in labels if known.holder_of(*label) is None]
    if not free and person is not None and person.name == name:
        raise UsageError(f"{target} is {name} already")
    stored = StoredLabels(store, {video_id for video_id, _ in labels})
    references = [reference_to(store, stored, *label) for label in _with_linked_faces(known, stored, free)]
    person_id = person.person_id if person else new_person_id()
    edit = _edit(EditAction.NAME, person_id, name=name, references=[one.reference_id for one in references])
    return Decision(edit, tuple(references), _naming_line(name, person, references))


def _naming_line(name: str, person: NamedPerson | None, references: Sequence[PersonReference]) -> str:
    added = ", ".join(map(str, references))
    if person is None or person.name is None:
        return f"{name} is {added}" if added else f"{person.shown_name if person else ''} is {name}"
    return f"{name} is {added} too"


def _renaming(known: EntityResolution, target: str, name: str) -> Decision:
    person, same = known.named(target).person, _of_name(known, name)
    if same is not None and same.person_id != person.person_id:
        raise UsageError(
            f"{name} is another person: `vaengine person merge {name!r} {person.shown_name!r}` makes them one"
        )
    if person.name == name:
        raise UsageError(f"{name} has this name already")
    return Decision(
        _edit(EditAction.NAME, person.person_id, name=name), (), f"{person.shown_name} is now {name}"
    )


def _of_name(known: EntityResolution, name: str) -> NamedPerson | None:
    """Who has this very name, without regard to case; not who had it before a merge."""
    persons = known.people.persons.values()
    return next((one for one in persons if one.name and one.name.casefold() == name.casefold()), None)


def _person_for(
    target: Target, name: str, same: NamedPerson | None, holders: Iterable[NamedPerson]
) -> NamedPerson | None:
    """Who gets the name: who has it, or the one unnamed person who has the labels; None for a new one."""
    others = [one for one in holders if same is None or one.person_id != same.person_id]
    if not others:
        return same
    if same is None and len(others) == 1 and others[0].name is None:
        return others[0]
    names = " and ".join(sorted(one.shown_name for one in others))
    first = others[0].shown_name
    raise UsageError(
        f"{target} is {names}: `vaengine person name {first!r} {name!r}` renames them, `vaengine person "
        f"split {first!r} {target} --name {name!r}` takes it away, `vaengine person merge` makes two one"
    )


def _labels_of(
    store: StorageBackend, known: EntityResolution, target: LabelTarget | IdentityTarget
) -> list[LabelIn]:
    """The labels that a target means; raises `NotFound`."""
    if isinstance(target, LabelTarget):
        return [(target.video_id, target.label)]
    faces = [one for one in store.identities() if one.identity_id == target.identity_id]
    if not faces:
        raise NotFound(
            target.identity_id, f"{store.url}: `vaengine identities list` shows those that are stored"
        )
    stored = StoredLabels(store, {face.video_id for face in faces})
    labels = [
        (face.video_id, face.face_id)
        for face in faces
        if (key := stored.key(face.video_id, "face_analysis")) and key.config_hash == face.config_hash
    ]
    if not labels:
        raise UsageError(
            f"{target.identity_id} is of results that were replaced since: `vaengine identities build` finds "
            "the persons of the present ones"
        )
    return labels


def _with_linked_faces(
    known: EntityResolution, stored: StoredLabels, labels: Sequence[LabelIn]
) -> list[LabelIn]:
    """Labels, and the faces that were seen at their tracks most often unless somebody has them."""
    tracks = [label for label in labels if kind_of_label(label[1]) == "person"]
    face_of_track = stored.face_of_track({video_id for video_id, _ in tracks}) if tracks else {}
    faces = [(track[0], face_of_track[track]) for track in tracks if track in face_of_track]
    return list(dict.fromkeys([*labels, *(face for face in faces if known.holder_of(*face) is None)]))


# Merging and splitting.


def _merging(known: EntityResolution, into: str, other: str) -> Decision:
    kept, gone = known.named(into).person, known.named(other).person
    if kept.person_id == gone.person_id:
        raise UsageError(f"{into} and {other} are one person already: {kept.shown_name}")
    told = f"{gone.shown_name} is {kept.shown_name}: {len(kept.references) + len(gone.references)} references"
    return Decision(_edit(EditAction.MERGE, kept.person_id, gone.person_id), (), told)


def _splitting(
    store: StorageBackend,
    known: EntityResolution,
    whose: str,
    parts: Sequence[LabelTarget | IdentityTarget],
    name: str | None,
) -> Decision:
    found = known.named(whose)
    own = {(video.video_id, label) for video in found.videos for label in video.labels}
    labels = [label for part in parts for label in _labels_of(store, known, part)]
    if foreign := [":".join(label) for label in labels if label not in own]:
        raise UsageError(
            f"{', '.join(foreign)} is not {found.person.shown_name}: `vaengine person show` lists who is"
        )
    stored = StoredLabels(store, {video_id for video_id, _ in labels})
    references = [reference_to(store, stored, *label) for label in labels]
    moved = list(
        dict.fromkeys([*known.references_to(found.person, labels), *(r.reference_id for r in references)])
    )
    if set(found.person.references) <= set(moved):
        raise UsageError(
            f"that is all of {found.person.shown_name}: `vaengine person name` gives another name"
        )
    other = _of_name(known, name) if name else None
    if other is not None and other.person_id == found.person.person_id:
        raise UsageError(f"{name} is the person to be split: give the other one another name")
    person_id = other.person_id if other else new_person_id()
    edit = _edit(EditAction.SPLIT, person_id, found.person.person_id, name, moved)
    told = f"{', '.join(map(':'.join, labels))} is {name or person_id}, no longer {found.person.shown_name}"
    return Decision(edit, tuple(references), told)


# Undoing.


def _undoing(known: EntityResolution, *, redo: bool) -> Decision:
    undone = redoable(known.log.edits) if redo else undoable(known.log.edits)
    if undone is None:
        raise UsageError("there is nothing to redo" if redo else "there is nothing to undo")
    edits = {edit.edit_id: edit for edit in known.log.edits}
    shown = edits[undone.other_id] if redo else undone
    word = "done again" if redo else "undone"
    at = f"{shown.at:%Y-%m-%d %H:%M:%S} UTC"
    return Decision(
        _edit(EditAction.UNDO, other_id=undone.edit_id), (), f"{word}: {_edit_text(known, shown)}, of {at}"
    )


def _edit_text(known: EntityResolution, edit: PersonEdit) -> str:
    names = {one.person_id: one.name for one in known.log.edits if one.name}
    person, other = (names.get(one) or one for one in (edit.person_id, edit.other_id))
    match edit.action:
        case EditAction.MERGE:
            return f"merge of {other} into {person}"
        case EditAction.SPLIT:
            return f"split of {person} from {other}"
        case _:
            return f"name {edit.name or person}"
