"""The longest time for which one box is shown: boxes further away say nothing about a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation
from schemas.annotations.coco import frame_order
from schemas.pipelines import is_human
from vaengine.results.lookup import VideoResults
from vaengine.results.presence_intervals import MAX_JOINED_INTERVALS, SEGMENT, SHOWN_UNTIL

LONGEST_SPAN_S: Final = "longest_span_s"  # key of the configuration of a job whose rows people made


def longest_span_of(rows: Iterable[Annotation]) -> float:
    """The longest span of boxes that people made, in seconds: until the next box of the segment, or its end.

    A box that is shown for its own frame alone counts as 0.
    """
    tracks: defaultdict[tuple[str, str | None], list[Annotation]] = defaultdict(list)
    for row in rows:
        if row.annotation_type in (PERSON_DETECTION, FACE_DETECTION) and row.bbox is not None:
            label = row.person_id if row.annotation_type == PERSON_DETECTION else row.face_id
            tracks[row.annotation_type, label].append(row)
    spans = (
        (_longest_gap_s(track) if label else 0.0, _longest_stay_s(track))
        for (_, label), track in tracks.items()
    )
    return max(chain.from_iterable(spans), default=0.0)


def _longest_gap_s(track: Sequence[Annotation]) -> float:
    """Between two boxes of one segment."""
    ordered = sorted(track, key=frame_order)
    gaps = (
        (after.timestamp_seconds or 0.0) - (row.timestamp_seconds or 0.0)
        for row, after in pairwise(ordered)
        if row.attributes.get(SEGMENT, 0) == after.attributes.get(SEGMENT, 0)
    )
    return max(gaps, default=0.0)


def _longest_stay_s(track: Sequence[Annotation]) -> float:
    """Of a last box of a segment."""
    ends = (
        float(row.attributes[SHOWN_UNTIL]) - (row.timestamp_seconds or 0.0)
        for row in track
        if SHOWN_UNTIL in row.attributes
    )
    return max(ends, default=0.0)


def longest_span_s(found: VideoResults, pipeline: str) -> float | None:
    """The longest span of the boxes of a stored result; None where only all of its rows can tell."""
    if is_human(pipeline):
        stored = found.jobs[pipeline].config.get(LONGEST_SPAN_S)
        return float(stored) if isinstance(stored, int | float) else None
    fps = found.sampled_fps(pipeline)
    return None if fps is None else (MAX_JOINED_INTERVALS + 1) / fps
