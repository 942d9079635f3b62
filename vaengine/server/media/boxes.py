"""The boxes of a stretch of frames as columns: what a page needs to draw any frame of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from schemas.media.frames import Floats
from vaengine.timeline.palette import colour_of
from vaengine.timeline.presence import Presence, PresenceSpan, Sighting

PLACES: Final = 2  # of a pixel and of a confidence


class BoxColumns(BaseModel):
    """Boxes of persons and faces, each from its frame on until the next one of the same identity.

    Columns have one entry for each box. `label` is a position in `labels`, -1 for a box of nobody. `colours`
    are those of the numbers of the labels, for as long as no timeline gives them others. `kind` is 0 for a
    person, 1 for a face. `box` is left, top, width and height in displayed pixels. `next` is the position of
    the box that this one moves to in a straight line, -1 for none: then it stays until `until_s`. `points`
    are x, y and visibility of each key point. `linked` is the person of a face.
    """

    first: int
    stop: int
    labels: list[str]
    colours: list[str]
    frame: list[int]
    time_s: list[float]
    until_s: list[float]
    kind: list[int]
    label: list[int]
    linked: list[int]
    box: list[list[float]]
    confidence: list[float | None]
    next: list[int]
    points: list[list[float] | None]


def box_columns(
    persons: Presence, faces: Presence, times_s: Floats, end_s: float, first: int, stop: int
) -> BoxColumns:
    """The boxes that are shown in the frames `[first, stop)` of a video with these times and this end."""
    stop = min(stop, len(times_s))
    if first >= stop:
        return _columns(first, first, [])
    from_s = float(times_s[first])
    to_s = float(times_s[stop]) if stop < len(times_s) else end_s
    spans = [
        (kind, span)
        for kind, presence in enumerate((persons, faces))
        for span in presence.spans_between(from_s, to_s)
    ]
    return _columns(first, stop, _with_ends(spans))


def _with_ends(spans: Sequence[tuple[int, PresenceSpan]]) -> list[tuple[int, PresenceSpan, int]]:
    """Spans in order, with the position of the one that each leads to; the boxes beyond are added."""
    ordered = sorted(spans, key=lambda each: (each[1].first.frame, each[0], each[1].first.identity or ""))
    position = {_name(kind, span.first): number for number, (kind, span) in enumerate(ordered)}
    beyond: list[tuple[int, PresenceSpan]] = []
    linked: list[tuple[int, PresenceSpan, int]] = []
    for kind, span in ordered:
        name = _name(kind, span.next) if span.next else None
        if name is not None and span.next is not None and name not in position:
            position[name] = len(ordered) + len(beyond)
            beyond.append((kind, PresenceSpan(span.next, None, span.next.time_s)))
        linked.append((kind, span, position[name] if name is not None else -1))
    return [*linked, *((kind, span, -1) for kind, span in beyond)]


def _name(kind: int, sighting: Sighting) -> tuple[int, str | None, int]:
    return kind, sighting.identity, sighting.frame


def _columns(first: int, stop: int, spans: Sequence[tuple[int, PresenceSpan, int]]) -> BoxColumns:
    boxes = [span.first for _, span, _ in spans]
    labels = sorted({one for box in boxes for one in (box.identity, box.linked) if one})
    place: Mapping[str | None, int] = {label: number for number, label in enumerate(labels)}
    return BoxColumns(
        first=first,
        stop=stop,
        labels=labels,
        colours=list(map(colour_of, labels)),
        frame=[box.frame for box in boxes],
        time_s=[box.time_s for box in boxes],
        until_s=[span.end_s for _, span, _ in spans],
        kind=[kind for kind, _, _ in spans],
        label=[place.get(box.identity, -1) for box in boxes],
        linked=[place.get(box.linked, -1) for box in boxes],
        box=[_sides(box) for box in boxes],
        confidence=[None if box.confidence is None else round(box.confidence, PLACES) for box in boxes],
        next=[following for _, _, following in spans],
        points=[_points(box.keypoints) for box in boxes],
    )


def _sides(box: Sighting) -> list[float]:
    left, top, right, bottom = box.xyxy
    return [round(side, PLACES) for side in (left, top, right - left, bottom - top)]


def _points(points: Any) -> list[float] | None:
    return None if points is None else [round(float(one), 1) for one in points.ravel()]
