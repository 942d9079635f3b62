"""A network that is rewritten for a processor computes what it did."""

from __future__ import annotations

import copy

import pytest
import torch
from ultralytics.nn.tasks import DetectionModel, PoseModel

from actors.persons.onnx_layout import Halves, for_processor
from actors.persons.tracking import quiet_ultralytics

SHAPE = (2, 3, 96, 160)


@pytest.mark.parametrize(
    ("family", "model"),
    [(DetectionModel, "yolo11n.yaml"), (DetectionModel, "yolov8n.yaml"), (PoseModel, "yolo11n-pose.yaml")],
)
def test_the_output_is_the_same_within_rounding(family: type, model: str) -> None:
    quiet_ultralytics()
    torch.manual_seed(7)
    network = family(model, verbose=False).eval().fuse(verbose=False)
    network.model[-1].export = True
    pictures = torch.rand(SHAPE)
    rewritten = copy.deepcopy(network)
    for_processor(rewritten)
    assert any(isinstance(layer, Halves) for layer in rewritten.modules())
    with torch.inference_mode():
        before, after = network(pictures), rewritten(pictures)
    assert torch.allclose(before, after, atol=1e-3, rtol=1e-5)
