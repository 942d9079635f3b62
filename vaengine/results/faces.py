"""The face results of a video as values: boxes of faces, and identities that group them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY, Annotation
from schemas.annotations.coco import reading_order
from schemas.media.frames import Floats, Ints
from vaengine.results.arrays import Arrays, frozen
from vaengine.results.vision import boxed, corners

ANGLES: Final = ("pitch", "yaw", "roll")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FaceBoxes(Arrays):
    """N faces in order of time, as read-only arrays.

    `frame_numbers` N int64; `times_s` N float64, seconds; `xyxy` N x 4 float64, left, top, right, bottom in
    displayed pixels; `confidence` N float64 in 0..1; `face_ids` and `person_ids` N, None for an unknown face.
    `landmarks` N x 5 x 2 float64: right eye, left eye, nose, right and left corner of the mouth (the sides
    are the person's); `ages` N float64, years; `genders` N, "female", "male" or None; `angles` N x 3 float64:
    pitch, yaw, roll, degrees. Unknown numbers are NaN.
    """

    frame_numbers: Ints
    times_s: Floats
    xyxy: Floats
    confidence: Floats
    face_ids: npt.NDArray[np.object_]
    person_ids: npt.NDArray[np.object_]
    landmarks: Floats
    ages: Floats
    genders: npt.NDArray[np.object_]
    angles: Floats

    @classmethod
    def of(cls, rows: Sequence[Annotation]) -> FaceBoxes:
        """Boxes from rows in any order; rows without frame, time or box are left out."""
        face_rows = boxed(rows)
        return cls(
            frozen([row.frame_number for row in face_rows], np.int64),
            frozen([row.timestamp_seconds for row in face_rows], np.float64),
            corners(face_rows),
            frozen([row.confidence for row in face_rows], np.float64),
            frozen([row.face_id for row in face_rows], np.object_),
            frozen([row.person_id for row in face_rows], np.object_),
            frozen(np.reshape([_landmarks(row) for row in face_rows], (-1, 5, 2)), np.float64),
            frozen([row.attributes.get("age") for row in face_rows], np.float64),
            frozen([row.attributes.get("gender") for row in face_rows], np.object_),
            frozen(
                np.reshape([[row.attributes.get(angle) for angle in ANGLES] for row in face_rows], (-1, 3)),
                np.float64,
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class FaceIdentity:
    """Faces that are taken to be one person's.

    `[start_s, end_s)` are the seconds from the first to the last face, `confidence` is their mean.
    `person_id` is the track that most of the faces lie in, `person_ids` are all such tracks, since a person
    who comes back begins a new one. `age` and `gender` are None where no model estimates them.
    """

    face_id: str
    person_id: str | None
    person_ids: tuple[str, ...]
    start_s: float
    end_s: float
    confidence: float | None
    age: float | None
    gender: str | None
    boxes: FaceBoxes

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    def __repr__(self) -> str:
        return f"FaceIdentity({self.face_id!r}, {self.start_s:.2f} to {self.end_s:.2f} s, {self.boxes!r})"


def identities_of(rows: Sequence[Annotation]) -> Iterator[FaceIdentity]:
    """Identities in reading order, from their rows and those of faces.

    Faces without an identity are left out.
    """
    rows_of_face: dict[str | None, list[Annotation]] = defaultdict(list)
    for row in rows:
        if row.annotation_type == FACE_DETECTION:
            rows_of_face[row.face_id].append(row)
    for row in sorted((row for row in rows if row.annotation_type == FACE_IDENTITY), key=reading_order):
        if row.face_id is not None and row.timestamp_seconds is not None and row.end_seconds is not None:
            yield _identity(
                row.face_id,
                row.timestamp_seconds,
                row.end_seconds,
                row,
                FaceBoxes.of(rows_of_face[row.face_id]),
            )


def _identity(face_id: str, start_s: float, end_s: float, row: Annotation, boxes: FaceBoxes) -> FaceIdentity:
    attributes = row.attributes
    persons = tuple(attributes.get("persons") or ())
    return FaceIdentity(
        face_id,
        row.person_id,
        persons,
        start_s,
        end_s,
        row.confidence,
        attributes.get("age"),
        attributes.get("gender"),
        boxes,
    )


def _landmarks(row: Annotation) -> Any:
    points = row.attributes.get("landmarks")
    return points if np.shape(points or ()) == (5, 2) else np.full((5, 2), np.nan)
