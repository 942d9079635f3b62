"""The rows that a selector means, as a table of a SQL statement with its conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    case,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    tuple_,
)

from schemas.pipelines import HUMAN_SUFFIX, AnsweredBy, pipelines_of
from schemas.storage import tables
from schemas.work.job import JobStatus
from vaengine.queries.collection import Contents
from vaengine.queries.language.document import Region, Selector
from vaengine.queries.resolution import Branch, Resolution
from vaengine.queries.sql.functions import constant, greatest, is_one_of, is_pair_of, least
from vaengine.queries.sql.spoken import SpokenRows

_WHOLE: Final = (0.0, 1.0)  # edges of the picture: boxes may reach beyond them


@cache
def alias(table: Table, number: int) -> Any:
    """A table under the name that has this number; it is made once, since that takes long."""
    return table.alias(f"{table.name}_{number}")


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of a selector in a statement: where they come from, what holds of them, and their columns."""

    table: Any  # an alias of `annotations` or of `videos`
    froms: tuple[FromClause, ...]
    conditions: tuple[ColumnElement[bool], ...]
    start: ColumnElement[float]
    end: ColumnElement[float]
    confidence: ColumnElement[Any]  # NULL of a video
    id: ColumnElement[str]

    @property
    def is_video(self) -> bool:
        """Whether the rows are videos as a whole, which have no annotation's id."""
        return self.id is self.table.c.video_id

    @property
    def video_id(self) -> ColumnElement[str]:
        column: ColumnElement[str] = self.table.c.video_id
        return column


def is_of(source: AnsweredBy) -> ColumnElement[bool]:
    """Whether a row of `pipelines` is of a source."""
    by_human = tables.pipelines.c.name.endswith(HUMAN_SUFFIX, autoescape=True)
    return {"machine": not_(by_human), "human": by_human, "corrected": true()}[source]


def machine_name() -> ColumnElement[str]:
    """The name of the machine's pipeline that a row of `pipelines` answers for."""
    return func.replace(tables.pipelines.c.name, constant(HUMAN_SUFFIX), constant(""))


@cache
def current_keys(source: AnsweredBy) -> Select[tuple[str, int, str]]:
    """The work key of the current complete result of each video and pipeline, by a source.

    It is the newest one, as `schemas.work.current_result` says; one of people before one of the machine.
    """
    jobs, states = tables.jobs.c, tables.job_pipeline_status.c
    rank = func.row_number().over(
        partition_by=(jobs.video_id, machine_name()),
        order_by=(
            case((is_of("human"), 0), else_=1),
            states.completed_at.desc().nulls_last(),
            jobs.created_at.desc(),
            jobs.job_id.desc(),
        ),
    )
    ranked = (
        select(jobs.video_id, states.pipeline_id, states.config_hash, rank.label("number"))
        .join_from(tables.jobs, tables.job_pipeline_status)
        .join(tables.pipelines)
        .where(states.status == constant(JobStatus.COMPLETED.value), is_of(source))
        .subquery("ranked")
    )
    return select(ranked.c.video_id, ranked.c.pipeline_id, ranked.c.config_hash).where(ranked.c.number == 1)


def is_current(rows: Any, source: AnsweredBy) -> ColumnElement[bool]:
    """Whether rows of `annotations` are of the current complete result of a source."""
    key = tuple_(rows.c.video_id, rows.c.pipeline_id, rows.c.config_hash)
    is_in: ColumnElement[bool] = key.in_(current_keys(source))
    return is_in


def analysed(pipeline: str, source: AnsweredBy) -> Select[tuple[str]]:
    """The videos that have a complete result of a source that answers for a pipeline."""
    states = tables.job_pipeline_status.c
    return (
        select(tables.jobs.c.video_id)
        .join_from(tables.jobs, tables.job_pipeline_status)
        .join(tables.pipelines)
        .where(
            tables.pipelines.c.name.in_(pipelines_of(pipeline, source)),
            states.status == constant(JobStatus.COMPLETED.value),
        )
    )


def source_of(
    selector: Selector,
    resolution: Resolution,
    spoken: SpokenRows,
    numbers: Iterator[int],
    contents: Contents,
) -> Source:
    """The rows of a selector, without its own conditions.

    Rows that are of no result that counts are left out, unless `contents` say that there are none. `numbers`
    number the tables of the statement.
    """
    if selector.kind == "video":
        return _videos(selector, numbers)
    rows = alias(tables.annotations, next(numbers))
    start, end = _interval(rows, is_point=selector.of.is_point)
    froms, conditions = [rows], [start.is_not(None), _of_branches(rows, resolution.branches(selector))]
    if not contents.all_current:
        conditions.append(is_current(rows, contents.source))
    conditions += _filters(rows, start, end, selector, resolution)
    if selector.said is not None:
        search, kind = resolution.searches[selector.said], str(selector.of.annotation_type)
        conditions.append(spoken.condition(rows, kind, search))
    if selector.region is not None:
        video = alias(tables.videos, next(numbers))
        froms.append(video)
        conditions += [video.c.video_id == rows.c.video_id, in_region(selector.region, rows, video)]
    return Source(rows, tuple(froms), tuple(conditions), start, end, rows.c.confidence, rows.c.annotation_id)


def _videos(selector: Selector, numbers: Iterator[int]) -> Source:
    video = alias(tables.videos, next(numbers))
    start, end = literal(0.0), video.c.duration_seconds
    conditions = _lengths(start, end, selector)
    return Source(video, (video,), tuple(conditions), start, end, null(), video.c.video_id)


def _interval(rows: Any, *, is_point: bool) -> tuple[ColumnElement[float], ColumnElement[float]]:
    start = rows.c.timestamp_seconds
    return start, start if is_point else func.coalesce(rows.c.end_seconds, start)


def _of_branches(rows: Any, branches: tuple[Branch, ...]) -> ColumnElement[bool]:
    return or_(*(_of_branch(rows, branch) for branch in branches))


def _of_branch(rows: Any, branch: Branch) -> ColumnElement[bool]:
    is_type: ColumnElement[bool] = rows.c.annotation_type == constant(branch.annotation_type)
    if branch.members is None or branch.column is None:
        return is_type
    column = rows.c[branch.column]
    # the ids alone first: an index begins with them
    ids = is_one_of(column, {name for _, name in branch.members})
    return and_(is_type, ids, is_pair_of(rows.c.video_id, column, branch.members))


def _filters(
    rows: Any,
    start: ColumnElement[float],
    end: ColumnElement[float],
    selector: Selector,
    resolution: Resolution,
) -> list[ColumnElement[bool]]:
    conditions = _lengths(start, end, selector)
    if selector.label is not None:
        conditions.append(rows.c.label.in_(resolution.labels.get(selector.label, ())))
    if selector.min_confidence is not None:
        conditions.append(rows.c.confidence >= selector.min_confidence)
    ids = resolution.ids(selector)
    if ids is not None:
        conditions.append(is_one_of(rows.c.annotation_id, ids))
    return conditions


def _lengths(
    start: ColumnElement[float], end: ColumnElement[float], selector: Selector
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if selector.min_s is not None:
        conditions.append(end - start >= selector.min_s)
    if selector.max_s is not None:
        conditions.append(end - start <= selector.max_s)
    return conditions


def in_region(region: Region, rows: Any, video: Any) -> ColumnElement[bool]:
    """Whether a box lies in a region of the displayed picture."""
    sides = (
        (rows.c.bbox_x, rows.c.bbox_width, video.c.width, region.left, region.right),
        (rows.c.bbox_y, rows.c.bbox_height, video.c.height, region.top, region.bottom),
    )
    if region.mode == "fraction":
        shared = [
            greatest(least(at + size, last * whole) - greatest(at, first * whole), literal(0.0))
            for at, size, whole, first, last in sides
        ]
        area = rows.c.bbox_width * rows.c.bbox_height
        enough: ColumnElement[bool] = shared[0] * shared[1] >= region.fraction * area
        return enough
    return and_(*(_along(region.mode, *side) for side in sides))


def _along(
    mode: str,
    at: ColumnElement[float],
    size: ColumnElement[float],
    whole: ColumnElement[int],
    first: float,
    last: float,
) -> ColumnElement[bool]:
    """The condition of one axis; an edge of the picture is no limit to a box's middle."""
    if mode == "inside":
        return and_(at >= first * whole, at + size <= last * whole)
    if mode == "intersects":
        return and_(at < last * whole, at + size > first * whole)
    middle = at + size / 2
    limits: list[ColumnElement[bool]] = [at.is_not(None)]
    if first > _WHOLE[0]:
        limits.append(middle >= first * whole)
    if last < _WHOLE[1]:
        limits.append(middle < last * whole)
    return and_(*limits)
