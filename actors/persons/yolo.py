"""Detects persons with a YOLO model of ultralytics, in the runtime that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from actors.persons.yolo_output import OutputLayout, Thresholds
from actors.vision.letterbox import Letterbox
from schemas.errors import UnsuitableWeights
from schemas.inference.detections import Detections
from schemas.media.frames import Pixels
from schemas.settings.settings import Settings


class Runtime(Protocol):
    """A loaded model, which detects persons in letterboxed pictures, in pixels of the letterbox."""

    layout: OutputLayout
    batch_size: int

    def stage(self, pictures: Sequence[Pixels]) -> Any:
        """`batch_size` H x W x 3 uint8 RGB pictures of one size as `detect` takes them."""
        ...

    def detect(self, staged: Any) -> list[Detections]:
        """Persons in each picture."""
        ...


@dataclass(frozen=True, slots=True)
class Letterboxed:
    """Pictures on their way through the network, or what was seen in them, in pixels of the letterboxes."""

    letterboxes: Sequence[Letterbox]
    value: Any


class YoloDetector:
    """A `SteppedDetector` that letterboxes each picture by its own size.

    So its boxes depend on nothing else.
    """

    def __init__(self, network: Runtime, input_pixels: int) -> None:
        self._network, self._input_pixels = network, input_pixels
        self.batch_size = network.batch_size

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return self._letterbox(height, width).outer

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """Persons in each H x W x 3 uint8 RGB picture of one bucket."""
        return self.finish(self.run(self.prepare(pictures)))

    def prepare(self, pictures: Sequence[Pixels]) -> Letterboxed:
        letterboxes = [self._letterbox(*picture.shape[:2]) for picture in pictures]
        placed = [box.placed(picture) for box, picture in zip(letterboxes, pictures, strict=True)]
        return Letterboxed(letterboxes, self._network.stage(placed))

    def run(self, prepared: Letterboxed) -> Letterboxed:
        return replace(prepared, value=self._network.detect(prepared.value))

    def finish(self, output: Letterboxed) -> list[Detections]:
        pairs = zip(output.letterboxes, output.value, strict=True)
        return [letterbox.undone(persons) for letterbox, persons in pairs]

    def _letterbox(self, height: int, width: int) -> Letterbox:
        layout = self._network.layout
        if layout.shape:
            return Letterbox.within(height, width, layout.shape)
        return Letterbox.tight(height, width, self._input_pixels, layout.stride)


def yolo(settings: Settings, *, threads: int = 1) -> YoloDetector:
    """The detector of resolved settings; raises `UnsuitableWeights`, `WrongDigest`, `DamagedWeights`."""
    return YoloDetector(runtime_of(settings, threads=threads), settings.person.input_pixels)


def runtime_of(settings: Settings, *, threads: int = 1) -> Runtime:
    """The network that resolved settings name: `models.network` is a file, `runtime` is not auto."""
    person, path, sha256 = settings.person, settings.models.network, settings.models.network_sha256
    if path is None:
        raise UnsuitableWeights("person.detector=yolo", "no model has been settled on")
    limits = Thresholds(person.min_confidence, person.nms_iou, person.max_boxes)
    if person.runtime == "openvino":
        from actors.persons.openvino_runtime import OpenVinoRuntime

        return OpenVinoRuntime(path, sha256, limits, threads=threads)
    if person.runtime == "torch":
        from actors.persons.torch_runtime import TorchRuntime

        return TorchRuntime(
            path, sha256, limits, with_embeddings=person.reid, half=person.precision == "half"
        )
    from actors.persons.onnx_runtime import OnnxRuntime

    return OnnxRuntime(path, sha256, limits, threads=threads)
