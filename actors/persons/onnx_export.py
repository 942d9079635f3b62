"""Converts a checkpoint to an ONNX model that takes pictures of any size.

Run as `python -m actors.persons.onnx_export WEIGHTS SHA256 TARGET [looks]`, in a process of its own: the
calling process, perhaps a notebook, is spared torch, ultralytics and their memory.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from actors.atomic_files import write_atomic
from actors.persons.confident_head import only_where_confident
from actors.persons.onnx_layout import for_processor
from actors.persons.onnx_runtime import CONFIDENCE_INPUT, EMBEDDINGS_OUTPUT
from actors.persons.torch_runtime import WithEmbeddings, embeddings_of, first_output, loaded
from schemas.errors import UnsuitableWeights, VaengineError

OPSET: Final = 17
EXAMPLE: Final = (1, 3, 256, 320)
EXAMPLE_CONFIDENCE: Final = 0.25


class ConfidentPlaces(torch.nn.Module):
    """A network whose head is rewritten by `only_where_confident`, with the confidence as second input."""

    def __init__(self, module: Any, *, with_embeddings: bool) -> None:
        super().__init__()
        self.module, self.with_embeddings = module, with_embeddings

    def forward(self, pictures: torch.Tensor, min_confidence: torch.Tensor) -> Any:
        """Raw predictions and, where they are asked for, embeddings."""
        head = self.module.model[-1]
        head.min_confidence = min_confidence
        raw = first_output(self.module(pictures))
        return (raw, embeddings_of(head.seen)) if self.with_embeddings else raw


def onnx_bytes(weights: str, sha256: str, *, with_embeddings: bool) -> bytes:
    """The ONNX model of a checkpoint, with embeddings where `with_embeddings`.

    Raises `UnsuitableWeights`, `WrongDigest`.
    """
    import onnx

    module, layout = loaded(weights, sha256)
    names = {layout.person: "person"} | {
        number: f"class {number}" for number in range(layout.classes) if number != layout.person
    }
    model = onnx.load_from_string(exported(module, layout.person, with_embeddings=with_embeddings))
    task = "pose" if layout.keypoints else "detect"
    properties = {
        "names": str(names),
        "stride": str(layout.stride),
        "kpt_shape": str((layout.keypoints, 3)),
        "task": task,
    }
    onnx.helper.set_model_props(model, properties)
    data: bytes = model.SerializeToString()
    return data


def exported(module: Any, person: int, *, with_embeddings: bool) -> bytes:
    """The ONNX model of a network that is fused, which is rewritten in place; without its metadata."""
    for_processor(module)
    head = module.model[-1]
    head.export, head.dynamic, head.format = True, True, "onnx"
    inputs = {"images": torch.zeros(EXAMPLE)}
    network: torch.nn.Module = module
    if only_where_confident(head, person):
        inputs[CONFIDENCE_INPUT] = torch.tensor(EXAMPLE_CONFIDENCE)
        network = ConfidentPlaces(module, with_embeddings=with_embeddings)
    elif with_embeddings:
        network = WithEmbeddings(module)
    return _traced(network, inputs, with_embeddings=with_embeddings)


def _traced(module: Any, inputs: Mapping[str, torch.Tensor], *, with_embeddings: bool) -> bytes:
    outputs = ["output", *([EMBEDDINGS_OUTPUT] if with_embeddings else [])]
    dynamic_axes = {name: {0: "batch", 2 - (name == EMBEDDINGS_OUTPUT): "places"} for name in outputs}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about shapes that are meant to be traced
        path = os.path.join(folder, "model.onnx")  # noqa: PTH118  # torch wants a text
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            path,
            opset_version=OPSET,
            dynamo=False,  # the new exporter needs a package more and gains nothing here
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes={"images": {0: "batch", 2: "height", 3: "width"}, **dynamic_axes},
        )
        return Path(path).read_bytes()


def main(weights: str, sha256: str, target: str, *options: str) -> None:
    """Writes the converted model, whole or not at all; an error is one line on standard error."""
    try:
        write_atomic(Path(target), onnx_bytes(weights, sha256, with_embeddings=bool(options)))
    except UnsuitableWeights as error:
        sys.exit(str(error.args[1]))
    except VaengineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
