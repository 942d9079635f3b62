"""Erases who or what is forgotten from the queries that a store keeps by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from schemas.errors import UsageError
from schemas.paths import name_of
from schemas.storage.backend import QueryStore
from schemas.storage.retention import PersonIn, Removed
from vaengine.queries.language.document import Query, Selector, Similar, parts_of
from vaengine.queries.language.parsing import query_of, to_json


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What must no longer be named: `names` of persons, `labels` of videos, all names of `videos`."""

    names: frozenset[str] = frozenset()
    labels: tuple[PersonIn, ...] = ()
    videos: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        names: Collection[str] = (),
        labels: Collection[PersonIn] = (),
        video_id: str | None = None,
        paths: Collection[str] = (),
    ) -> Forgotten:
        """Names without regard to case; a video by its id, its paths and its file names."""
        own = (video_id, *paths, *map(name_of, paths)) if video_id else ()
        return cls(frozenset(name.casefold() for name in names), tuple(labels), frozenset(own))

    def is_person(self, person: str) -> bool:
        """Whether a query that asks for this person asks for somebody who is forgotten."""
        video_id, _, label = person.rpartition("/")
        own = {(one.video_id, one.label) for one in self.labels}
        return person.strip().casefold() in self.names or (video_id, label) in own or video_id in self.videos

    def is_reference(self, named: str) -> bool:
        """Whether a query for what is similar to this is about something that is forgotten."""
        video, _, label = named.rpartition(":")
        labels = {one.label for one in self.labels if video in {one.video_id, _stem(one.video_id)}}
        is_there = bool(video) and (label in labels or video in self.videos | set(map(_stem, self.videos)))
        return is_there or named.casefold() in self.names

    def is_in(self, text: str) -> bool:
        """Whether a text has one of the names as whole words."""
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text.casefold()) for name in self.names)


def _stem(video: str) -> str:
    """A video's name as people write it: that of its file without an ending, or its id without digits."""
    return re.sub(r"(-[0-9a-f]{8,16}|\.\w+)$", "", name_of(video))


@dataclass(frozen=True, slots=True)
class QueryErasure:
    """What becomes of saved queries: `dropped` go, `changed` lose a video, `mentions` are left, and told."""

    dropped: tuple[str, ...] = ()
    changed: Mapping[str, Query] | None = None
    mentions: tuple[str, ...] = ()

    @property
    def removed(self) -> Removed:
        """The counts and lines of a report."""
        count = len(self.dropped) + len(self.changed or {})
        told = (
            *(f"saved query {name!r} is about what is forgotten: it goes" for name in self.dropped),
            *(f"saved query {name!r} no longer names the video" for name in self.changed or {}),
        )
        left = tuple(
            f"saved query {name!r} has the name in its text: `vaengine query --drop {name!r}` removes it"
            for name in self.mentions
        )
        return Removed({"saved_queries": count} if count else {}, left, told=told)

    def carry_out(self, store: QueryStore) -> None:
        """Change the store; what was done already is done again without harm."""
        for name in self.dropped:
            store.drop_query(name)
        for name, query in (self.changed or {}).items():
            store.save_query(name, to_json(query))


def query_erasure(saved: Mapping[str, str], forgotten: Forgotten) -> QueryErasure:
    """The decision about saved queries, JSON by name.

    A query that asks for a forgotten person, or for what is similar to one, can never be answered again, and
    holds the name: it goes. A forgotten video is taken out of the videos that a query is limited to; where it
    is the only one, the query goes. A name that stands elsewhere, in the own name of a query or in words that
    are sought, may mean another: it is left, and told.
    """
    dropped, changed, mentions = list[str](), dict[str, Query](), list[str]()
    for name, document in saved.items():
        query = _readable(document)
        if query is None or not _asks_for(query, forgotten):
            limited = query and _without_videos(query, forgotten)
            if limited:
                changed[name] = limited
            if forgotten.is_in(" ".join([name, *(_texts(query) if query else [document])])):
                mentions.append(name)
        else:
            dropped.append(name)
    return QueryErasure(tuple(dropped), changed, tuple(mentions))


def _readable(document: str) -> Query | None:
    """The query; None for one that another version saved."""
    try:
        return query_of(document)
    except UsageError:
        return None


def _asks_for(query: Query, forgotten: Forgotten) -> bool:
    persons = any(one.person is not None and forgotten.is_person(one.person) for one in query.selectors)
    similar = any(forgotten.is_reference(str(one.annotation)) for one in parts_of(query, Similar))
    return persons or similar or (bool(query.videos) and forgotten.videos.issuperset(query.videos))


def _without_videos(query: Query, forgotten: Forgotten) -> Query | None:
    """The query without forgotten videos; None where it names none."""
    kept = tuple(name for name in query.videos if name not in forgotten.videos)
    return query.model_copy(update={"videos": kept}) if kept != query.videos else None


def _texts(query: Query) -> Iterator[str]:
    for selector in parts_of(query, Selector):
        yield selector.said or ""
    for similar in parts_of(query, Similar):
        yield similar.image or ""
