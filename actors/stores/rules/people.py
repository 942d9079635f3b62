"""Who is who by the log of edits, and what is erased from it: pure, so that every store has the same people.

The state follows from the log alone. The newest edit that counts is undone first, so an edit and its undo
leave the state that was there before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from schemas.storage.people import EditAction, PeopleLog, PersonEdit


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """A person of the collection: `references` are ids in the order of the edits; `name` None is unnamed."""

    person_id: str
    name: str | None
    references: tuple[str, ...]

    @property
    def shown_name(self) -> str:
        """The name, or the id of a person without one."""
        return self.name or self.person_id


@dataclass(frozen=True, slots=True)
class People:
    """Everybody by id, in the order of the edits; `merged` says into whom another id went."""

    persons: Mapping[str, NamedPerson] = field(default_factory=dict)
    merged: Mapping[str, str] = field(default_factory=dict)
    merged_names: Mapping[str, str] = field(default_factory=dict)  # folded name -> person id

    def find(self, name: str) -> NamedPerson | None:
        """The person of a name or an id, following merges; case and spaces around do not count."""
        folded = name.strip().casefold()
        for person in self.persons.values():
            if person.name is not None and person.name.casefold() == folded:
                return person
        person_id = self.merged_names.get(folded, folded)
        return self.persons.get(self.merged.get(person_id, person_id))

    def names_of(self, log: PeopleLog, person_id: str) -> tuple[str, ...]:
        """Every id and name that a person has had, with those of whoever was merged into this person."""
        ids = {person_id, *(gone for gone, into in self.merged.items() if into == person_id)}
        given = (edit.name for edit in log.edits if edit.person_id in ids and edit.name)
        return tuple(sorted({*ids, *given}))


# Which edits count.


def effective(edits: Sequence[PersonEdit]) -> list[PersonEdit]:
    """The edits that count, in order: without those that were undone, and without undos."""
    return [edit for edit in _standing(edits) if edit.action is not EditAction.UNDO]


def undoable(edits: Sequence[PersonEdit]) -> PersonEdit | None:
    """The edit that the next undo takes back: the newest that counts."""
    return next(reversed(effective(edits)), None)


def redoable(edits: Sequence[PersonEdit]) -> PersonEdit | None:
    """The undo that the next redo takes back; None where there is none, or another edit came after it."""
    actions = {edit.edit_id: edit.action for edit in edits}
    for edit in reversed(_standing(edits)):
        if edit.action is not EditAction.UNDO:
            return None
        if actions.get(edit.other_id) is not EditAction.UNDO:
            return edit
    return None


def _standing(edits: Sequence[PersonEdit]) -> list[PersonEdit]:
    """The edits that no standing undo takes back, undos included."""
    undone: set[str] = set()
    standing = []
    for edit in reversed(edits):
        if edit.edit_id in undone:
            continue
        if edit.action is EditAction.UNDO:
            undone.add(edit.other_id)
        standing.append(edit)
    return standing[::-1]


# Who is who.


def people_of(log: PeopleLog) -> People:
    """Everybody of whom anything is left: persons without references are left out."""
    people = _everybody(effective(log.edits))
    left = {
        person.person_id: replace(
            person, references=tuple(one for one in person.references if one in log.references)
        )
        for person in people.persons.values()
    }
    return replace(people, persons={name: person for name, person in left.items() if person.references})


def _everybody(edits: Iterable[PersonEdit]) -> People:
    persons: dict[str, NamedPerson] = {}
    merged: dict[str, str] = {}
    merged_names: dict[str, str] = {}
    for edit in edits:
        if edit.action is EditAction.MERGE:
            if gone := _merge(persons, edit):
                merged = {
                    person: edit.person_id if into == edit.other_id else into
                    for person, into in merged.items()
                }
                merged[edit.other_id] = edit.person_id
                if gone.name is not None:
                    merged_names[gone.name.casefold()] = edit.person_id
        else:
            _give(persons, edit)
    names = {name: merged.get(person, person) for name, person in merged_names.items()}
    return People(persons, merged, names)


def _merge(persons: dict[str, NamedPerson], edit: PersonEdit) -> NamedPerson | None:
    """Add one person to another; returns the one that is gone, None where either is unknown."""
    kept, gone = persons.get(edit.person_id), persons.get(edit.other_id)
    if kept is None or gone is None or kept is gone:
        return None
    del persons[edit.other_id]
    references = (*kept.references, *(one for one in gone.references if one not in kept.references))
    persons[edit.person_id] = replace(kept, name=kept.name or gone.name, references=references)
    return gone


def _give(persons: dict[str, NamedPerson], edit: PersonEdit) -> None:
    """Give a person a name and references, which nobody else has any longer."""
    given = set(edit.references)
    for person in list(persons.values()):
        if person.person_id != edit.person_id and given.intersection(person.references):
            kept = tuple(one for one in person.references if one not in given)
            persons[person.person_id] = replace(person, references=kept)
    before = persons.get(edit.person_id, NamedPerson(edit.person_id, None, ()))
    references = tuple(dict.fromkeys([*before.references, *edit.references]))
    persons[edit.person_id] = replace(before, name=edit.name or before.name, references=references)


# What is erased.


@dataclass(frozen=True, slots=True)
class PeopleErasure:
    """What is erased of the people: these references, and all of these persons."""

    reference_ids: frozenset[str] = frozenset()
    person_ids: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, log: PeopleLog, reference_ids: Iterable[str], person_ids: Iterable[str] = ()
    ) -> PeopleErasure:
        """The erasure of references, and of persons with all they have and with who was merged into them."""
        people, named = people_of(log), set(person_ids)
        named |= {person for person, into in people.merged.items() if into in named}
        owned = {one for name in named if name in people.persons for one in people.persons[name].references}
        return cls(frozenset(reference_ids) & frozenset(log.references) | owned, frozenset(named))


def references_of_videos(
    log: PeopleLog, video_ids: Collection[str], fingerprints: Collection[str]
) -> list[str]:
    """The ids of references to videos, by either of what they are known by."""
    return [
        reference_id
        for reference_id, reference in log.references.items()
        if reference.video_id in video_ids or reference.fingerprint in fingerprints
    ]


def erased(log: PeopleLog, erasure: PeopleErasure) -> tuple[PeopleLog, Counter[str]]:
    """The log after an erasure, and the number of references and of edits that changed.

    Edits of which no reference is left go, with all edits that are connected with them. Of the others, those
    that named a person of whom nothing is left lose the name.
    """
    references = {name: one for name, one in log.references.items() if name not in erasure.reference_ids}
    if len(references) == len(log.references) and not erasure.person_ids:
        return log, Counter()
    kept = [edit for group in _connected(log.edits) if _has_any(group, references) for edit in group]
    order = {edit.edit_id: position for position, edit in enumerate(log.edits)}
    kept.sort(key=lambda edit: order[edit.edit_id])
    left = replace(log, edits=tuple(kept), references=references)
    nameless = _without_data(left) | erasure.person_ids
    edits = tuple(replace(edit, name=None) if edit.person_id in nameless else edit for edit in kept)
    unchanged = len(set(edits) & set(log.edits))
    counts = Counter(
        person_references=len(log.references) - len(references), person_edits=len(log.edits) - unchanged
    )
    return replace(left, edits=edits), counts


def _has_any(edits: Iterable[PersonEdit], references: Collection[str]) -> bool:
    return any(one in references for edit in edits for one in edit.references)


def _without_data(log: PeopleLog) -> set[str]:
    """The ids of persons of whom no reference is left, neither now nor by any edit of their own."""
    own: defaultdict[str, set[str]] = defaultdict(set)
    for edit in log.edits:
        own[edit.person_id].update(edit.references)
    present = people_of(log).persons
    return {
        person for person, held in own.items() if person not in present and not held & log.references.keys()
    }


def _connected(edits: Sequence[PersonEdit]) -> Iterator[list[PersonEdit]]:
    """Groups of edits that share a person, a reference or an edit that is undone, directly or by others."""
    group_of: dict[str, list[PersonEdit]] = {}
    for edit in edits:
        names = [edit.edit_id, edit.person_id, edit.other_id, *edit.references]
        joined = [edit]
        for group in {
            id(group_of[name]): group_of[name] for name in names if name and name in group_of
        }.values():
            joined += group
        touched = {
            name
            for member in joined
            for name in (member.edit_id, member.person_id, member.other_id, *member.references)
            if name
        }
        group_of.update(dict.fromkeys(touched, joined))
    yield from {id(group): group for group in group_of.values()}.values()
