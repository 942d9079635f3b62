"""People by a YOLO model of ultralytics, with what carries it out chosen by the settings."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from actors.candidates import Anatomy, Limits
from actors.letterbox import Letterbox
from schemas.errors import UnsuitableWeights
from schemas.frames import Detections, Pixels
from schemas.settings import ModelSettings, PersonSettings


class Network(Protocol):
    """A loaded model: people in framed pictures, in pixels of the frame."""

    anatomy: Anatomy
    batch_size: int

    def detect(self, pixels: Pixels) -> list[Detections]:
        """`pixels` is batch_size x H x W x 3 uint8 RGB."""
        ...


class YoloPeople:
    """A `Detector`: each picture is framed by its own size, so that its boxes depend on nothing else."""

    def __init__(self, network: Network, input_pixels: int) -> None:
        self._network, self._input_pixels = network, input_pixels
        self.batch_size = network.batch_size

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return self._letterbox(height, width).outer

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        """People in each H x W x 3 uint8 RGB picture of one bucket."""
        boxes = [self._letterbox(*picture.shape[:2]) for picture in pictures]
        found = self._network.detect(np.stack([box.placed(picture) for box, picture in zip(boxes, pictures, strict=True)]))
        return [box.undone(seen) for box, seen in zip(boxes, found, strict=True)]

    def _letterbox(self, height: int, width: int) -> Letterbox:
        anatomy = self._network.anatomy
        if anatomy.shape:
            return Letterbox.within(height, width, anatomy.shape)
        return Letterbox.tight(height, width, self._input_pixels, anatomy.stride)


def yolo(person: PersonSettings, models: ModelSettings, *, threads: int = 1) -> YoloPeople:
    """The detector of fitted settings: `weights` is a path, `runtime` not auto; raises `UnsuitableWeights`."""
    if person.weights is None:
        raise UnsuitableWeights("person.detector=yolo", "no weights are named")
    network = _network(person, person.weights, models, threads)
    if person.pose and not network.anatomy.keypoints:
        raise UnsuitableWeights(person.weights, "person.pose asks for key points and it has none")
    return YoloPeople(network, person.input_pixels)


def _network(person: PersonSettings, path: str, models: ModelSettings, threads: int) -> Network:
    limits = Limits(person.min_confidence, person.nms_iou, person.max_boxes)
    if person.runtime == "openvino":
        from actors.openvino_network import OpenVinoNetwork

        return OpenVinoNetwork(path, limits, threads=threads)
    if person.runtime == "torch":
        from actors.torch_network import TorchNetwork

        return TorchNetwork(path, limits, looks=person.reid)
    from actors.onnx_network import OnnxNetwork

    return OnnxNetwork(path if path.endswith(".onnx") else _converted(path, person, models), limits, threads=threads)


def _converted(path: str, person: PersonSettings, models: ModelSettings) -> str:
    from actors.onnx_export import exported

    folder = Path(models.cache) if models.cache else Path(tempfile.gettempdir()) / "vaengine-models"
    return str(exported(path, person.weights_sha256 or "", folder / "converted", looks=person.reid))
