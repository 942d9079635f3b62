"""Whom the names of a store mean: the identities, tracks, faces and speakers of each person, by video.

There are four ways to belong to a person, and each label has one. `named`: a reference is to this label of
this very result. `found`: the result was made again, and the reference was found in it by content.
`identity`: an identity of the collection has faces of this person and of nobody else, and this face too.
`linked`: the face that was seen at this track most often is the person's. What is named or found is never
taken by an identity or a link of another person.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from actors.stores.rules.people import NamedPerson, people_of
from schemas.errors import NotFound
from schemas.pipelines import FACE, AnsweredBy
from schemas.storage.backend import Identity, StorageBackend
from schemas.storage.people import PIPELINE_OF, kind_of_label
from vaengine.people.claims import Claims, How, Unmatched
from vaengine.people.stored_labels import LabelIn, StoredLabels

MIN_NAME_SIMILARITY: Final = 0.5  # of a name that is offered instead, 0..1


@dataclass(frozen=True, slots=True)
class PersonInVideo:
    """The labels of one person in the current results of one video, by kind in order, and how each is known.

    `config_hashes` has the configuration of the result of each pipeline with labels here.
    """

    video_id: str
    tracks: tuple[str, ...]
    faces: tuple[str, ...]
    speakers: tuple[str, ...]
    how: Mapping[str, How]
    config_hashes: Mapping[str, str]

    @property
    def labels(self) -> tuple[str, ...]:
        return (*self.tracks, *self.faces, *self.speakers)


@dataclass(frozen=True, slots=True)
class ResolvedPerson:
    """A person of the collection in all videos of a store, by video id.

    `identities` are those of the collection that have faces of this person. `notes` tell what was left out.
    """

    person: NamedPerson
    videos: tuple[PersonInVideo, ...] = ()
    identities: tuple[str, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()
    notes: tuple[str, ...] = ()


def resolve(store: StorageBackend, name: str) -> ResolvedPerson:
    """The person of a name or an id, following merges; raises `NotFound`."""
    return EntityResolution(store).named(name)


class EntityResolution:
    """Who is who in the results of a source, read once; everything of a person is looked up when it is asked
    for.
    """

    def __init__(self, store: StorageBackend, source: AnsweredBy = "machine") -> None:
        self._store, self._source = store, source
        self.log = store.people()
        self.people = people_of(self.log)

    def named(self, name: str) -> ResolvedPerson:
        """The person of a name or an id, following merges; raises `NotFound` with the nearest name."""
        person = self.people.find(name)
        if person is None:
            raise NotFound(f"person {name!r}", f"{self._store.url}{self._suggestion(name)}")
        return self.of(person)

    def _suggestion(self, name: str) -> str:
        known = {one.shown_name.casefold(): one.shown_name for one in self.people.persons.values()}
        near = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=MIN_NAME_SIMILARITY)
        if near:
            return f": did you mean {known[near[0]]}?"
        return (
            ": `vaengine person list` shows who has a name" if known else ", in which nobody has a name yet"
        )

    def everybody(self) -> list[ResolvedPerson]:
        """All persons, in the order in which they were first named."""
        self._labels.face_of_track({video_id for video_id, _ in self._claims.by_label})  # all at once
        return [self.of(person) for person in self.people.persons.values()]

    def of(self, person: NamedPerson) -> ResolvedPerson:
        """A person in all videos of the store."""
        how = dict(self._claims.of_person.get(person.person_id, {}))
        how |= dict.fromkeys(self._faces_by_identity.get(person.person_id, ()), "identity")
        faces = {label for label in how if kind_of_label(label[1]) == "face"}
        how |= dict.fromkeys(self._linked_tracks(faces), "linked")
        return ResolvedPerson(
            person,
            tuple(self._in_videos(how)),
            tuple(sorted(self._identities_of(faces))),
            self._claims.unmatched(person.person_id),
            tuple(self._notes(faces)),
        )

    def holder_of(self, video_id: str, label: str) -> NamedPerson | None:
        """Who has a label of the current results by a reference: neither by an identity nor by a link."""
        claim = self._claims.by_label.get((video_id, label))
        return self.people.persons[claim.person_id] if claim else None

    def in_video(self, video_id: str) -> dict[str, NamedPerson]:
        """The person of each label of a video that is anybody's."""
        claims = self._claims.by_label.items()
        ids = {label: claim.person_id for (own, label), claim in claims if own == video_id}
        ids |= {label: person for (own, label), person in self._by_identity.items() if own == video_id}
        for (_, track), face in self._labels.face_of_track([video_id]).items():
            if face in ids:
                ids.setdefault(track, ids[face])
        return {label: self.people.persons[person_id] for label, person_id in sorted(ids.items())}

    def config_hash(self, video_id: str, pipeline: str) -> str | None:
        """The configuration of the current result of a video that anybody is referred to in."""
        key = self._labels.key(video_id, pipeline)
        return key.config_hash if key else None

    def references_to(self, person: NamedPerson, labels: Iterable[LabelIn]) -> list[str]:
        """The ids of a person's references that are found under these labels alone."""
        return self._claims.references_under(person.references, labels)

    @cached_property
    def _claims(self) -> Claims:
        return Claims(self.log, self.people, self._labels, self._video_ids)

    @cached_property
    def _video_ids(self) -> Mapping[str, tuple[str, ...]]:
        return self._store.ids_by_content(sorted({one.fingerprint for one in self.log.references.values()}))

    @cached_property
    def _labels(self) -> StoredLabels:
        """The current results of all videos that anybody is referred to in, or is known in by an identity."""
        claimed = {video_id for ids in self._video_ids.values() for video_id in ids}
        related = {
            face.video_id
            for members in self._identities.values()
            if any(face.video_id in claimed for face in members)
            for face in members
        }
        return StoredLabels(self._store, claimed | related, self._source)

    # By identities and links.

    @cached_property
    def _identities(self) -> Mapping[str, list[Identity]]:
        members: dict[str, list[Identity]] = {}
        for face in self._store.identities() if self.log.references else ():
            members.setdefault(face.identity_id, []).append(face)
        return members

    @cached_property
    def _identity_of(self) -> Mapping[LabelIn, Identity]:
        """The identity of each face that is in the current result of its video."""
        return {
            (face.video_id, face.face_id): face
            for members in self._identities.values()
            for face in members
            if (result := self._labels.result(face.video_id, FACE)) and result.config_hash == face.config_hash
        }

    @cached_property
    def _owners(self) -> Mapping[str, set[str]]:
        """The persons who have faces of each identity by references."""
        owners: defaultdict[str, set[str]] = defaultdict(set)
        for label, face in self._identity_of.items():
            if label in self._claims.by_label:
                owners[face.identity_id].add(self._claims.by_label[label].person_id)
        return owners

    @cached_property
    def _by_identity(self) -> Mapping[LabelIn, str]:
        """The person of each face that only an identity has: of one whose other faces are one person's."""
        return {
            label: next(iter(owners))
            for label, face in self._identity_of.items()
            if label not in self._claims.by_label
            and len(owners := self._owners.get(face.identity_id, set())) == 1
        }

    @cached_property
    def _faces_by_identity(self) -> Mapping[str, list[LabelIn]]:
        """The faces that each person has by an identity alone."""
        faces: defaultdict[str, list[LabelIn]] = defaultdict(list)
        for label, person_id in self._by_identity.items():
            faces[person_id].append(label)
        return faces

    def _identities_of(self, faces: Iterable[LabelIn]) -> set[str]:
        return {self._identity_of[label].identity_id for label in faces if label in self._identity_of}

    def _notes(self, faces: Iterable[LabelIn]) -> Iterator[str]:
        """A line for each identity of these faces that is several persons'."""
        for identity_id in sorted(self._identities_of(faces)):
            names = [self.people.persons[one].shown_name for one in self._owners[identity_id]]
            if len(names) > 1:
                yield (
                    f"{identity_id} has faces of {' and '.join(sorted(names))}: its other faces count for "
                    "neither"
                )

    def _linked_tracks(self, faces: set[LabelIn]) -> set[LabelIn]:
        """The tracks at which these faces were seen most often, without those that anybody has."""
        face_of_track = self._labels.face_of_track({video_id for video_id, _ in faces}) if faces else {}
        return {
            track
            for track, face in face_of_track.items()
            if (track[0], face) in faces and track not in self._claims.by_label
        }

    def _in_videos(self, how: Mapping[LabelIn, How]) -> Iterator[PersonInVideo]:
        by_video: defaultdict[str, list[str]] = defaultdict(list)
        for video_id, label in sorted(how):
            by_video[video_id].append(label)
        for video_id, labels in by_video.items():
            by_kind = {
                kind: tuple(one for one in labels if kind_of_label(one) == kind) for kind in PIPELINE_OF
            }
            pipelines = [PIPELINE_OF[kind] for kind, own in by_kind.items() if own]
            keys = (self._labels.key(video_id, pipeline) for pipeline in pipelines)
            yield PersonInVideo(
                video_id,
                by_kind["person"],
                by_kind["face"],
                by_kind["speaker"],
                {label: how[video_id, label] for label in labels},
                {key.pipeline: key.config_hash for key in keys if key},
            )
