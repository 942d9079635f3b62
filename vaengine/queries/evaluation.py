"""Answers a query from the rows of one video at a time, by the algebra of intervals.

It serves the store of files, and tells in tests what the statements of databases have to answer. Conditions
are true, false, or None: unknown, where the video lacks a pipeline that they need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import eq, ge, gt, le, lt
from typing import Any, Final

import numpy as np

from schemas.annotations.annotation import FACE_IDENTITY, PERSON_TRACK, Annotation, BBox
from schemas.pipelines import AUDIO
from vaengine.queries import intervals
from vaengine.queries.intervals import Times
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
    Query,
    Region,
    Relation,
    Selector,
)
from vaengine.queries.resolution import Branch, Resolution
from vaengine.queries.texts import is_said

_COMPARE: Final[Mapping[str, Any]] = {"gt": gt, "ge": ge, "lt": lt, "le": le, "eq": eq}


@dataclass(frozen=True, slots=True)
class VideoRows:
    """One video: the rows of its current complete results, and the pipelines that these are of."""

    video_id: str
    duration_s: float
    width: int
    height: int
    analysed: frozenset[str]
    rows: tuple[Annotation, ...]

    def whole(self) -> Annotation:
        """The video itself as a row."""
        return Annotation(self.video_id, self.video_id, "", "", "video", 0.0, self.duration_s)


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One moment, in the order of answers: the best score first, then by video, time and ids."""

    minus_score: float
    video_id: str
    start_s: float
    ids: tuple[str, ...]
    end_s: float

    @property
    def score(self) -> float:
        return -self.minus_score


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows with their times as arrays."""

    rows: tuple[Annotation, ...]
    starts: Times
    ends: Times

    @classmethod
    def of(cls, rows: Iterable[Annotation]) -> _Rows:
        listed = tuple(rows)
        spans = np.array([_span(row) for row in listed], np.float64).reshape(-1, 2)
        return cls(listed, spans[:, 0], spans[:, 1])

    def where(self, mask: intervals.Mask) -> _Rows:
        kept = tuple(row for row, keep in zip(self.rows, mask, strict=True) if keep)
        return _Rows(kept, self.starts[mask], self.ends[mask])


@dataclass(slots=True)
class Evaluation:
    """Answers queries about one video."""

    video: VideoRows
    resolution: Resolution
    _known: dict[Selector, _Rows] = field(default_factory=dict)

    def moments(self, query: Query) -> Iterator[Found]:
        """Every moment of the video, in no order."""
        if self.resolution.videos is not None and self.video.video_id not in self.resolution.videos:
            return
        for row in self._found(query).rows:
            if all(self.holds(condition, row) for condition in query.where):
                yield from self._widened([row], query.steps)

    def _widened(self, rows: list[Annotation], steps: Sequence[Relation]) -> Iterator[Found]:
        if not steps:
            yield _found(rows)
            return
        for other in self._related(steps[0], rows[-1]).rows:
            yield from self._widened([*rows, other], steps[1:])

    def numbers(self, query: Query, measures: Sequence[Measure]) -> Iterator[tuple[str, list[float | None]]]:
        """The id of each row that `find` means, and these numbers of it."""
        for row in self._found(query).rows:
            yield row.annotation_id, [self.measure(measure, row) for measure in measures]

    # Rows.

    def _found(self, query: Query) -> _Rows:
        if self.resolution.found is None:
            return self._rows(query.find)
        return Evaluation(self.video, self.resolution.of_find(query))._rows(query.find)

    def _rows(self, selector: Selector) -> _Rows:
        if selector not in self._known:
            rows = [self.video.whole()] if selector.kind == "video" else self._of_branches(selector)
            chosen = [row for row in rows if self._passes(row, selector)]
            kept = (row for row in chosen if all(self.holds(one, row) for one in selector.where))
            self._known[selector] = _Rows.of(kept)
        return self._known[selector]

    def _of_branches(self, selector: Selector) -> list[Annotation]:
        branches = self.resolution.branches(selector)
        return [
            row
            for row in self.video.rows
            if row.timestamp_seconds is not None and any(_is_of(row, branch) for branch in branches)
        ]

    def _passes(self, row: Annotation, selector: Selector) -> bool:
        start, end = _span(row)
        length, ids = end - start, self.resolution.ids(selector)
        if selector.label is not None:
            spellings = self.resolution.labels.get(selector.label, ())
            if row.attributes.get("label") not in spellings:
                return False
        too_unsure = selector.min_confidence is not None and (
            row.confidence is None or row.confidence < selector.min_confidence
        )
        too_short = selector.min_s is not None and length < selector.min_s
        too_long = selector.max_s is not None and length > selector.max_s
        if too_unsure or too_short or too_long or (ids is not None and row.annotation_id not in ids):
            return False
        if selector.said is not None and not is_said(self.resolution.searches[selector.said], row):
            return False
        return selector.region is None or (
            row.bbox is not None and is_in_region(selector.region, row.bbox, self.video)
        )

    # Conditions.

    def holds(self, condition: Condition, row: Annotation) -> bool | None:
        """Whether a condition is true of a row; None where nobody knows."""
        if isinstance(condition, All):
            return _all(self.holds(one, row) for one in condition.all)
        if isinstance(condition, Either):
            return _not(_all(_not(self.holds(one, row)) for one in condition.any))
        if isinstance(condition, Not):
            return _not(self.holds(condition.negated, row))
        return self._holds(condition, row) if self._needs(condition) <= self.video.analysed else None

    def _holds(self, condition: Relation | Measure, row: Annotation) -> bool | None:
        if isinstance(condition, Relation):
            return bool(self._related(condition, row).rows)
        value = self.measure(condition, row)
        if value is None:
            return None
        return all(bool(_COMPARE[name](value, limit)) for name, limit in condition.limits())

    def _needs(self, condition: Relation | Measure) -> frozenset[str]:
        if isinstance(condition, Mean):
            return frozenset({AUDIO})
        if isinstance(condition, Relation):
            return self.resolution.needs(condition.to)
        if isinstance(condition, Count):
            return self.resolution.needs(condition.count)
        parts = condition.coverage if isinstance(condition, Coverage) else ()
        return frozenset().union(*map(self.resolution.needs, parts))

    def _related(self, relation: Relation, row: Annotation) -> _Rows:
        others = self._rows(relation.to)
        mask = intervals.related(
            relation.relation, *_span(row), others.starts, others.ends, relation.within_s
        )
        others_only = np.array([other.annotation_id != row.annotation_id for other in others.rows], bool)
        return others.where(mask & others_only)

    # Numbers.

    def measure(self, condition: Measure, row: Annotation) -> float | None:
        """The number that a condition bounds; None where there is none."""
        start, end = _span(row)
        if isinstance(condition, Duration):
            return end - start
        if isinstance(condition, Mean):
            return self._mean(condition, start, end)
        if isinstance(condition, Coverage):
            return self._coverage(condition, start, end)
        return float(self._count(condition, start, end))

    def _within(self, selector: Selector, start: float, end: float, min_overlap_s: float = 0.0) -> _Rows:
        rows = self._rows(selector)
        mask = intervals.intersects(start, end, rows.starts, rows.ends)
        if min_overlap_s > 0:
            mask &= intervals.overlap_s(start, end, rows.starts, rows.ends) >= min_overlap_s
        return rows.where(mask)

    def _count(self, condition: Count, start: float, end: float) -> int:
        rows = self._within(condition.count, start, end, condition.min_overlap_s)
        own_ids = condition.distinct == "row"
        names = [row.annotation_id if own_ids else self._person(condition.count, row) for row in rows.rows]
        kept = np.array([name is not None for name in names], bool)
        if condition.concurrent:
            named = np.array([name or "" for name in names], object)
            return intervals.most_at_once(start, rows.starts[kept], rows.ends[kept], named[kept])
        return len(set(names) - {None})

    def _person(self, selector: Selector, row: Annotation) -> str | None:
        """What tells one person from another: the name, for a track the identity by face, if it has one."""
        if selector.person is not None:
            return selector.person
        own: str | None = getattr(row, str(selector.of.local_id))
        if (person := self._one_person(own)) or selector.of.annotation_type != PERSON_TRACK:
            return person or own
        faces = [
            other.face_id
            for other in self.video.rows
            if other.annotation_type == FACE_IDENTITY
            and other.face_id is not None
            and row.person_id in (other.attributes.get("persons") or ())
        ]
        face = min(faces, default=None)
        return self._one_person(face) or face or own

    def _one_person(self, label: str | None) -> str | None:
        return self.resolution.one_person.get((self.video.video_id, label)) if label else None

    def _coverage(self, condition: Coverage, start: float, end: float) -> float | None:
        if end == start:
            return None
        within = [self._within(selector, start, end) for selector in condition.coverage]
        starts = np.concatenate([rows.starts for rows in within])
        ends = np.concatenate([rows.ends for rows in within])
        return intervals.covered_s(start, end, starts, ends) / (end - start)

    def _mean(self, condition: Mean, start: float, end: float) -> float | None:
        rows = self._within(Selector(kind="loudness"), start, end).rows
        levels = [level for row in rows if (level := row.attributes.get(condition.mean)) is not None]
        return sum(levels) / len(levels) if levels else None


def _span(row: Annotation) -> tuple[float, float]:
    start = row.timestamp_seconds or 0.0
    return start, start if row.end_seconds is None else row.end_seconds


def _is_of(row: Annotation, branch: Branch) -> bool:
    if row.annotation_type != branch.annotation_type:
        return False
    if branch.members is None or branch.column is None:
        return True
    return (row.video_id, getattr(row, branch.column)) in branch.members


def _all(values: Iterable[bool | None]) -> bool | None:
    """Kleene's conjunction: false if any is, else unknown if any is."""
    seen = set(values)
    return False if False in seen else None if None in seen else True


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _found(rows: Sequence[Annotation]) -> Found:
    spans = [_span(row) for row in rows]
    confidence = min(1.0 if row.confidence is None else row.confidence for row in rows)
    between = 1.0
    for (start, end), (next_start, next_end) in pairwise(spans):
        between += max(0.0, next_start - end, start - next_end)
    start_s, end_s = min(start for start, _ in spans), max(end for _, end in spans)
    ids = tuple(row.annotation_id for row in rows)
    return Found(-(confidence / between), rows[0].video_id, start_s, ids, end_s)


def is_in_region(region: Region, box: BBox, video: VideoRows) -> bool:
    """Whether a box lies in a region of the displayed picture; see `Region`."""
    left, right = region.left * video.width, region.right * video.width
    top, bottom = region.top * video.height, region.bottom * video.height
    if region.mode == "inside":
        return left <= box.x and box.x + box.width <= right and top <= box.y and box.y + box.height <= bottom
    if region.mode == "intersects":
        return box.x < right and left < box.x + box.width and box.y < bottom and top < box.y + box.height
    if region.mode == "fraction":
        across = max(0.0, min(box.x + box.width, right) - max(box.x, left))
        down = max(0.0, min(box.y + box.height, bottom) - max(box.y, top))
        return across * down >= (region.fraction or 0.0) * (box.width * box.height)
    x, y = box.x + box.width / 2, box.y + box.height / 2
    across_fits = (region.left == 0 or left <= x) and (region.right == 1 or x < right)
    return across_fits and (region.top == 0 or top <= y) and (region.bottom == 1 or y < bottom)
