"""Detects faces with OpenCV's Haar cascade: no download, but weak beside a neural network."""

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

# This cascade ships with OpenCV, and is the one of its cascades whose weights tell faces from others.
MODEL: Final = "haarcascade_frontalface_default.xml"
MAX_LONGER_PIXELS: Final = 640  # Larger pictures are made smaller: about 25 ms a picture, one core.
WINDOW_PIXELS: Final = 24  # Side of the smallest face.
# Between levels. 1.1 finds 94 of 110 faces, not 89, and 21 other things, not 11, in 45 ms.
STEP: Final = 1.2
MIN_NEIGHBOURS: Final = 3  # Windows that agree on a face.
MAX_IOU: Final = 0.3  # From this IoU on two boxes are one face.
# Logistic: the probability that a box of this weight is a face, fitted to 101 boxes in 165 pictures of 35
# clips and images; SCRFD decided what is a face.
SLOPE, MIDDLE = 0.85, 2.25


class CascadeDetector:
    """Detects upright faces that look ahead.

    `confidence` is the probability of a face, by the weight of the cascade's last stage. Sets OpenCV's
    threads to 1 for the whole process, so that the result does not depend on the machine's cores. Source:
    Viola and Jones, CVPR 2001, with the cascade that ships with OpenCV.
    """

    batch_size = 1

    def __init__(self, min_confidence: float = 0.0) -> None:
        cv2.setNumThreads(1)
        self._min_confidence = min_confidence
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / MODEL))

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """Boxes of each H x W x 3 uint8 RGB picture, the most confident first."""
        return [self._faces(picture) for picture in pictures]

    def _faces(self, picture: Pixels) -> Detections:
        height, width = picture.shape[:2]
        scale = min(1.0, MAX_LONGER_PIXELS / max(height, width))
        inner = (round(width * scale), round(height * scale))
        if min(inner) < WINDOW_PIXELS:  # OpenCV does not promise to do without a whole window
            return Detections.none()
        grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), inner, interpolation=cv2.INTER_AREA)
        detections = self._windows(grey)
        return detections.scaled(width / inner[0], height / inner[1]).clipped(width, height)

    def _windows(self, grey: Pixels) -> Detections:
        """Faces in a grey picture of at least one window, each only once."""
        windows, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=STEP,
            minNeighbors=MIN_NEIGHBOURS,
            minSize=(WINDOW_PIXELS, WINDOW_PIXELS),
            outputRejectLevels=True,
        )
        corner_size = np.array(windows, float).reshape(-1, 4)
        boxes = np.hstack([corner_size[:, :2], corner_size[:, :2] + corner_size[:, 2:]])
        confidence = 1.0 / (1.0 + np.exp(-SLOPE * (np.array(weights, float).reshape(-1) - MIDDLE)))
        order = strongest_first(boxes, confidence)
        order = order[kept(boxes[order], MAX_IOU)]
        return Detections(boxes, confidence).chosen(order[confidence[order] >= self._min_confidence])
