"""Resolves the words of a query in a collection; unknown ones are refused with the nearest known."""

from __future__ import annotations

import difflib
import fnmatch
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Collection as Sized
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar

from pydantic import BaseModel

from schemas.errors import UsageError
from schemas.paths import name_of
from vaengine.queries.collection import Collection
from vaengine.queries.language.document import (
    Bounds,
    Count,
    Coverage,
    Duration,
    Mean,
    Measure,
    Query,
    Selector,
    Similar,
    parts_of,
)
from vaengine.queries.language.words import MIN_TRACK_S, KindName
from vaengine.queries.resolution import Appearances, Member, Resolution, one_person_of
from vaengine.queries.texts import search_for

MAX_NAMED: Final = 8  # known names in an error
WINDOW_NOTE: Final = (
    "sounds are heard in windows of 10 s every 5 s: their times are right to 5 s, not to the second"
)
# The annotations of a kind like a picture, with their cosine: of these ids alone, or of all.
SimilarRows = Callable[[Similar, KindName, Sized[str] | None], Mapping[str, float]]
_Value = TypeVar("_Value", bound=BaseModel)


class People(Protocol):
    """Persons by the names that people gave them."""

    @property
    def holders(self) -> Mapping[Member, str]:
        """The name of whom each track, face and speaker is, of those that are anybody's."""
        ...

    def names(self) -> Sequence[str]:
        """Every name."""
        ...

    def resolve(self, name: str) -> Appearances | None:
        """Where the person of a name appears; None for an unknown name."""
        ...


def resolved(
    query: Query,
    collection: Collection,
    people: People | None = None,
    similar: SimilarRows | None = None,
) -> tuple[Query, Resolution]:
    """A query with every default and percentile as a number, and what its words mean.

    Raises `UsageError` for what is unknown.
    """
    query = _with_defaults(query)
    selectors = query.selectors
    resolution = Resolution(
        labels=_labels({one.label for one in selectors if one.label is not None}, collection),
        people={
            name: _person(name, collection, people)
            for name in sorted({one.person for one in selectors if one.person is not None})
        },
        searches={one.said: search_for(one.said) for one in selectors if one.said is not None},
        one_person=one_person_of(people.holders) if people and _counts_persons(query) else {},
        videos=_videos(query.videos, collection) if query.videos else None,
        notes=_notes(query),
    )
    for selector in reversed(selectors[1:]):  # the innermost first; `find`, which comes first, is ranked last
        if selector.similar is not None:
            candidates = Query(find=_with_similar(selector, None), videos=query.videos)
            scores = _ranked(selector, candidates, collection, resolution, similar)
            resolution = replace(resolution, scores={**resolution.scores, selector: scores})
    query = _with_percentiles(query, collection, resolution)
    if query.find.similar is not None:
        changes = {"find": _with_similar(query.find, None), "answers": "moments", "page": None}
        found = _ranked(query.find, query.model_copy(update=changes), collection, resolution, similar)
        resolution = replace(resolution, found=found)
    return query, resolution


def _notes(query: Query) -> tuple[str, ...]:
    """How exact the answers are: people say when a sound begins, the machine listens in windows."""
    has_sounds = query.source != "human" and any(one.kind == "sound" for one in query.selectors)
    return (WINDOW_NOTE,) if has_sounds else ()


def _counts_persons(query: Query) -> bool:
    return any(one.distinct == "person" and one.count.person is None for one in parts_of(query, Count))


# Likeness: what passes everything else is ranked.


def _with_similar(selector: Selector, similar: Similar | None) -> Selector:
    return selector.model_copy(update={"similar": similar})


def _ranked(
    selector: Selector,
    candidates: Query,
    collection: Collection,
    resolution: Resolution,
    similar: SimilarRows | None,
) -> Mapping[str, float]:
    """The rows of a selector that are most like what it names, of those that `candidates` finds."""
    if similar is None or selector.similar is None:
        raise UsageError("this store has no likeness to ask for: leave `similar` out")
    has_filters = candidates.find != Selector(kind=selector.kind) or bool(
        candidates.where or candidates.steps or candidates.videos
    )
    ids = collection.ids(candidates, resolution) if has_filters else None
    return similar(selector.similar, selector.kind, ids)


# Defaults and percentiles.


def rewritten(value: Any, kind: type[_Value], change: Callable[[_Value], _Value]) -> Any:
    """A document in which every value of a type is replaced, the innermost first."""
    if isinstance(value, tuple):
        return tuple(rewritten(each, kind, change) for each in value)
    if not isinstance(value, BaseModel):
        return value
    fields = {name: rewritten(getattr(value, name), kind, change) for name in type(value).model_fields}
    new = value.model_copy(update=fields)
    return change(new) if isinstance(new, kind) else new


def _with_defaults(query: Query) -> Query:
    """Tracks of nobody in particular are at least half a second long, unless people made them."""
    if query.source == "human":
        return query

    def long_enough(selector: Selector) -> Selector:
        if selector.kind != "person" or selector.person is not None or selector.min_s is not None:
            return selector
        return selector.model_copy(update={"min_s": MIN_TRACK_S})

    changed: Query = rewritten(query, Selector, long_enough)
    return changed


def _with_percentiles(query: Query, collection: Collection, resolution: Resolution) -> Query:
    """Each percentile as a limit: the number of the rows that the condition is about."""

    def limited(bounds: Bounds) -> Bounds:
        if bounds.percentile is None or not isinstance(bounds, Count | Coverage | Mean | Duration):
            return bounds
        value = percentile_of(bounds, query, collection, resolution)
        least = value if bounds.ge is None else max(value, bounds.ge)
        return bounds.model_copy(update={"percentile": None, "ge": least})

    if all(bounds.percentile is None for bounds in parts_of(query, Bounds)):
        return query
    nested = [
        one for selector in query.selectors for bounds in selector.where for one in parts_of(bounds, Bounds)
    ]
    if any(bounds.percentile is not None for bounds in nested):
        raise UsageError("a percentile is of what `find` means: give it in the outermost `where`")
    changed: Query = rewritten(query, Bounds, limited)
    return changed


def percentile_of(measure: Measure, query: Query, collection: Collection, resolution: Resolution) -> float:
    """The percentile of a number over the rows that `find` means, by nearest rank."""
    plain = measure.model_copy(update={"percentile": None})
    query = query.model_copy(update={"find": _with_similar(query.find, None)})
    found = collection.measures(query, resolution, [plain]).values()
    values = sorted(value for (value,) in found if value is not None)
    if not values:
        raise UsageError(f"no {query.find.kind} has this number, so it has no percentile")
    rank = math.ceil((measure.percentile or 0.0) / 100 * len(values))
    return values[max(0, rank - 1)]


# Labels, persons and videos.


def _labels(asked: Iterable[str], collection: Collection) -> dict[str, tuple[str, ...]]:
    wanted = sorted(asked)
    if not wanted:
        return {}
    spellings: dict[str, list[str]] = {}
    for label in collection.labels():
        spellings.setdefault(label.casefold(), []).append(label)
    return {label: _spellings(label, spellings) for label in wanted}


def _spellings(label: str, known: Mapping[str, list[str]]) -> tuple[str, ...]:
    found = known.get(label.strip().casefold())
    if found is None:
        raise unknown(f"sound {label!r}", label.casefold(), sorted(known), "`vaengine facets` lists them")
    return tuple(found)


def unknown(what: str, asked: str, known: Sequence[str], where: str) -> UsageError:
    """The error for a name that nothing has, with the nearest that something has."""
    near = difflib.get_close_matches(asked, known, 3, 0.6)
    if near:
        return UsageError(f"no {what} is stored: did you mean {' or '.join(near)}? {where}")
    listed = ", ".join(known[:MAX_NAMED]) + (" ..." if len(known) > MAX_NAMED else "")
    return UsageError(f"no {what} is stored: there are {listed or 'none'}; {where}")


def _person(name: str, collection: Collection, people: People | None) -> Appearances:
    """Who a name means: a named person, else an identity, else the id of a track, face or speaker."""
    found = people.resolve(name) if people is not None else None
    found = found or _identity(name, collection) or _local(name, collection)
    if found is None:
        names = list(people.names()) if people is not None else []
        known = [*names, *_identity_names(collection), *collection.local_ids()]
        raise unknown(f"person {name!r}", name, known, "`vaengine facets` lists them")
    return found


def _identity_names(collection: Collection) -> list[str]:
    return sorted({identity.identity_id for identity in collection.identities()})


def _identity(name: str, collection: Collection) -> Appearances | None:
    faces = frozenset(
        (identity.video_id, identity.face_id)
        for identity in collection.identities()
        if identity.identity_id == name
    )
    return Appearances(frozenset(collection.tracks_of(faces)), faces) if faces else None


def _local(name: str, collection: Collection) -> Appearances | None:
    """An id of single videos: `person_0001` in any, `VIDEO/person_0001` in one."""
    video_id, _, local_id = name.rpartition("/")
    videos_with = collection.videos_with(local_id)

    def members(column: str) -> frozenset[Member]:
        return frozenset((video, local_id) for video in videos_with[column] if video_id in ("", video))

    faces = members("face_id")
    tracks = members("person_id") | (collection.tracks_of(faces) if faces else set())
    found = Appearances(frozenset(tracks), faces, members("speaker_id"))
    return found if found != Appearances() else None


def _videos(asked: Sequence[str], collection: Collection) -> tuple[str, ...]:
    """The videos of ids, file names and patterns; raises `UsageError` for one that nothing has."""
    names: dict[str, set[str]] = {}
    for path, video_id in collection.paths().items():
        for name in (video_id, path, name_of(path)):
            names.setdefault(name, set()).add(video_id)
    found: set[str] = set()
    for pattern in asked:
        ids = {video_id for name in fnmatch.filter(names, pattern) for video_id in names[name]}
        ids |= names.get(pattern, set())
        if not ids:
            raise unknown(f"video {pattern!r}", pattern, sorted(names), "`vaengine status` lists them")
        found |= ids
    return tuple(sorted(found))
