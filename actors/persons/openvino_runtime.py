"""Runs a YOLO network with OpenVINO on the processor; INT8 models are about twice as fast as others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from actors.model_files.files import sound_folder
from actors.persons.onnx_runtime import as_tensor
from actors.persons.yolo_output import OutputLayout, Thresholds, people
from schemas.errors import UnsuitableWeights
from schemas.inference.detections import Detections
from schemas.media.frames import Pixels

# Some virtual machines announce AMX and kill the process that uses it. Without AMX results are also alike on
# more processors.
SAFE_INSTRUCTIONS: Final = "AVX512_CORE_VNNI"


class OpenVinoRuntime:
    """A YOLO network in a folder `*_openvino_model`, as ultralytics exports it.

    The folder holds NAME.xml, NAME.bin and metadata.yaml. Raises `UnsuitableWeights`.
    """

    def __init__(self, path: str, sha256: str | None, thresholds: Thresholds, *, threads: int = 1) -> None:
        os.environ.setdefault("ONEDNN_MAX_CPU_ISA", SAFE_INSTRUCTIONS)
        try:
            import openvino
        except ImportError as error:
            raise UnsuitableWeights(
                path, "it needs OpenVINO, which is not installed (`pip install openvino`)"
            ) from error
        model = openvino.Core().read_model(_network_file(str(sound_folder(path, sha256))))
        self.layout, self._thresholds = _output_layout(path, model), thresholds
        self.batch_size = self.layout.batch or 1
        exact = {"INFERENCE_PRECISION_HINT": "f32"}  # never bfloat16, the default on some processors
        self._run = openvino.compile_model(
            model, "CPU", {**exact, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
        )

    def stage(self, pictures: Sequence[Pixels]) -> Pixels:
        """Pictures of one size as one array, N x H x W x 3 uint8."""
        return np.stack(pictures)

    def detect(self, pixels: Pixels) -> list[Detections]:
        """Persons in each of `batch_size` x H x W x 3 uint8 RGB pictures."""
        return people(self._run(as_tensor(pixels))[0], None, self.layout, self._thresholds)


def _network_file(path: str) -> str:
    folder = Path(path)
    xml_files = sorted(folder.glob("*.xml"))
    if (
        len(xml_files) != 1
        or not xml_files[0].with_suffix(".bin").is_file()
        or not (folder / "metadata.yaml").is_file()
    ):
        raise UnsuitableWeights(path, "an OpenVINO folder holds one .xml, its .bin and metadata.yaml")
    return str(xml_files[0])


def _output_layout(path: str, model: Any) -> OutputLayout:
    if len(model.inputs) != 1:
        raise UnsuitableWeights(path, f"it has {len(model.inputs)} inputs; a detector takes pictures alone")
    metadata = yaml.safe_load((Path(path) / "metadata.yaml").read_text(encoding="utf-8"))
    batch, _, height, width = (
        None if side.is_dynamic else side.get_length() for side in model.inputs[0].partial_shape
    )
    layout = OutputLayout.of(path, metadata, shape=(height, width) if height and width else None, batch=batch)
    layout.checked(path, model.outputs[0].partial_shape[1].get_length())
    return layout
