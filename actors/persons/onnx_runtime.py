"""Runs a YOLO network with onnxruntime on the processor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from actors.model_files.files import sound_bytes
from actors.persons.yolo_output import OutputLayout, Thresholds, people
from schemas.errors import UnsuitableWeights
from schemas.inference.detections import Detections
from schemas.media.frames import Pixels

EMBEDDINGS_OUTPUT = "looks"
CONFIDENCE_INPUT = "min_confidence"  # of a network that leaves out places without confident ones beside them


class OnnxRuntime:
    """A YOLO network in an ONNX file, run on one picture at a time.

    On a processor larger batches gain nothing (docs/decisions/010), and padding costs. A network with the
    input `min_confidence` computes what all pictures of a batch need together, so that a result would depend
    on the others (`confident_head`).
    `threads` is fixed, since another number moves boxes by up to 0.007 pixels. Raises `UnsuitableWeights`,
    `WrongDigest`.
    """

    def __init__(self, path: str, sha256: str | None, thresholds: Thresholds, *, threads: int = 1) -> None:
        import onnxruntime

        data = sound_bytes(path, sha256)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors: the rest is about optimisations
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime does not export its exceptions
            raise UnsuitableWeights(
                path, f"onnxruntime cannot load it ({str(error).splitlines()[0]})"
            ) from error
        self._thresholds, self._input = thresholds, self._session.get_inputs()[0]
        self.layout = _output_layout(path, self._session)
        limit = np.array(thresholds.min_confidence, np.float32)
        self._limits = {CONFIDENCE_INPUT: limit} if len(self._session.get_inputs()) > 1 else {}
        self.batch_size = self.layout.batch or 1

    def stage(self, pictures: Sequence[Pixels]) -> Pixels:
        """Pictures of one size as one array, N x H x W x 3 uint8."""
        return np.stack(pictures)

    def detect(self, pixels: Pixels) -> list[Detections]:
        """Persons in each of `batch_size` x H x W x 3 uint8 RGB pictures."""
        outputs = self._session.run(None, {self._input.name: as_tensor(pixels), **self._limits})
        return people(outputs[0], outputs[1] if len(outputs) > 1 else None, self.layout, self._thresholds)


def as_tensor(pixels: Pixels) -> Any:
    """Pictures as B x 3 x H x W float32 in 0..1."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)


def _output_layout(path: str, session: Any) -> OutputLayout:
    (input_, *others), outputs = session.get_inputs(), session.get_outputs()
    unknown = [
        other.name
        for other in others
        if (other.name, other.type) != (CONFIDENCE_INPUT, "tensor(float)") or other.shape
    ]
    if unknown:
        raise UnsuitableWeights(path, f"it also takes {', '.join(unknown)}; a detector takes pictures alone")
    if input_.type != "tensor(float)" or len(input_.shape) != 4:
        raise UnsuitableWeights(
            path, f"it takes {input_.type} {input_.shape}, not pictures as B x 3 x H x W float32"
        )
    if len(outputs) > 1 and outputs[1].name != EMBEDDINGS_OUTPUT:
        names = ", ".join(output.name for output in outputs)
        raise UnsuitableWeights(path, f"it has {len(outputs)} outputs, {names}; a detector has one")
    batch, _, height, width = (side if isinstance(side, int) else None for side in input_.shape)
    metadata = session.get_modelmeta().custom_metadata_map
    shape = (height, width) if height and width else None
    layout = OutputLayout.of(path, metadata, shape=shape, batch=batch, has_embeddings=len(outputs) > 1)
    channels = outputs[0].shape[1] if len(outputs[0].shape) == 3 else 0
    if isinstance(channels, int):
        layout.checked(path, channels)
    return layout
