"""Batches the frames of many videos by shape for a detector, and returns its detections for each video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.inference.detections import Detections
from schemas.inference.detector import Detector
from schemas.media.frames import FrameBatch
from schemas.pipelines import FACE, PERSON
from schemas.settings.settings import Settings

FramePlace = tuple[int, int]  # which batch, which of its frames


def detector_named(settings: Settings, pipeline: str = PERSON, *, threads: int = 1) -> Detector:
    """Loads the detector that the settings name for a pipeline, with `threads` threads.

    Raises `ModelError`.
    """
    if pipeline == FACE:
        from actors.faces.detector import face_detector

        return face_detector(settings, threads=threads)
    person = settings.person
    if person.detector == "hog":
        from actors.persons.hog import HogDetector

        return HogDetector(min_confidence=person.min_confidence)
    from actors.persons.yolo import yolo

    return yolo(settings, threads=threads)


class BatchedDetector:
    """Runs one detector over frames of any number of videos at once.

    The detector only gets batches of its own size and of one bucket, so the detections in a frame do not
    depend on how many other frames there are.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def detect(self, batches: Sequence[FrameBatch]) -> list[list[Detections]]:
        """Returns detections for each frame of each batch, in displayed pixels, clipped to the frame.

        Raises ValueError when the detector does not answer for each frame.
        """
        detections = [[Detections.none()] * len(batch) for batch in batches]
        for places in self._places_by_bucket(batches):
            for first in range(0, len(places), self._detector.batch_size):
                group = places[first : first + self._detector.batch_size]
                for (batch, frame), boxes in zip(group, self._detections(batches, group), strict=True):
                    detections[batch][frame] = _displayed(boxes, batches[batch])
        return detections

    def _detections(self, batches: Sequence[FrameBatch], group: list[FramePlace]) -> list[Detections]:
        """The detector's answers for up to `batch_size` frames; those for the padding are dropped."""
        padded = group + group[-1:] * (self._detector.batch_size - len(group))
        answers = self._detector.detect([batches[batch].pixels[frame] for batch, frame in padded])
        if len(answers) != len(padded):
            raise ValueError(f"the detector gave {len(answers)} answers for {len(padded)} pictures")
        return answers[: len(group)]

    def _places_by_bucket(self, batches: Sequence[FrameBatch]) -> Iterable[list[FramePlace]]:
        """All places, in order, grouped by the bucket of their frames."""
        by_bucket: dict[tuple[int, int], list[FramePlace]] = {}
        for number, batch in enumerate(batches):
            height, width = batch.pixels.shape[1:3]
            by_bucket.setdefault(self._detector.bucket(height, width), []).extend(
                (number, frame) for frame in range(len(batch))
            )
        return by_bucket.values()


def _displayed(boxes: Detections, batch: FrameBatch) -> Detections:
    height, width = batch.pixels.shape[1] * batch.scale_y, batch.pixels.shape[2] * batch.scale_x
    return boxes.scaled(batch.scale_x, batch.scale_y).clipped(width, height)
