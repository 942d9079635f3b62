"""Names that people gave to tracks in another tool, as edits of who is who.

A name is tied to the boxes of the person, so it is found again in whatever result the machine makes next.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from actors.stores.rules.people import NamedPerson
from actors.stores.rules.person_matching import candidates_of, found_again
from actors.stores.rules.states import now
from schemas.annotations.annotation import Annotation, canonical_digest
from schemas.pipelines import of_human
from schemas.storage.backend import StorageBackend
from schemas.storage.imports import NamingEdits
from schemas.storage.people import PIPELINE_OF, EditAction, PersonEdit, PersonReference
from vaengine.importing.rows import ImportedRows
from vaengine.people.resolution import EntityResolution
from vaengine.people.stored_labels import LabelIn, StoredLabels
from vaengine.people.targets import checked_name, new_person_id

KINDS = ("person", "face")


@dataclass(frozen=True, slots=True)
class NamedTrack:
    """A track or a face with a name: a reference to it, and the machine's labels at its place."""

    name: str
    reference: PersonReference
    labels: tuple[LabelIn, ...]


def naming_of(
    store: StorageBackend, imports: Mapping[str, ImportedRows]
) -> tuple[NamingEdits, tuple[str, ...]]:
    """The edits of all names in imports, by video id, and a line for each.

    Raises `UsageError` for a name that is none.
    """
    tracks = [track for video_id, rows in imports.items() for track in named_tracks(store, video_id, rows)]
    known = EntityResolution(store)
    people = _People(known)
    edits = [edit for track in tracks for edit in people.edits_of(track)]
    used = {name for edit in edits for name in edit.references}
    references = tuple(track.reference for track in tracks if track.reference.reference_id in used)
    return NamingEdits(tuple(edits), references, known.log.newest), tuple(people.lines)


def named_tracks(store: StorageBackend, video_id: str, rows: ImportedRows) -> Iterator[NamedTrack]:
    """The tracks and faces of one import that have a name."""
    fingerprint = store.fingerprints([video_id])[video_id]
    stored = StoredLabels(store, [video_id])
    for kind in KINDS:
        own = rows.rows.get(of_human(PIPELINE_OF[kind]), ())
        names, digest = _names(own, kind), canonical_digest(row.to_data() for row in own)
        for candidate in candidates_of(own, kind) if names else ():
            if candidate.label not in names:
                continue
            facts = (fingerprint, video_id, candidate.label, rows.config_hash, digest, candidate.samples())
            reference = PersonReference(*facts)
            found = found_again(reference, stored.candidates(video_id, kind)).labels
            yield NamedTrack(names[candidate.label], reference, tuple((video_id, label) for label in found))


def _names(rows: Sequence[Annotation], kind: str) -> dict[str, str]:
    return {
        label: checked_name(str(row.attributes["name"]))
        for row in rows
        if (label := getattr(row, f"{kind}_id")) and row.attributes.get("name")
    }


class _People:
    """Decides on one track after the other; who is new in this import is known to the next."""

    def __init__(self, known: EntityResolution) -> None:
        self._known = known
        self._new: dict[str, str] = {}
        self.lines: list[str] = []

    def edits_of(self, track: NamedTrack) -> Iterator[PersonEdit]:
        """Nothing where the person has the name already, else who has the label loses it."""
        holders = self._holders(track.labels)
        if (
            track.labels
            and len(holders) == len(track.labels)
            and all(_has(one, track.name) for one in holders.values())
        ):
            return
        person_id = self._person_id(track.name)
        for label, holder in holders.items():
            if holder.person_id == person_id:
                continue
            taken = self._known.references_to(holder, [label])
            if taken:
                yield _edit(EditAction.SPLIT, person_id, holder.person_id, track.name, taken)
        yield _edit(EditAction.NAME, person_id, "", track.name, [track.reference.reference_id])
        before = sorted({one.shown_name for one in holders.values() if not _has(one, track.name)})
        was = f", who was {' and '.join(before)}" if before else ""
        self.lines.append(f"{track.name} is {track.reference}{was}")

    def _holders(self, labels: Iterable[LabelIn]) -> dict[LabelIn, NamedPerson]:
        return {label: one for label in labels if (one := self._known.holder_of(*label))}

    def _person_id(self, name: str) -> str:
        person = self._known.people.find(name)
        if person is not None:
            return person.person_id
        return self._new.setdefault(name.casefold(), new_person_id())


def _has(person: NamedPerson, name: str) -> bool:
    return (person.name or "").casefold() == name.casefold()


def _edit(
    action: EditAction, person_id: str, other_id: str, name: str, references: Sequence[str]
) -> PersonEdit:
    return PersonEdit(str(uuid.uuid4()), action, now(), person_id, other_id, name, tuple(references))
