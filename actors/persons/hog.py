"""Detects persons with OpenCV's two HOG detectors: no download, but weak beside a neural network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from actors.vision.boxes import groups, iou, strongest_first
from schemas.inference.detections import Detections
from schemas.media.frames import Floats, Pixels

Windows = tuple[Floats, Floats]  # N x 4 boxes (left, top, right, bottom; pixels) and their N scores

# Longer side of the largest level: a person of 50 pixels in a 640 wide picture fills the small window.
FINE_PIXELS: Final = 960
FINE_STEP: Final = 1.3
FINE_LEVELS: Final = 5  # down to 336 pixels, where the coarse levels begin
# Below it finer steps cost little, and large people fall between levels of 1.3.
COARSE_PIXELS: Final = 320
COARSE_STEP: Final = 1.08
MAX_COARSE_LEVELS: Final = 64  # In effect as many as hold a window.
STRIDE: Final = (8, 8)
PADDING: Final = (16, 16)  # For people who stand at the border of the picture.
MIN_SCORE: Final = 0.5  # Of the small window's SVM.
MAX_PROPOSALS: Final = 100
OVERLAP: Final = 0.5  # IoU from which two boxes are one person

SMALL_WINDOW: Final = (48, 96)
SMALL_PERSON: Final = (0.7, 0.8)  # share of the small window that the person fills: width, height
LARGE_WINDOW: Final = (64, 128)
LARGE_PERSON_HEIGHT: Final = 96  # pixels of a person in the 64 x 128 window, as INRIA's were cut
PERSON_ASPECT: Final = 0.41
MARGIN: Final = 8  # Pixels around the large window in which it may shift: 3 x 3 places.

SUPPORT_WEIGHT: Final = 0.25
LARGE_WEIGHT: Final = 2.0
SLOPE, MIDDLE = 0.9, 3.7  # logistic: chance that a box of this score overlaps a person by IoU 0.5


class HogDetector:
    """Detects upright people of 45 pixels and more with two support vector machines.

    The Daimler SVM (48 x 96) proposes, the INRIA SVM (64 x 128) scores. One processor core, about 80 ms for
    a 640 wide picture. Sets OpenCV's threads to 1 for the whole process, so that the result does not depend
    on the machine's cores. Source: Dalal and Triggs, CVPR 2005, with the weights that ship inside OpenCV.
    """

    def __init__(self, batch_size: int = 8, min_confidence: float = 0.0) -> None:
        cv2.setNumThreads(1)
        self.batch_size, self.min_confidence = batch_size, min_confidence
        self._fine, self._coarse = _small_detector(FINE_LEVELS), _small_detector(MAX_COARSE_LEVELS)
        self._large = cv2.HOGDescriptor()
        self._large.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """Boxes of each H x W x 3 uint8 RGB picture.

        A picture equal to the one before, as in a padded batch, costs nothing.
        """
        detections: list[Detections] = []
        for number, picture in enumerate(pictures):
            same = number > 0 and np.array_equal(picture, pictures[number - 1])
            detections.append(detections[-1] if same else self._people(picture))
        return detections

    def _people(self, picture: Pixels) -> Detections:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        boxes, evidence = _proposals(*self._small_windows(grey))
        rescored = [self._rescored(grey, box) for box in boxes]
        scores = evidence + LARGE_WEIGHT * np.array([score for _, score in rescored], float)
        boxes, scores = _strongest(
            _clipped(np.array([box for box, _ in rescored], float).reshape(-1, 4), grey), scores
        )
        confidence = 1.0 / (1.0 + np.exp(-SLOPE * (scores - MIDDLE)))
        kept = confidence >= self.min_confidence
        return Detections(boxes[kept], confidence[kept])

    def _small_windows(self, grey: Pixels) -> Windows:
        longer = max(grey.shape)
        fine = _windows(self._fine, grey, max(1.0, FINE_PIXELS / longer), FINE_STEP)
        coarse = _windows(self._coarse, grey, min(1.0, COARSE_PIXELS / longer), COARSE_STEP)
        return _clipped(np.concatenate([fine[0], coarse[0]]), grey), np.concatenate([fine[1], coarse[1]])

    def _rescored(self, grey: Pixels, box: Floats) -> tuple[Floats, float]:
        """The large detector's best box within `MARGIN` of a proposal, and its score."""
        centre = (box[:2] + box[2:]) / 2
        factor = LARGE_PERSON_HEIGHT / (box[3] - box[1])
        width, height = (side + 2 * MARGIN for side in LARGE_WINDOW)
        shift = np.array(
            [[factor, 0, width / 2 - factor * centre[0]], [0, factor, height / 2 - factor * centre[1]]]
        )
        crop = cv2.warpAffine(
            grey, shift, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        # At this threshold every place has a score.
        places, scores = self._large.detect(crop, hitThreshold=-100.0, winStride=(MARGIN, MARGIN))
        best = int(np.argmax(scores))
        centre = centre + (np.array(places[best], float) - MARGIN) / factor
        half = np.array([PERSON_ASPECT, 1.0]) * LARGE_PERSON_HEIGHT / factor / 2
        return np.concatenate([centre - half, centre + half]), float(np.ravel(scores)[best])


def _small_detector(levels: int) -> cv2.HOGDescriptor:
    window, block, stride, cell, bins = SMALL_WINDOW, (16, 16), (8, 8), (8, 8), 9
    # OpenCV's defaults.
    aperture, sigma, norm, norm_threshold, gamma = 1, -1.0, cv2.HOGDescriptor_L2Hys, 0.2, False
    detector = cv2.HOGDescriptor(
        window, block, stride, cell, bins, aperture, sigma, norm, norm_threshold, gamma, levels
    )
    detector.setSVMDetector(cv2.HOGDescriptor.getDaimlerPeopleDetector())
    return detector


def _windows(detector: cv2.HOGDescriptor, grey: Pixels, factor: float, step: float) -> Windows:
    """Windows above the threshold in the pyramid from `factor` down.

    Each is shrunk to the person in it, in pixels of `grey`.
    """
    height, width = (round(side * factor) for side in grey.shape)
    # OpenCV reads beyond such a picture and may take the process down.
    if width < SMALL_WINDOW[0] or height < SMALL_WINDOW[1]:
        return np.zeros((0, 4)), np.zeros(0)
    scaled = cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR)
    windows, scores = detector.detectMultiScale(
        scaled, hitThreshold=MIN_SCORE, winStride=STRIDE, padding=PADDING, scale=step, groupThreshold=0
    )
    corner_size = np.array(windows, float).reshape(-1, 4) / factor
    size = corner_size[:, 2:] * SMALL_PERSON
    centre = corner_size[:, :2] + corner_size[:, 2:] / 2
    return np.hstack([centre - size / 2, centre + size / 2]), np.array(scores, float).reshape(-1)


def _proposals(boxes: Floats, scores: Floats) -> Windows:
    """Merges windows that overlap: their mean, weighted by score.

    Many windows are better evidence than one, so their number counts in the score.
    """
    order = strongest_first(boxes, scores)
    boxes, scores = boxes[order], scores[order]
    overlapping = groups(iou(boxes, boxes) >= OVERLAP)[:MAX_PROPOSALS]
    weights = [np.maximum(scores[group] - MIN_SCORE, 1e-3) for group in overlapping]
    merged = [
        np.average(boxes[group], axis=0, weights=weight)
        for group, weight in zip(overlapping, weights, strict=True)
    ]
    evidence = [
        scores[group[0]] + SUPPORT_WEIGHT * np.log(weight.sum())
        for group, weight in zip(overlapping, weights, strict=True)
    ]
    return np.array(merged, float).reshape(-1, 4), np.array(evidence, float)


def _strongest(boxes: Floats, scores: Floats) -> Windows:
    """Hard non-maximum suppression, the strongest first; equal scores are ordered by position."""
    order = strongest_first(boxes, scores)
    kept = order[[group[0] for group in groups(iou(boxes[order], boxes[order]) >= OVERLAP)]]
    return boxes[kept], scores[kept]


def _clipped(boxes: Floats, picture: Pixels) -> Floats:
    height, width = picture.shape[:2]
    return boxes.clip(0, [width, height, width, height])
