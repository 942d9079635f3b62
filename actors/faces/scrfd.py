"""Detects faces with an SCRFD model of InsightFace, at two scales.

Pictures run in batches, each letterboxed by its own size. Large faces are found at a small second scale.
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

# Of a model's levels, by their number.
STRIDES: Final = {3: (8, 16, 32), 5: (8, 16, 32, 64, 128)}
# Pixels of the second, square letterbox: the other size that InsightFace uses by default, for 1.6 ms.
SMALL_SIDE: Final = 128
# Longer side of a face in the first letterbox from which the second one counts. From .7 of 640 pixels on, the
# first misses faces. Below .4 the second places them worse and finds some twice.
LARGE_FACE_PIXELS: Final = 256
POINTS: Final = 5
MAX_CANDIDATES: Final = 3000  # Suppression looks at the strongest candidates of a picture.


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
        """Faces of each of `batch_size` H x W x 3 uint8 RGB pictures of one bucket.

        The strongest come first, also those beyond the borders. Faces of the second scale come after those
        of the first, and do not displace them.
        """
        sizes = [(picture.shape[0], picture.shape[1]) for picture in pictures]
        detections = self._detect_in(pictures, [self._letterbox(*size) for size in sizes])
        if self._has_one_scale:
            return [self._suppressed(faces) for faces in detections]
        large = self._detect_in(
            pictures, [Letterbox.cornered(*size, (SMALL_SIDE, SMALL_SIDE)) for size in sizes]
        )
        least = [LARGE_FACE_PIXELS * max(size) / self._settings.detect_pixels for size in sizes]
        return [
            self._suppressed(faces, at_least(small_scale, pixels))
            for faces, small_scale, pixels in zip(detections, large, least, strict=True)
        ]

    @property
    def _has_one_scale(self) -> bool:
        """Whether the second scale is left out.

        A model that takes only one size has no second scale, and no face is too large for a small
        letterbox.
        """
        return self._network.model.side > 0 or self._settings.detect_pixels <= LARGE_FACE_PIXELS

    def _letterbox(self, height: int, width: int) -> Letterbox:
        side = self._network.model.side
        if side:
            return Letterbox.cornered(height, width, (side, side))
        longer = self._settings.detect_pixels
        return Letterbox.cornered(height, width, (longer, longer), STRIDES[3][-1])

    def _detect_in(self, pictures: Sequence[Pixels], letterboxes: Sequence[Letterbox]) -> list[Detections]:
        """Candidates in each picture, in its pixels, by way of letterboxes of one size."""
        framed = np.stack(
            [letterbox.placed(picture) for letterbox, picture in zip(letterboxes, pictures, strict=True)]
        )
        detections = self._micro.run(self._candidates, framed, out_of_memory=MemoryError)
        return [letterbox.unframed(faces) for letterbox, faces in zip(letterboxes, detections, strict=True)]

    def _candidates(self, framed: Pixels) -> list[Detections]:
        outputs = self._network.outputs(self._network.tensor(list(framed)))
        return candidates(outputs, len(framed), framed.shape[1:3], self._settings.min_confidence)

    def _suppressed(self, *detections: Detections) -> Detections:
        """Hard non-maximum suppression; faces of an earlier argument come first, then the stronger ones."""
        faces = together(
            [part.chosen(strongest_first(part.xyxy, part.confidence)[:MAX_CANDIDATES]) for part in detections]
        )
        return faces.chosen(kept(faces.xyxy, self._settings.nms_iou))


def candidates(
    outputs: Sequence[Floats32], pictures: int, frame: tuple[int, int], least: float
) -> list[Detections]:
    """Places of each of `pictures` that score `least` or more, as faces in pixels of the letterbox.

    `frame` is the letterbox (height, width). `outputs` are for each level scores B*A x 1, then for each
    level distances from the place to the box's sides B*A x 4, then to key points B*A x 10, in strides; of A
    places each point of the level's grid has one or two. Source: InsightFace's SCRFD.
    """
    strides = STRIDES[len(outputs) // 3]
    levels = [
        _level(outputs[level :: len(strides)], pictures, frame, stride, least)
        for level, stride in enumerate(strides)
    ]
    picture, detections = (
        np.concatenate([picture for picture, _ in levels]),
        together([faces for _, faces in levels]),
    )
    # Nothing keeps a network from turning a box inside out.
    is_valid = (detections.xyxy[:, 2:] > detections.xyxy[:, :2]).all(axis=1)
    return [detections.chosen(np.flatnonzero(is_valid & (picture == number))) for number in range(pictures)]


def _level(
    outputs: Sequence[Floats32], pictures: int, frame: tuple[int, int], stride: int, least: float
) -> tuple[Ints, Detections]:
    """The picture number and the face of each place of a level that scores enough."""
    scores, sides, points = (output.reshape(pictures, -1, output.shape[-1]) for output in outputs)
    rows, columns = (-(-side // stride) for side in frame)
    picture, place, _ = np.nonzero(scores >= least)
    grid_point = place // (scores.shape[1] // (rows * columns))
    centre = np.stack([grid_point % columns, grid_point // columns], axis=1) * float(stride)
    reach, offsets = (part[picture, place].astype(np.float64) * stride for part in (sides, points))
    boxes = np.hstack([centre - reach[:, :2], centre + reach[:, 2:]])
    key_points = np.dstack(
        [centre[:, None] + offsets.reshape(-1, POINTS, 2), np.ones((len(place), POINTS, 1))]
    )
    return picture, Detections(boxes, scores[picture, place, 0].astype(np.float64), key_points)


def at_least(faces: Detections, pixels: float) -> Detections:
    """Faces whose longer side has at least so many pixels."""
    return faces.chosen(
        np.flatnonzero((faces.xyxy[:, 2:] - faces.xyxy[:, :2]).max(axis=1, initial=0.0) >= pixels)
    )


def together(detections: Sequence[Detections]) -> Detections:
    """The faces of several detections, one after the other."""
    return Detections(
        *(
            np.concatenate([getattr(part, name) for part in detections])
            for name in ("xyxy", "confidence", "keypoints")
        )
    )
