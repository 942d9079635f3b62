"""YOLO networks with weights by lot, which need no file."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from ultralytics.nn.tasks import DetectionModel, PoseModel

from actors.persons.tracking import quiet_ultralytics

NETWORKS = [
    (DetectionModel, "yolo11n.yaml"),
    (DetectionModel, "yolov8n.yaml"),
    (PoseModel, "yolo11n-pose.yaml"),
]


@cache
def network_of(family: type, model: str) -> Any:
    """One with weights by lot, whose scores differ from place to place."""
    quiet_ultralytics()
    torch.manual_seed(7)
    network = family(model, verbose=False).eval().fuse(verbose=False)
    head = network.model[-1]
    head.export = True
    for branch in head.cv3:
        branch[-1].weight.data.mul_(30)
    return network
