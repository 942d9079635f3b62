"""Batches frames of many videos by shape, and returns each answer to the video of its frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.inference.detections import Detections
from schemas.inference.detector import Detector
from schemas.media.frames import FrameBatch
from schemas.pipelines import FACE, PERSON
from schemas.settings.settings import Settings

Place = tuple[int, int]  # which batch, which of its frames


def detector_named(settings: Settings, pipeline: str = PERSON, *, threads: int = 1) -> Detector:
    """The detector that resolved settings name for a pipeline, on `threads` of the processor; raises
    `ModelError`s.
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
    """Runs one detector over pictures of any number of videos at once.

    A detector only ever sees batches of its own size and of one bucket, so what it says of a picture cannot
    depend on how many others there were.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def detect(self, batches: Sequence[FrameBatch]) -> list[list[Detections]]:
        """For each batch one entry per frame: boxes in displayed pixels, cut off at the picture's borders.

        Raises ValueError when the detector does not answer for each picture.
        """
        found = [[Detections.none()] * len(batch) for batch in batches]
        for places in self._buckets(batches):
            for first in range(0, len(places), self._detector.batch_size):
                group = places[first : first + self._detector.batch_size]
                for (batch, frame), boxes in zip(group, self._answers(batches, group), strict=True):
                    found[batch][frame] = _displayed(boxes, batches[batch])
        return found

    def _answers(self, batches: Sequence[FrameBatch], group: list[Place]) -> list[Detections]:
        """The detector's answers for up to `batch_size` pictures; those for the padding are dropped."""
        padded = group + group[-1:] * (self._detector.batch_size - len(group))
        answers = self._detector.detect([batches[batch].pixels[frame] for batch, frame in padded])
        if len(answers) != len(padded):
            raise ValueError(f"the detector gave {len(answers)} answers for {len(padded)} pictures")
        return answers[: len(group)]

    def _buckets(self, batches: Sequence[FrameBatch]) -> Iterable[list[Place]]:
        """All places, in order, by the bucket of their pictures."""
        by_bucket: dict[tuple[int, int], list[Place]] = {}
        for number, batch in enumerate(batches):
            height, width = batch.pixels.shape[1:3]
            by_bucket.setdefault(self._detector.bucket(height, width), []).extend(
                (number, frame) for frame in range(len(batch))
            )
        return by_bucket.values()


def _displayed(boxes: Detections, batch: FrameBatch) -> Detections:
    height, width = batch.pixels.shape[1] * batch.scale_y, batch.pixels.shape[2] * batch.scale_x
    return boxes.scaled(batch.scale_x, batch.scale_y).clipped(width, height)
