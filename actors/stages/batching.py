"""Batches the frames of many videos by shape for a detector, and returns its detections for each video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.inference.detections import Detections
from schemas.inference.detector import Detector, SteppedDetector
from schemas.media.frames import FrameBatch, Pixels
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


@dataclass(frozen=True, slots=True)
class PictureGroup:
    """Pictures that go through the detector together, the padding left out, and what the last step made."""

    places: Sequence[FramePlace]
    value: Any


@dataclass(frozen=True, slots=True)
class BatchedFrames:
    """Batches of frames on their way through a detector."""

    batches: Sequence[FrameBatch]
    groups: Sequence[PictureGroup]

    def after(self, step: Callable[[Any], Any]) -> BatchedFrames:
        """The same after one more step of each group."""
        groups = [replace(group, value=step(group.value)) for group in self.groups]
        return replace(self, groups=groups)


class BatchedDetector:
    """Runs one detector over frames of any number of videos at once.

    The detector only gets batches of its own size and of one bucket, so the detections in a frame do not
    depend on how many other frames there are. `prepare`, `run` and `finish` are the steps of `detect`. A
    detector without steps does everything in `run`.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._steps = detector if isinstance(detector, SteppedDetector) else _OneStep(detector)

    def detect(self, batches: Sequence[FrameBatch]) -> list[list[Detections]]:
        """Returns detections for each frame of each batch, in displayed pixels, clipped to the frame.

        Raises ValueError when the detector does not answer for each frame.
        """
        return self.finish(self.run(self.prepare(batches)))

    def prepare(self, batches: Sequence[FrameBatch]) -> BatchedFrames:
        """Group the frames, and have the detector prepare each group."""
        size = self._detector.batch_size
        groups = [
            PictureGroup(places[first : first + size], self._padded(batches, places[first : first + size]))
            for places in self._places_by_bucket(batches)
            for first in range(0, len(places), size)
        ]
        return BatchedFrames(batches, groups).after(self._steps.prepare)

    def run(self, frames: BatchedFrames) -> BatchedFrames:
        """Run the model on what was prepared."""
        return frames.after(self._steps.run)

    def finish(self, frames: BatchedFrames) -> list[list[Detections]]:
        """The detections of `detect`."""
        detections = [[Detections.none()] * len(batch) for batch in frames.batches]
        for group in frames.groups:
            answers = self._steps.finish(group.value)
            if len(answers) != self._detector.batch_size:
                raise ValueError(
                    f"the detector gave {len(answers)} answers for {self._detector.batch_size} pictures"
                )
            for (batch, frame), boxes in zip(group.places, answers, strict=False):  # then comes the padding
                detections[batch][frame] = _displayed(boxes, frames.batches[batch])
        return detections

    def _padded(self, batches: Sequence[FrameBatch], places: list[FramePlace]) -> list[Pixels]:
        """`batch_size` pictures: those of the places, and the last one again."""
        padded = places + places[-1:] * (self._detector.batch_size - len(places))
        return [batches[batch].pixels[frame] for batch, frame in padded]

    def _places_by_bucket(self, batches: Sequence[FrameBatch]) -> Iterable[list[FramePlace]]:
        """All places, in order, grouped by the bucket of their frames."""
        by_bucket: dict[tuple[int, int], list[FramePlace]] = {}
        for number, batch in enumerate(batches):
            height, width = batch.pixels.shape[1:3]
            by_bucket.setdefault(self._detector.bucket(height, width), []).extend(
                (number, frame) for frame in range(len(batch))
            )
        return by_bucket.values()


class _OneStep:
    """The steps of a detector that has none."""

    def __init__(self, detector: Detector) -> None:
        self.run = detector.detect

    def prepare(self, pictures: Sequence[Pixels]) -> Sequence[Pixels]:
        return pictures

    def finish(self, detections: list[Detections]) -> list[Detections]:
        return detections


def _displayed(boxes: Detections, batch: FrameBatch) -> Detections:
    height, width = batch.pixels.shape[1] * batch.scale_y, batch.pixels.shape[2] * batch.scale_x
    return boxes.scaled(batch.scale_x, batch.scale_y).clipped(width, height)
