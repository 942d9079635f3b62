"""Packs of tiny models with the inputs and outputs of InsightFace's: no weights are needed, and what a
detector finds is known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from schemas.media.frames import Pixels

STRIDES = (
    8,
    16,
    32,
)  # a level each: red places are faces of the first, green of the second, blue of the third
HALF = 2.0  # a box reaches so many strides to each side


def detector(path: Path, *, side: int | str = "?", points: bool = True) -> Path:
    """As SCRFD is shipped: one picture, two anchors a place, rows of all pictures of a place together.

    Boxes reach `HALF` strides to each side of a place, key points lie on it but for the first, which is one
    stride to its left.
    """
    nodes, outputs, weights = [], [], []
    for stride in STRIDES:
        nodes.append(
            helper.make_node(
                "AveragePool", ["input.1"], [f"seen{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2
            )
        )
    for kind, numbers in (("score", 1), ("box", 4), ("points", 10))[: 3 if points else 2]:
        for channel, stride in enumerate(STRIDES):
            name = f"{kind}{stride}"
            weight, bias = _head(kind, channel, numbers)
            weights += [
                _tensor(f"w{name}", weight),
                _tensor(f"b{name}", bias),
                _tensor(f"s{name}", np.array([-1, numbers], np.int64)),
            ]
            nodes.append(helper.make_node("Conv", [f"seen{stride}", f"w{name}", f"b{name}"], [f"c{name}"]))
            nodes.append(helper.make_node("Transpose", [f"c{name}"], [f"t{name}"], perm=[2, 3, 0, 1]))
            nodes.append(helper.make_node("Reshape", [f"t{name}", f"s{name}"], [f"r{name}"]))
            nodes.append(helper.make_node("Sigmoid" if kind == "score" else "Identity", [f"r{name}"], [name]))
            outputs.append(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [12800 * 64 // stride**2, numbers])
            )
    return _saved(path, nodes, [1, 3, side, side], outputs, weights)


def _head(kind: str, channel: int, numbers: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases of both anchors; the second one is less sure."""
    weight, bias = np.zeros((2 * numbers, 3, 1, 1), np.float32), np.zeros(2 * numbers, np.float32)
    if kind == "score":
        weight[:, channel], bias[:] = 16.0, [-12.0, -14.0]
    elif kind == "box":
        bias[:] = HALF
    else:
        bias[[0, numbers]] = -1.0
    return weight, bias


def describer(
    path: Path,
    side: int,
    numbers: int,
    *,
    normalises: bool = False,
    seed: int = 0,
    bias: np.ndarray | None = None,
) -> Path:
    """A model of crops: `numbers` sums of an 8 x 8 view of them.

    `normalises` names its first nodes as MXNet's exports do.
    """
    weight = np.random.default_rng(seed).normal(scale=0.05, size=(3 * 64, numbers)).astype(np.float32)
    weights = [
        _tensor("weight", weight),
        _tensor("bias", np.zeros(numbers, np.float32) if bias is None else bias.astype(np.float32)),
    ]
    weights += [_tensor("mean", np.array(127.5, np.float32)), _tensor("scale", np.array(1 / 128, np.float32))]
    nodes = [
        helper.make_node("Sub", ["data", "mean"], ["centred"], name="Sub_0"),
        helper.make_node("Mul", ["centred", "scale"], ["scaled"], name="Mul_0"),
    ] * normalises
    nodes += [
        helper.make_node(
            "AveragePool",
            ["scaled" if normalises else "data"],
            ["pooled"],
            kernel_shape=[side // 8] * 2,
            strides=[side // 8] * 2,
        ),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["fc1"]),
    ]
    return _saved(
        path,
        nodes,
        ["None", 3, side, side],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, numbers])],
        weights,
    )


def scene(height: int, width: int, *faces: tuple[int, int, int]) -> Pixels:
    """A black picture with faces of a level, each a square of one of `STRIDES` (left, top, side)."""
    picture = np.zeros((height, width, 3), np.uint8)
    for left, top, side in faces:
        picture[top : top + side, left : left + side, STRIDES.index(side)] = 255
    return picture


def _tensor(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(values, name)


def _saved(path: Path, nodes: list, shape: list, outputs: list, weights: list) -> Path:
    given = helper.make_tensor_value_info(nodes[0].input[0], TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, path.stem, [given], outputs, weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6), str(path)
    )
    return path
