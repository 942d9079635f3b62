"""A YOLO network carried out by onnxruntime on the processor."""

from __future__ import annotations

from typing import Any

import numpy as np

from actors.model_files.files import sound_bytes
from actors.persons.yolo_output import OutputLayout, Thresholds, people
from schemas.errors import UnsuitableWeights
from schemas.inference.detections import Detections
from schemas.media.frames import Pixels

LOOKS = "looks"  # name of the output that holds embeddings


class OnnxRuntime:
    """One picture at a time: on a processor larger batches gain nothing (1, 4 and 8: 53, 52 and 52 ms a
    picture), and padding costs.

    `threads` is fixed, since another number moves boxes by up to 0.007 pixels. Raises `UnsuitableWeights`,
    `WrongDigest`.
    """

    def __init__(self, path: str, sha256: str | None, limits: Thresholds, *, threads: int = 1) -> None:
        import onnxruntime

        data = sound_bytes(path, sha256)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors: the rest is about optimisations
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions are not exported, and what it takes for no model varies
            raise UnsuitableWeights(
                path, f"onnxruntime cannot load it ({str(error).splitlines()[0]})"
            ) from error
        self._limits, self._input = limits, self._session.get_inputs()[0]
        self.anatomy = _anatomy(path, self._session)
        self.batch_size = self.anatomy.batch or 1

    def detect(self, pixels: Pixels) -> list[Detections]:
        """People in each of `batch_size` x H x W x 3 uint8 RGB pictures."""
        outputs = self._session.run(None, {self._input.name: as_tensor(pixels)})
        return people(outputs[0], outputs[1] if len(outputs) > 1 else None, self.anatomy, self._limits)


def as_tensor(pixels: Pixels) -> Any:
    """B x 3 x H x W float32 in 0..1."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)


def _anatomy(path: str, session: Any) -> OutputLayout:
    taken, given = session.get_inputs()[0], session.get_outputs()
    if taken.type != "tensor(float)" or len(taken.shape) != 4:
        raise UnsuitableWeights(
            path, f"it takes {taken.type} {taken.shape}, not pictures as B x 3 x H x W float32"
        )
    if len(given) > 1 and given[1].name != LOOKS:
        raise UnsuitableWeights(
            path,
            f"it has {len(given)} outputs, {', '.join(output.name for output in given)}; a detector has one",
        )
    batch, _, height, width = (side if isinstance(side, int) else None for side in taken.shape)
    metadata = session.get_modelmeta().custom_metadata_map
    shape = (height, width) if height and width else None
    anatomy = OutputLayout.of(path, metadata, shape=shape, batch=batch, looks=len(given) > 1)
    channels = given[0].shape[1] if len(given[0].shape) == 3 else 0
    if isinstance(channels, int):
        anatomy.checked(path, channels)
    return anatomy
