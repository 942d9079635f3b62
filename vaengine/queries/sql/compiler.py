"""Compiles a query to one statement of SQLAlchemy Core, for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select

from vaengine.queries.collection import Contents, Position
from vaengine.queries.language.document import Measure, Query
from vaengine.queries.resolution import Resolution
from vaengine.queries.sql.conditions import Conditions
from vaengine.queries.sql.functions import greatest, is_one_of, least
from vaengine.queries.sql.relations import gap
from vaengine.queries.sql.sources import Source
from vaengine.queries.sql.spoken import SpokenRows

ID: Final = "id_"  # columns of the annotations of an answer: `id_0`, `id_1`, ...


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles queries for one collection; their words are resolved."""

    resolution: Resolution
    contents: Contents
    spoken: SpokenRows

    def moments(self, query: Query) -> Select[Any]:
        """All moments in no order: `score`, `video_id`, `start_s`, `end_s`, and an id for each row."""
        conditions = Conditions(self.resolution, self.contents, self.spoken)
        sources, joins = self._joined(query, conditions)
        found = sources[0]
        where = [*found.conditions, *joins]
        where += [conditions.compiled(condition, found) for condition in query.where]
        if self.resolution.videos is not None:
            where.append(is_one_of(found.video_id, self.resolution.videos))
        columns: list[Any] = [
            _score(sources).label("score"),
            found.video_id.label("video_id"),
            least(*(source.start for source in sources)).label("start_s"),
            greatest(*(source.end for source in sources)).label("end_s"),
            *(source.id.label(f"{ID}{number}") for number, source in enumerate(sources)),
        ]
        tables = [table for source in sources for table in source.froms]
        statement: Select[Any] = select(*columns).select_from(*tables)
        return statement.where(*where)

    def _joined(self, query: Query, conditions: Conditions) -> tuple[list[Source], list[ColumnElement[bool]]]:
        sources, joins = [self._found(query, conditions)], []
        for step in query.steps:
            sources.append(conditions.source(step.to))
            joins.append(conditions.join(step, sources[-2], sources[-1]))
        return sources, joins

    def _found(self, query: Query, conditions: Conditions) -> Source:
        """The rows that `find` means."""
        return replace(conditions, resolution=self.resolution.of_find(query)).source(query.find)

    def ids(self, query: Query) -> Select[tuple[str]]:
        """The id of each row that `find` means and a moment begins with, once."""
        found = self.moments(query).subquery("found")
        return select(found.c[f"{ID}0"]).distinct()

    def page(self, query: Query, after: Position | None, limit: int | None) -> Select[Any]:
        """The answers of a query in their order, from a position on."""
        found = self.moments(query).subquery("found")
        if query.answers == "videos":
            return _videos(found, after).limit(limit)
        keys = [found.c.video_id, found.c.start_s, *(column for column in found.c if column.name[:3] == ID)]
        statement = select(found)
        if after is not None:
            statement = statement.where(_beyond(found.c.score, keys, after))
        return statement.order_by(found.c.score.desc(), *keys).limit(limit)

    def count(self, query: Query) -> Any:
        """How many moments there are, in how many videos."""
        found = self.moments(query).subquery("found")
        return select(func.count(), func.count(found.c.video_id.distinct())).select_from(found)

    def measures(self, query: Query, measures: Sequence[Measure], ids: Iterable[str] | None) -> Select[Any]:
        """The id of each row that `find` means, and these numbers of it; `ids` are the only rows meant."""
        conditions = Conditions(self.resolution, self.contents, self.spoken)
        found = self._found(query, conditions)
        columns = [conditions.measure(one, found).label(f"value_{n}") for n, one in enumerate(measures)]
        where = list(found.conditions)
        if ids is not None:
            where.append(is_one_of(found.id, ids))
        if self.resolution.videos is not None:
            where.append(is_one_of(found.video_id, self.resolution.videos))
        return select(found.id.label("id"), *columns).select_from(*found.froms).where(*where)


def _score(sources: Sequence[Source]) -> ColumnElement[Any]:
    """The least confidence of the rows, less for every second between one row and the next."""
    confidence = least(*(func.coalesce(source.confidence, 1.0) for source in sources))
    between: ColumnElement[Any] = literal(1.0)
    for first, second in pairwise(sources):
        between = between + gap(first, second)
    return confidence / between


def _videos(found: Any, after: Position | None) -> Select[Any]:
    score = func.max(found.c.score)
    columns = (
        score.label("score"),
        found.c.video_id,
        func.min(found.c.start_s).label("start_s"),
        func.max(found.c.end_s).label("end_s"),
        func.count().label("moments"),
    )
    statement = select(*columns).group_by(found.c.video_id)
    if after is not None:
        statement = statement.having(_beyond(score, [found.c.video_id], after))
    return statement.order_by(score.desc(), found.c.video_id)


def _beyond(
    score: ColumnElement[float], keys: Sequence[ColumnElement[Any]], after: Position
) -> ColumnElement[bool]:
    """Whether a row comes after a position."""
    choices = [score < after.score]
    equal = [score == after.score]
    for key, value in zip(keys, after.keys, strict=True):
        choices.append(and_(*equal, key > value))
        equal.append(key == value)
    return or_(*choices)
