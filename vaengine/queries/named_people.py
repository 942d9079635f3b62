"""Persons by the names that people gave them, as queries ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from schemas.pipelines import AnsweredBy
from schemas.storage.backend import StorageBackend
from vaengine.people.resolution import EntityResolution
from vaengine.queries.resolution import Appearances, Member


class NamedPeople:
    """The persons of a store; who is who is read when the first name is asked for."""

    def __init__(self, store: StorageBackend, source: AnsweredBy = "machine") -> None:
        self._store, self._source = store, source

    def names(self) -> Sequence[str]:
        """Every name, sorted."""
        return sorted(one.shown_name for one in self._who_is_who.people.persons.values())

    def resolve(self, name: str) -> Appearances | None:
        """Where the person of a name appears, following merges; None for an unknown name."""
        person = self._who_is_who.people.find(name)
        if person is None:
            return None
        videos = self._who_is_who.of(person).videos
        return Appearances(
            frozenset((one.video_id, label) for one in videos for label in one.tracks),
            frozenset((one.video_id, label) for one in videos for label in one.faces),
            frozenset((one.video_id, label) for one in videos for label in one.speakers),
        )

    @cached_property
    def holders(self) -> Mapping[Member, str]:
        """The name of whom each track, face and speaker is, of those that are anybody's."""
        if not self._who_is_who.people.persons:
            return {}
        return {
            (video.video_id, label): found.person.shown_name
            for found in self._who_is_who.everybody()
            for video in found.videos
            for label in video.labels
        }

    @cached_property
    def _who_is_who(self) -> EntityResolution:
        return EntityResolution(self._store, self._source)
