"""Relations in time between two sources of a SQL statement, in forms that an index can answer."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, literal, or_

from vaengine.queries.language.words import TOLERANCE_S
from vaengine.queries.sql.functions import greatest, least
from vaengine.queries.sql.sources import Source


def gap(first: Source, second: Source) -> ColumnElement[float]:
    """The seconds between two rows, 0 where they overlap or touch."""
    return greatest(literal(0.0), second.start - first.end, first.start - second.end)


def overlap(first: Source, second: Source) -> ColumnElement[float]:
    """The seconds that two rows share, below 0 where they share none."""
    return least(first.end, second.end) - greatest(first.start, second.start)


def intersects(first: Source, second: Source) -> ColumnElement[bool]:
    """Whether two rows share an instant; the first two terms say it for an index, the third exactly."""
    return and_(
        second.start <= first.end,
        second.end >= first.start,
        or_(
            and_(first.start < second.start, second.start < first.end),
            and_(second.start < first.start, first.start < second.end),
            first.start == second.start,
        ),
    )


def related(relation: str, first: Source, second: Source, within_s: float | None) -> ColumnElement[bool]:
    """Whether the first row has a relation to the second, which is of the same video and another row."""
    conditions = _CONDITIONS[relation](first, second)
    reach = None if within_s is None else within_s + TOLERANCE_S
    if relation in ("near", "before") and reach is not None:
        conditions.append(second.start <= first.end + reach)
    if relation in ("near", "after") and reach is not None:
        conditions.append(second.end >= first.start - reach)
    return and_(*conditions)


def _near(first: Source, second: Source) -> list[ColumnElement[bool]]:
    return []


def _before(first: Source, second: Source) -> list[ColumnElement[bool]]:
    return [second.start + TOLERANCE_S >= first.end]


def _after(first: Source, second: Source) -> list[ColumnElement[bool]]:
    return [second.end <= first.start + TOLERANCE_S]


def _overlaps(first: Source, second: Source) -> list[ColumnElement[bool]]:
    return [intersects(first, second)]


def _during(first: Source, second: Source) -> list[ColumnElement[bool]]:
    return [intersects(first, second), second.start <= first.start, second.end >= first.end]


def _contains(first: Source, second: Source) -> list[ColumnElement[bool]]:
    return [intersects(first, second), second.start >= first.start, second.end <= first.end]


def _starts(first: Source, second: Source) -> list[ColumnElement[bool]]:
    return [
        second.start <= first.start + TOLERANCE_S,
        second.start >= first.start - TOLERANCE_S,
        second.end >= first.end,
    ]


def _finishes(first: Source, second: Source) -> list[ColumnElement[bool]]:
    return [
        second.end <= first.end + TOLERANCE_S,
        second.end >= first.end - TOLERANCE_S,
        second.start <= first.start,
    ]


def _meets(first: Source, second: Source) -> list[ColumnElement[bool]]:
    return [second.start <= first.end + TOLERANCE_S, second.start >= first.end - TOLERANCE_S]


_CONDITIONS = {
    "near": _near,
    "before": _before,
    "after": _after,
    "overlaps": _overlaps,
    "during": _during,
    "contains": _contains,
    "starts": _starts,
    "finishes": _finishes,
    "meets": _meets,
}
