"""A checkpoint as an ONNX file that takes pictures of any size, made once and kept: onnxruntime is faster and loads ten times as fast."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import torch

from actors.onnx_network import LOOKS
from actors.stores.atomic import write_atomic
from actors.torch_network import WithLooks, loaded

OPSET: Final = 17
RECIPE: Final = 1  # raise it when an export would come out otherwise
EXAMPLE: Final = (1, 3, 256, 320)


def exported(weights: str, sha256: str, folder: Path, *, looks: bool) -> Path:
    """The ONNX file of a checkpoint in `folder`, made unless it is there; raises `UnsuitableWeights` and `DiskFull`."""
    target = folder / f"{Path(weights).stem}-{sha256[:16]}{'-looks' if looks else ''}.{RECIPE}.onnx"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(target, _onnx(weights, looks=looks))  # two actors may both make it: the same file twice
    return target


def _onnx(weights: str, *, looks: bool) -> bytes:
    import onnx

    module, anatomy = loaded(weights)
    head = module.model[-1]
    head.export, head.dynamic, head.format = True, True, "onnx"
    names = {anatomy.person: "person"} | {number: f"class {number}" for number in range(anatomy.classes) if number != anatomy.person}
    model = onnx.load_from_string(_traced(WithLooks(module) if looks else module, looks=looks))
    known = {"names": str(names), "stride": str(anatomy.stride), "kpt_shape": str((anatomy.keypoints, 3))}
    onnx.helper.set_model_props(model, known)
    data: bytes = model.SerializeToString()
    return data


def _traced(module: Any, *, looks: bool) -> bytes:
    outputs = ["output", *([LOOKS] if looks else [])]
    places = {name: {0: "batch", 2 - (name == LOOKS): "places"} for name in outputs}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about shapes that are meant to be traced
        path = os.path.join(folder, "model.onnx")  # noqa: PTH118  # torch wants a text
        torch.onnx.export(
            module,
            (torch.zeros(EXAMPLE),),
            path,
            opset_version=OPSET,
            dynamo=False,  # the new exporter needs a package more and gains nothing here
            input_names=["images"],
            output_names=outputs,
            dynamic_axes={"images": {0: "batch", 2: "height", 3: "width"}, **places},
        )
        return Path(path).read_bytes()
