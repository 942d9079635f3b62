"""What the words of a query mean in one collection: labels, persons, texts, percentiles, videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from schemas.annotations.annotation import FACE_IDENTITY, PERSON_TRACK
from schemas.annotations.words import WordSearch
from schemas.pipelines import AUDIO, FACE, PERSON
from vaengine.queries.language.document import Mean, Query, Selector, parts_of

Member: TypeAlias = tuple[str, str]  # a video, and the id of a track, face or speaker in it


@dataclass(frozen=True, slots=True)
class Appearances:
    """Where one person appears: tracks, faces and speakers of any videos."""

    tracks: frozenset[Member] = frozenset()
    faces: frozenset[Member] = frozenset()
    speakers: frozenset[Member] = frozenset()

    def faces_without_track(self) -> frozenset[Member]:
        """Faces in videos in which no track is the person's."""
        seen = {video_id for video_id, _ in self.tracks}
        return frozenset(member for member in self.faces if member[0] not in seen)


@dataclass(frozen=True, slots=True)
class Branch:
    """Rows of one annotation type; with `members` only those whose `column` is one of theirs."""

    annotation_type: str
    pipeline: str
    column: str | None = None
    members: frozenset[Member] | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """The words of one query in one collection.

    `labels` has the stored spellings of each label, `searches` the words of each `said`. `scores` has, for
    each selector with `similar`, the annotations that it means with their cosines; `found` has those of
    `find`, which are ranked among what passes the whole query. `one_person` has the tracks, faces and
    speakers that count as one, by whom they are, see `one_person_of`. `videos` are the only ones that count;
    None means all. `notes` are lines for a person.
    """

    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    people: Mapping[str, Appearances] = field(default_factory=dict)
    searches: Mapping[str, WordSearch] = field(default_factory=dict)
    scores: Mapping[Selector, Mapping[str, float]] = field(default_factory=dict)
    found: Mapping[str, float] | None = None
    one_person: Mapping[Member, str] = field(default_factory=dict)
    videos: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def branches(self, selector: Selector) -> tuple[Branch, ...]:
        """The rows that a selector is about, before its other filters."""
        kind = selector.of
        if kind.annotation_type is None or kind.pipeline is None:
            return ()
        if selector.person is None:
            return (Branch(kind.annotation_type, kind.pipeline),)
        person = self.people.get(selector.person, Appearances())
        if kind.annotation_type != PERSON_TRACK:
            members = {"person_id": person.tracks, "face_id": person.faces, "speaker_id": person.speakers}
            column = str(kind.local_id)
            return (Branch(kind.annotation_type, kind.pipeline, column, members[column]),)
        tracks = Branch(PERSON_TRACK, PERSON, "person_id", person.tracks)
        faces = Branch(FACE_IDENTITY, FACE, "face_id", person.faces_without_track())
        return tuple(branch for branch in (tracks, faces) if branch.members) or (tracks,)

    def needs(self, selector: Selector) -> frozenset[str]:
        """The pipelines that a video needs for a selector to be answered."""
        return frozenset(branch.pipeline for branch in self.branches(selector))

    def ids(self, selector: Selector) -> frozenset[str] | None:
        """The only annotations that can be meant, by likeness; None where any can."""
        return None if selector.similar is None else frozenset(self.scores.get(selector, {}))

    def of_find(self, query: Query) -> Resolution:
        """The same for the rows that are found, rather than for others of an equal selector."""
        if self.found is None:
            return self
        return replace(self, scores={**self.scores, query.find: self.found})

    def needed_by(self, query: Query) -> frozenset[str]:
        """The pipelines that a video needs for any part of a query."""
        loudness = {AUDIO} if any(parts_of(query, Mean)) else set()
        return frozenset(loudness).union(*map(self.needs, query.selectors))


def one_person_of(holders: Mapping[Member, str]) -> dict[Member, str]:
    """Who is counted once although several tracks, faces or speakers of one video are that person.

    Whoever has one of each kind in a video counts once anyway, and is left out.
    """
    labels: dict[tuple[str, str], list[str]] = {}
    for (video_id, label), name in holders.items():
        labels.setdefault((video_id, name), []).append(label)
    return {
        (video_id, label): f"person:{name}"  # no id of a pipeline looks so
        for (video_id, name), own in labels.items()
        if max(Counter(label.partition("_")[0] for label in own).values()) > 1
        for label in own
    }
