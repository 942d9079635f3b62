"""Frames in which people drew boxes, also those between two that they drew.

A person draws few boxes of a track, and the annotation tool moves them in between. A frame in which one box
was drawn shows the others too, and a picture with some of its people unlabelled would teach a detector to
miss them. So the boxes of all tracks are computed for every frame that is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation, BBox
from vaengine.comparing.boxes import FrameBoxes, boxes_at
from vaengine.exporting.values.exported_video import ExportedVideo

COLUMNS: Final = {PERSON_DETECTION: "person_id", FACE_DETECTION: "face_id"}  # of tracks
Span = tuple[int, int]  # first and last frame of a stretch of a track


@dataclass(frozen=True, slots=True)
class DrawnFrame:
    """A frame, which counts from 0, at `time_s` seconds since the first one, with its boxes by type."""

    frame: int
    time_s: float
    boxes: Mapping[str, Sequence[BBox]]


def drawn_frames(
    video: ExportedVideo, rows: Mapping[str, Sequence[Annotation]], frames: Sequence[int]
) -> Iterator[DrawnFrame]:
    """The frames with boxes among these, in order; `rows` are people's boxes of a video by type."""
    found: dict[str, FrameBoxes] = {kind: boxes_at(own, COLUMNS[kind], frames) for kind, own in rows.items()}
    for frame in frames:
        boxes = {
            kind: [BBox(x, y, right - x, bottom - y) for x, y, right, bottom in _corners(own, frame)]
            for kind, own in found.items()
        }
        if any(boxes.values()):
            yield DrawnFrame(frame, video.time_s(frame), boxes)


def _corners(boxes: FrameBoxes, frame: int) -> list[tuple[float, float, float, float]]:
    return [seen.corners for seen in boxes.get(frame, ())]


def covered_frames(rows: Sequence[Annotation]) -> list[int]:
    """The frames in which somebody is seen: from the first to the last box of each stretch of a track."""
    spans: dict[tuple[str, str, int], Span] = {}
    for row in rows:
        if row.frame_number is None or row.bbox is None:
            continue
        who = row.person_id or row.face_id or row.annotation_id
        place = row.annotation_type, who, int(row.attributes.get("segment", 0))
        first, last = spans.get(place, (row.frame_number, row.frame_number))
        spans[place] = min(first, row.frame_number), max(last, row.frame_number)
    return sorted({frame for first, last in spans.values() for frame in range(first, last + 1)})


def within_stretches(video: ExportedVideo, frame: int) -> bool:
    """Whether a frame is in the parts of a video that count."""
    if video.stretches is None:
        return True
    time_s = video.time_s(frame)
    return any(start_s <= time_s < max(end_s, start_s + 1e-9) for start_s, end_s in video.stretches)
