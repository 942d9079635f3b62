"""Persons by the names that people gave them, as queries ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from schemas.storage.backend import StorageBackend
from vaengine.people.resolution import Resolution as WhoIsWho
from vaengine.queries.resolution import Appearances


class NamedPeople:
    """The persons of a store; who is who is read when the first name is asked for."""

    def __init__(self, store: StorageBackend) -> None:
        self._store = store

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
    def _who_is_who(self) -> WhoIsWho:
        return WhoIsWho(self._store)
