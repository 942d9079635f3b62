"""The rows of one kind of boxes in a video, and the rows that edits make of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Final

from schemas.annotations.annotation import FACE_DETECTION, Annotation, BBox
from schemas.errors import NotFound
from schemas.media.frames import Floats
from schemas.pipelines import of_human
from vaengine.correcting.edits import ROWS_OF, BoxEdit, BoxKind, BoxRedrawing, LooseBoxEdit, TrackDeletion
from vaengine.correcting.track import BoxTrack, StartOf, TrackBox
from vaengine.results.presence_intervals import SEGMENT, SHOWN_UNTIL
from vaengine.timeline.presence import Presence, Sighting

REDRAWN: Final = "redrawn"  # attribute of a box that a person has drawn
INTERPOLATED: Final = "interpolated"  # attribute of a box that lies between two others
MAX_OFF: Final = 0.05  # pixels by which a box of nobody may be named otherwise than it is stored
_POINTS: Final = ("keypoints", "num_keypoints", "keypoint_scores", "landmarks")
_COUNTS: Final = ("boxes", "faces")  # attributes of a track: how many boxes it has
_DIGITS: Final = 3  # of a pixel, of boxes that are drawn or computed


@dataclass(frozen=True, slots=True)
class BoxResult:
    """The rows of one result, machine's or people's, and when its boxes are shown: until the video ends."""

    kind: BoxKind
    rows: Sequence[Annotation]
    presence: Presence
    start_s: StartOf
    end_s: float

    def tracks(self) -> dict[str, BoxTrack]:
        """The boxes of each label; what the machine's sampling joins is one segment."""
        places = {
            (label, row.frame_number): place
            for place, row in reversed(list(enumerate(self.rows)))
            if self._is_box(row) and (label := ROWS_OF[self.kind].label_of(row))
        }
        return {
            label: BoxTrack(
                tuple(
                    TrackBox(one, places[label, one.frame], number, self._until_s(one, group))
                    for number, group in enumerate(self.presence.sampling.grouped(sightings))
                    for one in group
                ),
                self.start_s,
            )
            for label, sightings in self.presence.tracks.items()
        }

    def loose_boxes(self) -> list[Annotation]:
        """The boxes of nobody, each with the time until when it is shown."""
        return [self._held(row) for row in self.rows if self._is_box(row) and not self._label(row)]

    def other_rows(self) -> list[Annotation]:
        """All rows but boxes: those of tracks among them."""
        return [row for row in self.rows if not self._is_box(row)]

    def _is_box(self, row: Annotation) -> bool:
        return row.annotation_type == ROWS_OF[self.kind].box_type and row.bbox is not None

    def _label(self, row: Annotation) -> str | None:
        return ROWS_OF[self.kind].label_of(row)

    def _until_s(self, one: Sighting, group: Sequence[Sighting]) -> float | None:
        return min(self.presence.sampling.until_s(one), self.end_s) if one is group[-1] else None

    def _held(self, row: Annotation) -> Annotation:
        until_s = min(self.presence.sampling.until_s(Sighting.of(row)), self.end_s)
        return replace(row, attributes={**row.attributes, SHOWN_UNTIL: until_s})


def corrected_rows(result: BoxResult, edits: Iterable[BoxEdit]) -> list[Annotation]:
    """All rows of the result as people's, without ids, after the edits in order.

    Raises `NotFound` for a label or a box that is not there, and `UsageError` for an edit that cannot be.
    """
    tracks, loose, touched = result.tracks(), result.loose_boxes(), set()
    for edit in edits:
        if isinstance(edit, LooseBoxEdit):
            loose = list(_loose_after(loose, edit))
        else:
            tracks[edit.label] = _track_after(tracks.get(edit.label), edit)
            touched.add(edit.label)
    boxes = [row for track in tracks.values() for row in _rows_of(track, result)]
    others = [row for one in result.other_rows() for row in _after(one, result, tracks, touched)]
    ordered = sorted([*boxes, *map(_draft, loose)], key=lambda row: row.frame_number or 0)
    return [*ordered, *map(_draft, others)]


def _draft(row: Annotation, **changes: Any) -> Annotation:
    """A row as one of people's, without the id and configuration that are still to be given to it."""
    return replace(row, annotation_id="", pipeline=of_human(row.pipeline), config_hash="", **changes)


# Tracks.


def _track_after(track: BoxTrack | None, edit: TrackDeletion | BoxRedrawing) -> BoxTrack:
    if track is None or not track.boxes:
        raise NotFound(f"box of {edit.label}", "this video")
    if isinstance(edit, BoxRedrawing):
        if edit.stretch is None:
            return track.redrawn(edit.frame, edit.box)
        return track.reshaped(edit.frame, edit.box, edit.stretch)
    if not track.is_shown_in(edit.stretch):
        raise NotFound(f"box of {edit.label}", f"frames {edit.stretch.first} to {edit.stretch.stop - 1}")
    return track.deleted(edit.stretch)


def _rows_of(track: BoxTrack, result: BoxResult) -> Iterator[Annotation]:
    return (_row_of(box, result.rows[box.source], result.start_s) for box in track.boxes)


def _row_of(box: TrackBox, source: Annotation, start_s: StartOf) -> Annotation:
    attributes = {
        name: value for name, value in source.attributes.items() if name not in (SEGMENT, SHOWN_UNTIL)
    }
    attributes |= {SEGMENT: box.segment} if box.segment else {}
    attributes |= {} if box.until_s is None else {SHOWN_UNTIL: box.until_s}
    if box.is_stored and not box.is_drawn:
        return _draft(source, attributes=attributes)
    if source.frame_number != box.frame:
        attributes = _with_points(attributes, source.annotation_type, box.sighting.keypoints)
    attributes.pop(INTERPOLATED, None)
    attributes[REDRAWN if box.is_drawn else INTERPOLATED] = True
    return _draft(
        source,
        timestamp_seconds=start_s(box.frame),
        frame_number=box.frame,
        bbox=_rounded(box.bbox),
        confidence=box.sighting.confidence,
        attributes=attributes,
    )


def _with_points(attributes: dict[str, Any], box_type: str, points: Floats | None) -> dict[str, Any]:
    """The attributes with these key points in the place of those of another frame."""
    rest = {name: value for name, value in attributes.items() if name not in _POINTS}
    if points is None:
        return rest
    if box_type == FACE_DETECTION:
        return {**rest, "landmarks": points[:, :2].tolist()}
    return {**rest, "keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum())}


def _after(
    row: Annotation, result: BoxResult, tracks: dict[str, BoxTrack], touched: set[str]
) -> Iterator[Annotation]:
    """A row that is no box, as the edits leave it: that of a track without boxes goes."""
    of = ROWS_OF[result.kind]
    label = of.label_of(row)
    if row.annotation_type != of.track_type or label not in touched or label is None:
        yield row
        return
    boxes = tracks[label].boxes
    if boxes:
        yield _summary(row, boxes, result.start_s)


def _summary(row: Annotation, boxes: Sequence[TrackBox], start_s: StartOf) -> Annotation:
    """The row of a track, as these boxes are."""
    first, stop = boxes[0].frame, boxes[-1].frame + 1
    known = [value for box in boxes if (value := box.sighting.confidence) is not None]
    facts = {name: len(boxes) for name in _COUNTS} | {"frame_start": first, "frame_end": stop}
    return replace(
        row,
        timestamp_seconds=start_s(first),
        end_seconds=start_s(stop),
        frame_number=first,
        confidence=fmean(known) if known else None,
        attributes={name: facts.get(name, value) for name, value in row.attributes.items()},
    )


# Boxes of nobody.


def _loose_after(boxes: Sequence[Annotation], edit: LooseBoxEdit) -> Iterator[Annotation]:
    place = next((at for at, row in enumerate(boxes) if _is_there(row, edit)), None)
    if place is None:
        raise NotFound("a box of nobody at this place", f"frame {edit.frame}")
    yield from boxes[:place]
    if edit.box is not None:
        attributes = {**boxes[place].attributes, REDRAWN: True}
        yield replace(boxes[place], bbox=_rounded(edit.box), confidence=None, attributes=attributes)
    yield from boxes[place + 1 :]


def _is_there(row: Annotation, edit: LooseBoxEdit) -> bool:
    if row.frame_number != edit.frame or row.bbox is None:
        return False
    sides = ("x", "y", "width", "height")
    return all(abs(getattr(row.bbox, side) - getattr(edit.at, side)) <= MAX_OFF for side in sides)


def _rounded(box: BBox) -> BBox:
    return BBox(*(round(side, _DIGITS) for side in (box.x, box.y, box.width, box.height)))
