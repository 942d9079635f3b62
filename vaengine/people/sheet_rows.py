"""What a contact sheet of persons shows: a row for each person, identity or label, with its pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.errors import NotFound
from schemas.storage.backend import StorageBackend
from vaengine.console.units import counted
from vaengine.people.listing import label_counts
from vaengine.people.portraits import Portrait, portraits, portraits_of
from vaengine.people.resolution import EntityResolution, ResolvedPerson
from vaengine.people.stored_labels import LabelIn
from vaengine.people.targets import IdentityTarget, LabelTarget, Target


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A person of a sheet: a title, one line about the person, and pictures, which may be none."""

    title: str
    about: str
    portraits: tuple[Portrait, ...] = ()


def rows_of_targets(store: StorageBackend, targets: Sequence[Target], limit: int) -> list[SheetRow]:
    """A row for each of these persons, identities and labels, all persons without any; `limit` pictures each.

    Raises `NotFound`.
    """
    known = EntityResolution(store)
    if not targets:
        return [_of_person(store, one, limit) for one in known.everybody()]
    return [_of_target(store, known, target, limit) for target in targets]


def rows_of_unnamed(store: StorageBackend, limit: int) -> list[SheetRow]:
    """A row for each identity of the collection of which no face is anybody's, those in most videos first."""
    known = EntityResolution(store)
    members: defaultdict[str, list[LabelIn]] = defaultdict(list)
    named: set[str] = set()
    for face in store.identities():
        members[face.identity_id].append((face.video_id, face.face_id))
        if known.holder_of(face.video_id, face.face_id) is not None:
            named.add(face.identity_id)
    unnamed = sorted(members.keys() - named, key=lambda one: (-len(members[one]), one))
    return [_of_labels(store, one, members[one], limit) for one in unnamed]


def _of_target(store: StorageBackend, known: EntityResolution, target: Target, limit: int) -> SheetRow:
    if isinstance(target, LabelTarget):
        return _of_labels(store, str(target), [(target.video_id, target.label)], limit)
    if isinstance(target, IdentityTarget):
        labels = [
            (one.video_id, one.face_id) for one in store.identities() if one.identity_id == target.identity_id
        ]
        if not labels:
            raise NotFound(target.identity_id, store.url)
        return _of_labels(store, target.identity_id, labels, limit)
    return _of_person(store, known.named(target), limit)


def _of_labels(store: StorageBackend, title: str, labels: Sequence[LabelIn], limit: int) -> SheetRow:
    videos = len({video_id for video_id, _ in labels})
    return SheetRow(title, f"in {counted(videos, 'video')}", tuple(portraits_of(store, labels, limit)))


def _of_person(store: StorageBackend, found: ResolvedPerson, limit: int) -> SheetRow:
    about = " · ".join([found.person.person_id, *_about(found)])
    return SheetRow(found.person.name or "(no name)", about, tuple(portraits(store, found, limit)))


def _about(found: ResolvedPerson) -> Iterator[str]:
    yield f"in {counted(len(found.videos), 'video')}"
    for count, noun in zip(label_counts(found), ("track", "face", "speaker"), strict=True):
        if count:
            yield counted(count, noun)
    if found.unmatched:
        yield f"{counted(len(found.unmatched), 'reference')} not found"
