"""Turns the raw output of a YOLO network into persons: confident, of the right class, each only once."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from actors.vision.boxes import groups, iou, strongest_first
from schemas.errors import UnsuitableWeights
from schemas.inference.detections import Detections
from schemas.media.frames import Floats, Floats32, Ints

PERSON_NAME = "person"
POINTS_WITHOUT_SCORES = 2  # Key points have x, y and a score (3), or x and y alone (2).


@dataclass(frozen=True, slots=True)
class OutputLayout:
    """The layout of a network's output, and the shape of its input.

    `person` is the class of people among `classes`, `keypoints` is the number of points of each box, 0 for
    none. `shape` (height, width) and `batch` are given where the network takes only one. Both sides of a
    picture are multiples of `stride`.
    """

    classes: int
    person: int
    stride: int = 32
    keypoints: int = 0
    shape: tuple[int, int] | None = None
    batch: int | None = None
    has_embeddings: bool = False  # whether embeddings are a second output

    @classmethod
    def of(
        cls,
        path: str,
        metadata: Mapping[str, Any],
        *,
        shape: tuple[int, int] | None = None,
        batch: int | None = None,
        has_embeddings: bool = False,
    ) -> OutputLayout:
        """The layout in the metadata of an export of ultralytics: `names`, `stride`, `kpt_shape`.

        Raises `UnsuitableWeights`.
        """
        if "names" not in metadata:
            raise UnsuitableWeights(
                path, "it does not say what its classes are; it has to be a YOLO model of ultralytics"
            )
        try:
            names, points = _parsed(metadata["names"]), _parsed(metadata.get("kpt_shape") or (0, 3))
        except (ValueError, SyntaxError) as error:
            raise UnsuitableWeights(path, f"what it says of its classes cannot be read ({error})") from error
        if points[1] == POINTS_WITHOUT_SCORES:
            raise UnsuitableWeights(path, "its key points have no scores")
        return cls(
            len(names),
            _person(path, names),
            int(_parsed(metadata.get("stride", 32))),
            int(points[0]),
            shape,
            batch,
            has_embeddings,
        )

    def checked(self, path: str, channels: int) -> None:
        """Raises `UnsuitableWeights` where the network's output has another number of channels."""
        if channels != 4 + self.classes + 3 * self.keypoints:
            raise UnsuitableWeights(
                path,
                f"its output has {channels} channels, not 4 of a box, {self.classes} classes and 3 x "
                f"{self.keypoints} points",
            )


def _parsed(value: Any) -> Any:
    """A metadata value; exports hold their metadata as text."""
    return ast.literal_eval(value) if isinstance(value, str) else value


def _person(path: str, names: Mapping[int, str] | list[str]) -> int:
    """The class of people; a model of one class is taken to be a model of people, whatever its name."""
    by_number = dict(names.items() if isinstance(names, Mapping) else enumerate(names))
    classes = [
        int(number) for number, name in by_number.items() if name == PERSON_NAME or len(by_number) == 1
    ]
    if not classes:
        raise UnsuitableWeights(path, f"none of its {len(by_number)} classes is called {PERSON_NAME!r}")
    return classes[0]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Which boxes of a network's output are kept.

    Boxes above `min_confidence`, at most `max_boxes` of a picture, and none that overlaps a stronger one by
    more than `nms_iou`.
    """

    min_confidence: float
    nms_iou: float
    max_boxes: int


def people(
    raw: Floats32, embeddings: Floats32 | None, layout: OutputLayout, thresholds: Thresholds
) -> list[Detections]:
    """Persons in each of B pictures, the most confident first, in pixels of the network's input.

    `raw` B x (4 + classes + 3 x keypoints) x A float32 holds for each of A places a box (centre, size),
    scores and points; `embeddings` B x A x D holds an embedding of each. A place counts as a person where
    that is its best class. Source: YOLOv8's head as ultralytics reads it, with hard non-maximum suppression
    of each picture's people.
    """
    picture, place = np.nonzero(raw[:, 4 + layout.person] > thresholds.min_confidence)
    rows = raw[picture, :, place]
    first = rows[:, 4 : 4 + layout.classes].argmax(1) == layout.person
    picture, place, rows = picture[first], place[first], rows[first].astype(np.float64)
    detections = Detections(
        xyxy=corners(rows[:, :4]),
        confidence=rows[:, 4 + layout.person],
        keypoints=rows[:, 4 + layout.classes :].reshape(len(rows), layout.keypoints, 3),
        embeddings=np.zeros((len(rows), 0), np.float32) if embeddings is None else embeddings[picture, place],
    )
    return [
        _suppressed(detections.chosen(np.flatnonzero(picture == number)), thresholds)
        for number in range(len(raw))
    ]


def corners(boxes: Floats) -> Floats:
    """N x 4 boxes (centre x and y, width, height) as (left, top, right, bottom)."""
    half = boxes[:, 2:] / 2
    return np.hstack([boxes[:, :2] - half, boxes[:, :2] + half])


def _suppressed(detections: Detections, thresholds: Thresholds) -> Detections:
    """Detections after non-maximum suppression, the most confident first."""
    detections = detections.chosen(strongest_first(detections.xyxy, detections.confidence))
    return detections.chosen(kept(detections.xyxy, thresholds.nms_iou)[: thresholds.max_boxes])


def kept(boxes: Floats, overlap: float) -> Ints:
    """Indexes of N x 4 boxes, strongest first, that no stronger one kept overlaps by more than `overlap`."""
    return np.array([group[0] for group in groups(iou(boxes, boxes) > overlap)], np.int64)
