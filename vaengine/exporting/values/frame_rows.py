"""Rows of boxes frame by frame, and boxes in between: read one after the other, never all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, NamedTuple

from schemas.annotations.annotation import FACE_DETECTION, Annotation, BBox
from vaengine.results.presence_intervals import MAX_JOINED_INTERVALS, PresenceSampling

INTERPOLATED: Final = "interpolated"  # the attribute of a box that lies between two detected ones


@dataclass(frozen=True, slots=True)
class FrameRows:
    """The boxes of one frame; `frame` counts from 0, `time_s` are seconds since the first frame."""

    frame: int
    time_s: float
    rows: tuple[Annotation, ...]


class _Seen(NamedTuple):
    frame: int
    time_s: float
    row: Annotation


def label_of(row: Annotation) -> str | None:
    """The track of a box of a person, or the identity of a face; None for a box in no track."""
    return row.face_id if row.annotation_type == FACE_DETECTION else row.person_id


def box_of(row: Annotation) -> BBox:
    """The box of a row; raises ValueError where it has none."""
    if row.bbox is None:
        raise ValueError(f"annotation {row.annotation_id} has no box")
    return row.bbox


def by_frame(rows: Iterable[Annotation]) -> Iterator[FrameRows]:
    """Rows that are in order of their frames, grouped by frame."""
    for frame, group in groupby(rows, key=lambda row: row.frame_number):
        own = tuple(group)
        yield FrameRows(frame or 0, own[0].timestamp_seconds or 0.0, own)


def with_boxes_between(
    frames: Iterable[FrameRows],
    samplings: Mapping[str, PresenceSampling],
    time_of: Callable[[int], float],
) -> Iterator[FrameRows]:
    """The same frames, and those between with boxes in straight lines; `samplings` are by annotation type.

    Boxes of one label are joined as `PresenceSampling` says. Key points and confidence stay away from boxes
    that nobody detected. Holds the frames of two sampling intervals at most.
    """
    waiting: dict[int, list[Annotation]] = {}
    last: dict[tuple[str, str], _Seen] = {}
    for own in frames:
        for row in own.rows:
            label = label_of(row)
            if label is None:
                continue
            before = last.get((row.annotation_type, label))
            seen = _Seen(own.frame, own.time_s, row)
            if before is not None and samplings[row.annotation_type].joins(before, seen):
                for between in _between(before, seen, time_of):
                    waiting.setdefault(between.frame_number or 0, []).append(between)
            last[row.annotation_type, label] = seen
        waiting.setdefault(own.frame, []).extend(own.rows)
        last = {name: seen for name, seen in last.items() if _is_open(seen, own.time_s, samplings[name[0]])}
        yield from _released(waiting, min((seen.frame for seen in last.values()), default=own.frame), time_of)
    yield from _released(waiting, None, time_of)


def _is_open(seen: _Seen, now_s: float, sampling: PresenceSampling) -> bool:
    """Whether a later box may still join this one."""
    return now_s - seen.time_s <= (MAX_JOINED_INTERVALS + 1) / sampling.fps


def _released(
    waiting: dict[int, list[Annotation]], until: int | None, time_of: Callable[[int], float]
) -> Iterator[FrameRows]:
    """Frames that nothing is added to any more, which are taken out."""
    for frame in sorted(frame for frame in waiting if until is None or frame <= until):
        rows = tuple(waiting.pop(frame))
        yield FrameRows(frame, rows[0].timestamp_seconds or time_of(frame), rows)


def _between(before: _Seen, after: _Seen, time_of: Callable[[int], float]) -> Iterator[Annotation]:
    first, last = box_of(before.row), box_of(after.row)
    for frame in range(before.frame + 1, after.frame):
        time_s = time_of(frame)
        share = min(1.0, max(0.0, (time_s - before.time_s) / (after.time_s - before.time_s)))
        box = BBox(
            first.x + (last.x - first.x) * share,
            first.y + (last.y - first.y) * share,
            first.width + (last.width - first.width) * share,
            first.height + (last.height - first.height) * share,
        )
        yield replace(
            before.row,
            annotation_id=f"{before.row.annotation_id}+{frame - before.frame}",
            timestamp_seconds=time_s,
            frame_number=frame,
            confidence=None,
            bbox=box,
            attributes={INTERPOLATED: True},
        )
