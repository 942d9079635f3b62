"""Compiles conditions to expressions of SQLAlchemy Core.

Every condition is true, false or unknown (NULL), as in SQL itself: unknown where a video lacks a pipeline
that the condition needs. What is counted or sought beside the found row is a correlated subquery.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from operator import eq, ge, gt, le, lt
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
)

from schemas.annotations.annotation import FACE_IDENTITY, PERSON_TRACK
from schemas.pipelines import AUDIO
from schemas.storage import tables
from vaengine.queries.collection import Contents
from vaengine.queries.language.document import (
    All,
    Condition,
    Count,
    Coverage,
    Duration,
    Either,
    Mean,
    Measure,
    Not,
    Relation,
    Selector,
)
from vaengine.queries.resolution import Resolution
from vaengine.queries.sql.functions import (
    constant,
    greatest,
    json_lists,
    json_number,
    json_text,
    least,
    zero_if_none,
)
from vaengine.queries.sql.relations import intersects, overlap, related
from vaengine.queries.sql.sources import Source, alias, analysed, is_current, source_of
from vaengine.queries.sql.spoken import SpokenRows

_COMPARE: Final[dict[str, Any]] = {"gt": gt, "ge": ge, "lt": lt, "le": le, "eq": eq}


@dataclass(frozen=True, slots=True)
class Conditions:
    """Compiles conditions for one collection."""

    resolution: Resolution
    contents: Contents
    spoken: SpokenRows
    numbers: Iterator[int] = field(default_factory=count)  # of the tables in the statement

    def source(self, selector: Selector) -> Source:
        """The rows of a selector that pass its filters and its own conditions."""
        plain = source_of(selector, self.resolution, self.spoken, self.numbers, self.contents)
        own = tuple(self.compiled(condition, plain) for condition in selector.where)
        return Source(
            plain.table,
            plain.froms,
            (*plain.conditions, *own),
            plain.start,
            plain.end,
            plain.confidence,
            plain.id,
        )

    def compiled(self, condition: Condition, row: Source, *, negated: bool = False) -> ColumnElement[bool]:
        """A condition on a row; `negated` where it stands below a `not`."""
        if isinstance(condition, All):
            return and_(true(), *(self.compiled(one, row, negated=negated) for one in condition.all))
        if isinstance(condition, Either):
            return or_(false(), *(self.compiled(one, row, negated=negated) for one in condition.any))
        if isinstance(condition, Not):
            return not_(self.compiled(condition.negated, row, negated=True))
        if isinstance(condition, Relation):
            found = self._relation(condition, row)
            # nothing is found in a video that lacks the pipeline, so only a `not` can tell the difference
            return self._known(found, self.needs(condition), row) if negated else found
        return self._known(self._bounded(condition, row), self.needs(condition), row)

    def needs(self, condition: Condition) -> frozenset[str]:
        """The pipelines that a video needs for a condition to be known."""
        if isinstance(condition, Mean):
            return frozenset({AUDIO})
        parts: Iterable[Selector] = ()
        if isinstance(condition, Relation):
            parts = (condition.to,)
        elif isinstance(condition, Count):
            parts = (condition.count,)
        elif isinstance(condition, Coverage):
            parts = condition.coverage
        return frozenset().union(*(self.resolution.needs(part) for part in parts))

    def _known(
        self, value: ColumnElement[bool], pipelines: frozenset[str], row: Source
    ) -> ColumnElement[bool]:
        lacking = [name for name in sorted(pipelines) if not self.contents.has_all([name])]
        if not lacking:
            return value
        source = self.contents.source
        known = and_(*(row.video_id.in_(analysed(name, source)) for name in lacking))
        return case((known, value), else_=null())

    def _relation(self, condition: Relation, row: Source) -> ColumnElement[bool]:
        other = self.source(condition.to)
        joined = self.join(condition, row, other)
        return exists(select(literal(1)).select_from(*other.froms).where(joined).correlate(row.table))

    def join(self, relation: Relation, row: Source, other: Source) -> ColumnElement[bool]:
        """The condition that `other` is a row that a relation is about."""
        others_only = true() if row.is_video else other.id != row.id
        return and_(
            other.video_id == row.video_id,
            others_only,
            related(relation.relation, row, other, relation.within_s),
            *other.conditions,
        )

    def _bounded(self, condition: Measure, row: Source) -> ColumnElement[bool]:
        value = self.measure(condition, row)
        return and_(true(), *(_COMPARE[name](value, limit) for name, limit in condition.limits()))

    # Numbers.

    def measure(self, condition: Measure, row: Source) -> Any:
        """The number that a condition bounds; NULL where there is none."""
        if isinstance(condition, Duration):
            return row.end - row.start
        if isinstance(condition, Mean):
            return self._mean(condition, row)
        if isinstance(condition, Coverage):
            return self._coverage(condition, row)
        return self._concurrent(condition, row) if condition.concurrent else self._count(condition, row)

    def _within(self, selector: Selector, row: Source, min_overlap_s: float = 0.0) -> tuple[Source, Any]:
        other = self.source(selector)
        conditions = [other.video_id == row.video_id, intersects(row, other), *other.conditions]
        if min_overlap_s > 0:
            conditions.append(overlap(row, other) >= min_overlap_s)
        return other, and_(*conditions)

    def _count(self, condition: Count, row: Source) -> Any:
        other, within = self._within(condition.count, row, condition.min_overlap_s)
        counted = self._counted(condition, other)
        return _scalar(select(counted).select_from(*other.froms).where(within), row)

    def _counted(self, condition: Count, source: Source) -> ColumnElement[int]:
        if condition.distinct == "row":
            return func.count()
        return func.count(self.person(condition.count, source).distinct())

    def person(self, selector: Selector, source: Source) -> ColumnElement[str]:
        """What tells one person of a video from another: the name, for a track the identity by face, if it
        has one.
        """
        if selector.person is not None:
            return literal(selector.person)
        local_id: ColumnElement[str] = source.table.c[str(selector.of.local_id)]
        own = self._one_person(source, local_id)
        if selector.of.annotation_type != PERSON_TRACK or not self.contents.has_faces:
            return func.coalesce(*own, local_id) if own else local_id  # SQLite takes no single one
        faces = alias(tables.annotations, next(self.numbers))
        conditions = [
            faces.c.annotation_type == constant(FACE_IDENTITY),
            faces.c.video_id == source.video_id,
            json_lists(faces.c.data, literal("persons"), source.table.c.person_id),
        ]
        if not self.contents.all_current:
            conditions.append(is_current(faces, self.contents.source))
        face = _scalar(select(func.min(faces.c.face_id)).where(*conditions), source)
        return func.coalesce(*own, *self._one_person(source, face), face, local_id)

    def _one_person(self, source: Source, label: ColumnElement[str]) -> list[ColumnElement[str]]:
        """Who has a label, by one value for all: nothing where nobody has several labels in a video."""
        names = {"/".join(member): name for member, name in self.resolution.one_person.items()}
        if not names:
            return []
        whose = literal(json.dumps(names, ensure_ascii=False))
        return [json_text(whose, source.video_id + literal("/") + label)]

    def _concurrent(self, condition: Count, row: Source) -> ColumnElement[int]:
        first, within = self._within(condition.count, row, condition.min_overlap_s)
        other, also_within = self._within(condition.count, row, condition.min_overlap_s)
        at = greatest(first.start, row.start)
        there = and_(other.start <= at, or_(at < other.end, at == other.start))
        counted = select(self._counted(condition, other)).select_from(*other.froms).where(also_within, there)
        number = counted.correlate(row.table, first.table).scalar_subquery()
        each = (
            select(number.label("number"))
            .select_from(*first.froms)
            .where(within)
            .correlate(row.table)
            .subquery()
        )
        return zero_if_none(_scalar(select(func.max(each.c.number)), row))

    def _coverage(self, condition: Coverage, row: Source) -> ColumnElement[Any]:
        """The length of a union: each interval adds what lies beyond all that begin before it."""
        clipped = [self._clipped(selector, row) for selector in condition.coverage]
        parts = (clipped[0] if len(clipped) == 1 else union_all(*clipped)).subquery()
        until = func.max(parts.c.until).over(order_by=(parts.c.since, parts.c.until), rows=(None, -1))
        ordered = select(parts.c.since, parts.c.until, until.label("before")).correlate(row.table).subquery()
        reached = greatest(ordered.c.since, func.coalesce(ordered.c.before, ordered.c.since))
        added = greatest(ordered.c.until - reached, literal(0.0))
        total = _scalar(select(func.sum(added)), row)
        return func.coalesce(total, 0.0) / func.nullif(row.end - row.start, 0.0)

    def _clipped(self, selector: Selector, row: Source) -> Select[tuple[float, float]]:
        other, within = self._within(selector, row)
        since, until = greatest(other.start, row.start), least(other.end, row.end)
        query = select(since.label("since"), until.label("until")).select_from(*other.froms)
        return query.where(within).correlate(row.table)

    def _mean(self, condition: Mean, row: Source) -> Any:
        seconds, within = self._within(Selector(kind="loudness"), row)
        level = json_number(seconds.table.c.data, literal(condition.mean))
        return _scalar(select(func.avg(level)).select_from(*seconds.froms).where(within), row)


def _scalar(query: Select[Any], row: Source) -> Any:
    return query.correlate(row.table).scalar_subquery()
