"""Faces by an SCRFD model of InsightFace: pictures in batches, each framed by its own size, large faces
at a scale of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from actors.faces.onnx_session import FaceNetwork
from actors.persons.yolo_output import kept
from actors.vision.boxes import strongest_first
from actors.vision.letterbox import Letterbox
from actors.vision.microbatch import MicroBatch
from schemas.inference.detections import Detections
from schemas.media.frames import Floats32, Ints, Pixels
from schemas.settings.settings import FaceSettings

STRIDES: Final = {3: (8, 16, 32), 5: (8, 16, 32, 64, 128)}  # of a model's levels, by their number
SMALL_SIDE: Final = (
    128  # pixels of the second, square frame: the other size that InsightFace looks at by itself, for 1.6 ms
)
# Longer side of a face in the first frame from which the second one counts. From .7 of 640 pixels on faces
# are missed in the first; below
# .4 the second places them worse and finds some twice.
LARGE_FACE: Final = 256
POINTS: Final = 5
MOST_CANDIDATES: Final = 3000  # of one picture that suppression looks at, the strongest


class Scrfd:
    """Detects faces and their five key points.

    Source: Guo et al., Sample and Computation Redistribution, ICLR 2022.
    """

    def __init__(self, network: FaceNetwork, settings: FaceSettings) -> None:
        self._network, self._settings = network, settings
        self._micro = MicroBatch(network.batch)
        self.batch_size = network.batch

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return self._letterbox(height, width).outer

    def faces(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """Faces of each of `batch_size` H x W x 3 uint8 RGB pictures of one bucket, the strongest first, also
        beyond the borders.

        Those of the second scale come after those of the first, which they do not displace.
        """
        sizes = [(picture.shape[0], picture.shape[1]) for picture in pictures]
        found = self._at(pictures, [self._letterbox(*size) for size in sizes])
        if self._has_one_scale:
            return [self._once(faces) for faces in found]
        large = self._at(pictures, [Letterbox.cornered(*size, (SMALL_SIDE, SMALL_SIDE)) for size in sizes])
        least = [LARGE_FACE * max(size) / self._settings.detect_pixels for size in sizes]
        return [
            self._once(faces, at_least(other, pixels))
            for faces, other, pixels in zip(found, large, least, strict=True)
        ]

    @property
    def _has_one_scale(self) -> bool:
        """A model that takes one size only has no other; in small frames no face is too large."""
        return self._network.model.side > 0 or self._settings.detect_pixels <= LARGE_FACE

    def _letterbox(self, height: int, width: int) -> Letterbox:
        side = self._network.model.side
        if side:
            return Letterbox.cornered(height, width, (side, side))
        longer = self._settings.detect_pixels
        return Letterbox.cornered(height, width, (longer, longer), STRIDES[3][-1])

    def _at(self, pictures: Sequence[Pixels], boxes: Sequence[Letterbox]) -> list[Detections]:
        """Candidates in each picture, in its pixels, by way of frames of one size."""
        framed = np.stack([box.placed(picture) for box, picture in zip(boxes, pictures, strict=True)])
        found = self._micro.run(self._candidates, framed, out_of_memory=MemoryError)
        return [box.unframed(faces) for box, faces in zip(boxes, found, strict=True)]

    def _candidates(self, framed: Pixels) -> list[Detections]:
        outputs = self._network.outputs(self._network.tensor(list(framed)))
        return candidates(outputs, len(framed), framed.shape[1:3], self._settings.min_confidence)

    def _once(self, *found: Detections) -> Detections:
        """Hard non-maximum suppression; who comes first goes before, then who is stronger."""
        faces = together(
            [one.chosen(strongest_first(one.xyxy, one.confidence)[:MOST_CANDIDATES]) for one in found]
        )
        return faces.chosen(kept(faces.xyxy, self._settings.nms_iou))


def candidates(
    outputs: Sequence[Floats32], pictures: int, frame: tuple[int, int], least: float
) -> list[Detections]:
    """All places of each of B `pictures` that score `least` or more, as faces in pixels of the `frame`
    (height, width).

    `outputs` are for each level scores B*A x 1, then for each level distances from the place to the box's
    sides B*A x 4, then to key points B*A x 10, in strides; of A places each point of the level's grid has one
    or two. Source: InsightFace's SCRFD.
    """
    strides = STRIDES[len(outputs) // 3]
    levels = [
        _level(outputs[level :: len(strides)], pictures, frame, stride, least)
        for level, stride in enumerate(strides)
    ]
    picture, found = (
        np.concatenate([picture for picture, _ in levels]),
        together([faces for _, faces in levels]),
    )
    sound = (found.xyxy[:, 2:] > found.xyxy[:, :2]).all(
        axis=1
    )  # nothing keeps a network from turning a box inside out
    return [found.chosen(np.flatnonzero(sound & (picture == number))) for number in range(pictures)]


def _level(
    outputs: Sequence[Floats32], pictures: int, frame: tuple[int, int], stride: int, least: float
) -> tuple[Ints, Detections]:
    """For each place of a level that scores enough: the number of its picture, and the face."""
    scores, sides, points = (output.reshape(pictures, -1, output.shape[-1]) for output in outputs)
    rows, columns = (-(-side // stride) for side in frame)
    picture, place, _ = np.nonzero(scores >= least)
    cell = place // (scores.shape[1] // (rows * columns))
    centre = np.stack([cell % columns, cell // columns], axis=1) * float(stride)
    reach, offsets = (part[picture, place].astype(np.float64) * stride for part in (sides, points))
    boxes = np.hstack([centre - reach[:, :2], centre + reach[:, 2:]])
    marks = np.dstack([centre[:, None] + offsets.reshape(-1, POINTS, 2), np.ones((len(place), POINTS, 1))])
    return picture, Detections(boxes, scores[picture, place, 0].astype(np.float64), marks)


def at_least(faces: Detections, pixels: float) -> Detections:
    """Those whose longer side has so many pixels."""
    return faces.chosen(
        np.flatnonzero((faces.xyxy[:, 2:] - faces.xyxy[:, :2]).max(axis=1, initial=0.0) >= pixels)
    )


def together(found: Sequence[Detections]) -> Detections:
    """Faces one after the other."""
    return Detections(
        *(
            np.concatenate([getattr(one, name) for one in found])
            for name in ("xyxy", "confidence", "keypoints")
        )
    )
