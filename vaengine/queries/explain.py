"""Explains a query: what it was resolved to, how it is run, and what emptied it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vaengine.queries.answers import Analysed, analysed_of
from vaengine.queries.collection import Collection
from vaengine.queries.language.document import (
    Bounds,
    Condition,
    Count,
    Coverage,
    Duration,
    Mean,
    Not,
    Query,
    Relation,
    Selector,
)
from vaengine.queries.language.parsing import to_yaml
from vaengine.queries.resolution import Resolution
from vaengine.queries.resolve import People, SimilarRows, resolved

DISTANCES_S: Final = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)  # tried in this order
MAX_LIMITS: Final = 4  # other limits of a number that are tried
_LOWER, _UPPER = ("gt", "ge"), ("lt", "le")


@dataclass(frozen=True, slots=True)
class Part:
    """A query with one condition more than the part before it, and how many moments that leaves."""

    text: str
    moments: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A resolved query: the statement and its plan, what each condition leaves, and what would find more."""

    query: Query
    statement: str
    plan: str
    moments: int
    videos: int
    analysed: Analysed
    notes: tuple[str, ...]
    parts: tuple[Part, ...]
    relaxations: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The explanation for a person."""
        yield from ("The query, resolved:", "", *_indented(to_yaml(self.query)), "")
        if self.statement:
            yield from ("As SQL:", "", *_indented(self.statement), "")
        yield from ("How it is run:", "", *_indented(self.plan), "")
        yield f"Found: {self.moments:,} moments in {self.videos:,} of {self.analysed.videos:,} videos"
        yield from (f"  {part.moments:>9,}  {part.text}" for part in self.parts)
        if self.relaxations:
            yield from ("Nearest that finds something:", *(f"  {line}" for line in self.relaxations))
        yield from (line for line in (self.analysed.line, *self.notes) if line)


def explained(
    query: Query,
    collection: Collection,
    people: People | None = None,
    similar: SimilarRows | None = None,
) -> Explanation:
    """The explanation of a query in a collection; raises `UsageError` for unknown words."""
    asked, resolution = resolved(query, collection, people, similar)
    statement, plan = collection.plan(asked, resolution)
    moments, videos = collection.count(asked, resolution)
    parts = tuple(Part(text, collection.count(part, resolution)[0]) for text, part in parts_in_order(asked))
    return Explanation(
        asked,
        statement,
        plan,
        moments,
        videos,
        analysed_of(asked, collection, resolution),
        (*people_notes(resolution), *resolution.notes),
        parts,
        () if moments else tuple(_relaxations(asked, collection, resolution)),
    )


def people_notes(resolution: Resolution) -> Iterator[str]:
    """Who each name was taken to mean."""
    for name, person in resolution.people.items():
        videos = {video for video, _ in person.tracks | person.faces | person.speakers}
        parts = (person.tracks, "tracks"), (person.faces, "faces"), (person.speakers, "speakers")
        members = ", ".join(f"{len(part)} {noun}" for part, noun in parts)
        yield f"{name}: {members} in {len(videos)} videos"


def parts_in_order(query: Query) -> Iterator[tuple[str, Query]]:
    """The query with its first condition, its first two, and so on."""
    plain = query.model_copy(update={"where": (), "steps": ()})
    yield text_of(query.find), plain
    for number, condition in enumerate(query.where, 1):
        yield condition_text(condition), plain.model_copy(update={"where": query.where[:number]})
    for number, step in enumerate(query.steps, 1):
        changes = {"where": query.where, "steps": query.steps[:number]}
        yield condition_text(step), plain.model_copy(update=changes)


# Words.


def query_text(query: Query) -> str:
    """A query in one line, as a title: `person:A near sound:laughter within 5 s`."""
    conditions = map(condition_text, (*query.where, *query.steps))
    found = text_of(query.find)
    asked = f"videos with {found}" if query.answers == "videos" and query.find.kind != "video" else found
    return " ".join([asked, ", ".join(conditions)]).strip()


def text_of(selector: Selector) -> str:
    """A selector as it is written in short."""
    named = selector.person or selector.label or selector.said
    return f"{selector.kind}:{named}" if named else selector.kind


def condition_text(condition: Condition) -> str:
    """A condition in one line."""
    if isinstance(condition, Not):
        return f"not {condition_text(condition.negated)}"
    if isinstance(condition, Relation):
        within = "" if condition.within_s is None else f" within {condition.within_s:g} s"
        return f"{condition.relation} {text_of(condition.to)}{within}"
    if isinstance(condition, Count | Coverage | Mean | Duration):
        return f"{_measure_text(condition)} {_bounds_text(condition)}"
    return "all of several" if hasattr(condition, "all") else "any of several"


def _measure_text(measure: Count | Coverage | Mean | Duration) -> str:
    if isinstance(measure, Count):
        return f"count of {text_of(measure.count)}{' at once' * measure.concurrent}"
    if isinstance(measure, Coverage):
        return f"coverage by {'+'.join(map(text_of, measure.coverage))}"
    return measure.mean if isinstance(measure, Mean) else "length"


def _bounds_text(bounds: Bounds) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "="}
    return " ".join(f"{signs[name]} {limit:g}" for name, limit in bounds.limits())


def _indented(text: str) -> Iterator[str]:
    return (f"  {line}" for line in text.splitlines())


# Relaxations.


def _relaxations(query: Query, collection: Collection, resolution: Resolution) -> Iterator[str]:
    """For each limit of the query the nearest one that finds something, the others as they are."""
    for name in ("where", "steps"):
        for number, condition in enumerate(getattr(query, name)):
            for relaxed in _relaxed(condition, query, collection, resolution):
                conditions = list(getattr(query, name))
                conditions[number] = relaxed
                other = query.model_copy(update={name: tuple(conditions)})
                moments, _ = collection.count(other, resolution)
                if moments:
                    yield f"0 with {condition_text(condition)}, {moments:,} with {condition_text(relaxed)}"
                    break
    if query.find.min_confidence:
        sure = query.model_copy(update={"find": query.find.model_copy(update={"min_confidence": None})})
        moments, _ = collection.count(sure, resolution)
        if moments:
            yield f"0 with confidence >= {query.find.min_confidence:g}, {moments:,} with any"


def _relaxed(
    condition: Condition, query: Query, collection: Collection, resolution: Resolution
) -> Iterator[Condition]:
    """The same condition, less strict, the nearest first."""
    if isinstance(condition, Relation) and condition.within_s is not None:
        for distance_s in DISTANCES_S:
            if distance_s > condition.within_s:
                yield condition.model_copy(update={"within_s": float(distance_s)})
    elif isinstance(condition, Count | Coverage | Mean | Duration):
        found = collection.measures(query, resolution, [condition]).values()
        values = sorted(value for (value,) in found if value is not None)
        yield from _reachable(condition, values)


def _reachable(
    condition: Count | Coverage | Mean | Duration, values: list[float]
) -> Iterator[Count | Coverage | Mean | Duration]:
    """The condition with a limit that some of the values reach, the nearest to its own limit first."""
    plain = dict.fromkeys((*_LOWER, *_UPPER, "eq"))
    for name, limit in condition.limits():
        if name in _LOWER:
            near = sorted({value for value in values if value <= limit}, reverse=True)
        else:
            near = sorted({value for value in values if value >= limit})
        for value in near[:MAX_LIMITS]:
            yield condition.model_copy(update=plain | {"ge" if name in _LOWER else "le": value})
