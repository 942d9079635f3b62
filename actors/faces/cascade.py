"""OpenCV's cascade of Haar features as a face detector: real, without any download, and weak beside a
neural one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from actors.persons.yolo_output import kept
from actors.vision.boxes import strongest_first
from schemas.inference.detections import Detections
from schemas.media.frames import Pixels

# ships with OpenCV; of its cascades the one whose weights tell faces from others
MODEL: Final = "haarcascade_frontalface_default.xml"
LONGER_PIXELS: Final = 640  # larger pictures are made smaller: about 25 ms a picture, one core
WINDOW: Final = 24  # pixels, the least face
STEP: Final = (
    1.2  # between levels; 1.1 finds 94 of 110 faces, not 89, and 21 things besides, not 11, in 45 ms
)
NEIGHBOURS: Final = 3  # windows that agree on a face
OVERLAP: Final = 0.3  # IoU from which two boxes are one face
# Logistic: the chance that a box of this weight is a face, fitted to 101 boxes in 165 pictures of 35 clips
# and images, SCRFD as the judge.
SLOPE, MIDDLE = 0.85, 2.25


class CascadeDetector:
    """Boxes of upright faces that look ahead. `confidence` is the chance of a face, by the weight of the
    cascade's last stage.

    Sets OpenCV's threads to 1 for the whole process, so that the result does not depend on the machine's
    cores. Source: Viola and Jones, CVPR 2001, with the cascade that ships with OpenCV.
    """

    batch_size = 1

    def __init__(self, min_confidence: float = 0.0) -> None:
        cv2.setNumThreads(1)
        self._min_confidence = min_confidence
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / MODEL))

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """Boxes of each H x W x 3 uint8 RGB picture, the surest first."""
        return [self._faces(picture) for picture in pictures]

    def _faces(self, picture: Pixels) -> Detections:
        height, width = picture.shape[:2]
        scale = min(1.0, LONGER_PIXELS / max(height, width))
        inner = (round(width * scale), round(height * scale))
        if min(inner) < WINDOW:  # OpenCV does not promise to do without a whole window
            return Detections.none()
        grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), inner, interpolation=cv2.INTER_AREA)
        found = self._windows(grey)
        return found.scaled(width / inner[0], height / inner[1]).clipped(width, height)

    def _windows(self, grey: Pixels) -> Detections:
        """Faces in a grey picture of at least one window, sure enough and each only once."""
        windows, _, weights = self._cascade.detectMultiScale3(
            grey, scaleFactor=STEP, minNeighbors=NEIGHBOURS, minSize=(WINDOW, WINDOW), outputRejectLevels=True
        )
        corner_size = np.array(windows, float).reshape(-1, 4)
        boxes = np.hstack([corner_size[:, :2], corner_size[:, :2] + corner_size[:, 2:]])
        confidence = 1.0 / (1.0 + np.exp(-SLOPE * (np.array(weights, float).reshape(-1) - MIDDLE)))
        order = strongest_first(boxes, confidence)
        order = order[kept(boxes[order], OVERLAP)]
        return Detections(boxes, confidence).chosen(order[confidence[order] >= self._min_confidence])
