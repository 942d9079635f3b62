"""The visual results of a video as values: scenes, persons and their boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK, Annotation
from schemas.annotations.coco import reading_order
from schemas.media.frames import Floats, Ints
from schemas.media.video import Video
from vaengine.results.arrays import Arrays, frozen


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The annotated video; sizes are in displayed pixels.

    `path` is only a file name where it was read from COCO files. A file of sound alone has no frames, and 0
    for size and rate.
    """

    video_id: str
    path: str
    width: int
    height: int
    fps: float
    frame_count: int
    duration_s: float

    @property
    def has_pictures(self) -> bool:
        return self.frame_count > 0

    @classmethod
    def of(cls, video: Video) -> VideoFacts:
        """The facts of a stored video, without its frame index."""
        fps = float(video.nominal_fps)
        return cls(
            video.video_id, video.path, video.width, video.height, fps, video.frame_count, video.duration_s
        )

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> VideoFacts:
        """The facts of an entry of `videos` in a COCO-shaped file."""
        size = record["width"], record["height"]
        return cls(
            record["video_id"],
            record["file_name"],
            *size,
            record["fps"],
            record["frame_count"],
            record["duration"],
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene between two cuts: seconds `[start_s, end_s)`, frames `[frame_start, frame_end)`.

    Frames are None where none are stored.
    """

    scene_id: str | None
    start_s: float
    end_s: float
    frame_start: int | None
    frame_end: int | None

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Boxes(Arrays):
    """N boxes in order of time, as read-only arrays.

    `frame_numbers` N int64; `times_s` N float64, seconds; `xyxy` N x 4 float64, left, top, right, bottom in
    displayed pixels; `confidence` N float64 in 0..1, NaN where none is stored; `person_ids` N, None for a box
    in no track. `keypoints` N x K x 3 float64 (x, y, COCO's visibility) and `keypoint_scores` N x K float64
    are None where no box has any, and NaN for a box that has none among others that do; K is the model's
    number of points, 17 in COCO's order for the models that presets load.
    """

    frame_numbers: Ints
    times_s: Floats
    xyxy: Floats
    confidence: Floats
    person_ids: npt.NDArray[np.object_]
    keypoints: Floats | None = None
    keypoint_scores: Floats | None = None

    @classmethod
    def of(cls, rows: Sequence[Annotation]) -> Boxes:
        """Boxes from rows in any order; rows without frame, time or box are left out."""
        box_rows = boxed(rows)
        return cls(
            frozen([row.frame_number for row in box_rows], np.int64),
            frozen([row.timestamp_seconds for row in box_rows], np.float64),
            corners(box_rows),
            frozen([row.confidence for row in box_rows], np.float64),
            frozen([row.person_id for row in box_rows], np.object_),
            _points(box_rows, "keypoints", 3),
            _points(box_rows, "keypoint_scores"),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One track of a person.

    `[start_s, end_s)` are the seconds from the first to the last box, `confidence` is the mean of the boxes.
    """

    person_id: str
    start_s: float
    end_s: float
    confidence: float | None
    scene_id: str | None
    boxes: Boxes

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def keypoints(self) -> Floats | None:
        """N x K x 3, one entry for each of `boxes`; None where there are none."""
        return self.boxes.keypoints

    def __repr__(self) -> str:
        return f"Person({self.person_id!r}, {self.start_s:.2f} to {self.end_s:.2f} s, {self.boxes!r})"


def scenes_of(rows: Sequence[Annotation]) -> Iterator[Scene]:
    """Scenes from their rows, in order of time; rows without start or end are left out."""
    for row in sorted(rows, key=reading_order):
        if row.timestamp_seconds is not None and row.end_seconds is not None:
            yield Scene(
                row.scene_id,
                row.timestamp_seconds,
                row.end_seconds,
                row.frame_number,
                row.attributes.get("frame_end"),
            )


def persons_of(rows: Sequence[Annotation]) -> Iterator[Person]:
    """Persons in the order of their tracks, from the rows of tracks and boxes.

    Boxes without a track are left out.
    """
    rows_of_person: dict[str | None, list[Annotation]] = defaultdict(list)
    for row in rows:
        if row.annotation_type == PERSON_DETECTION:
            rows_of_person[row.person_id].append(row)
    for track in sorted((row for row in rows if row.annotation_type == PERSON_TRACK), key=reading_order):
        person_id, start_s, end_s = track.person_id, track.timestamp_seconds, track.end_seconds
        if person_id is not None and start_s is not None and end_s is not None:
            yield Person(
                person_id,
                start_s,
                end_s,
                track.confidence,
                track.scene_id,
                Boxes.of(rows_of_person[person_id]),
            )


def boxed(rows: Sequence[Annotation]) -> list[Annotation]:
    """Rows with frame, time and box, in reading order."""
    return sorted(
        (row for row in rows if row.bbox and None not in (row.frame_number, row.timestamp_seconds)),
        key=reading_order,
    )


def corners(rows: Sequence[Annotation]) -> Floats:
    """The left, top, right and bottom of rows with boxes, N x 4 float64."""
    sides = [(box.x, box.y, box.x + box.width, box.y + box.height) for row in rows if (box := row.bbox)]
    array: Floats = frozen(np.reshape(sides, (-1, 4)), np.float64)
    return array


def _points(rows: Sequence[Annotation], name: str, *shape: int) -> Floats | None:
    """Points of all rows, N x K x shape, where K is the largest number of points; missing points are NaN.

    None where no row has points.
    """
    if not any(row.attributes.get(name) for row in rows):
        return None
    values = [np.reshape(row.attributes.get(name) or (), (-1, *shape)) for row in rows]
    array: Floats = np.full((len(values), max(map(len, values)), *shape), np.nan)
    for points, value in zip(array, values, strict=True):
        points[: len(value)] = value
    array.setflags(write=False)
    return array
