"""What onnxruntime makes of an exported network is what torch makes of the network itself."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from actors.persons.onnx_export import exported
from actors.persons.onnx_runtime import CONFIDENCE_INPUT, EMBEDDINGS_OUTPUT, OnnxRuntime
from actors.persons.torch_runtime import WithEmbeddings
from actors.persons.yolo_output import Thresholds
from schemas.errors import UnsuitableWeights
from tests.support.media.random_networks import NETWORKS, network_of

PERSON = 3


def session_of(model: bytes) -> Any:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("family", "model"), NETWORKS[::2])
def test_confident_places_are_as_in_torch_whatever_the_size_and_the_number_of_pictures(
    family: type, model: str
) -> None:
    network = network_of(family, model)
    person = min(PERSON, network.model[-1].nc - 1)
    session = session_of(exported(copy.deepcopy(network), person, with_embeddings=False))
    for shape in ((1, 3, 96, 160), (2, 3, 64, 64)):
        pictures = torch.rand(shape)
        with torch.inference_mode():
            whole = network(pictures).numpy()
        for floor in (0.0, float(np.quantile(whole[:, 4 + person], 0.99)), 1.0):
            feed = {"images": pictures.numpy(), CONFIDENCE_INPUT: np.array(floor, np.float32)}
            (part,) = session.run(None, feed)
            for before, after in zip(whole, part, strict=True):
                rows, kept = before[:, before[4 + person] > floor], after[:, after[4 + person] > floor]
                np.testing.assert_allclose(kept, rows, atol=2e-3, rtol=1e-4)


def test_embeddings_are_those_of_the_places_that_are_given() -> None:
    network, pictures = network_of(*NETWORKS[0]), torch.rand(1, 3, 96, 160)
    session = session_of(exported(copy.deepcopy(network), PERSON, with_embeddings=True))
    with torch.inference_mode():
        whole, embeddings = WithEmbeddings(copy.deepcopy(network))(pictures)
    assert [output.name for output in session.get_outputs()] == ["output", EMBEDDINGS_OUTPUT]
    floor = float(whole[0, 4 + PERSON].quantile(0.99))
    raw, part = session.run(None, {"images": pictures.numpy(), CONFIDENCE_INPUT: np.array(floor, np.float32)})
    before, after = whole[0, 4 + PERSON].numpy() > floor, raw[0, 4 + PERSON] > floor
    np.testing.assert_allclose(part[0][after], embeddings[0].numpy()[before], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "shape", "told"),
    [
        ("scale", [], "it also takes scale; a detector takes pictures alone"),
        (CONFIDENCE_INPUT, [1], "also takes"),
    ],
)
def test_a_file_that_wants_more_than_pictures_is_refused(
    name: str, shape: list[int], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsuitableWeights, match=told):
        OnnxRuntime(saved(tmp_path, (name, shape)), None, Thresholds(0.25, 0.7, 100))


def test_a_file_of_pictures_alone_is_run_as_it_is(tmp_path: Path) -> None:
    runtime = OnnxRuntime(saved(tmp_path), None, Thresholds(0.25, 0.7, 100))
    (found,) = runtime.detect(np.full((1, 1, 5, 3), 255, np.uint8))
    assert found.confidence.tolist() == [1.0]


def saved(folder: Path, *others: tuple[str, list[int]]) -> str:
    """A file that takes pictures of 1 x 5 as one place each, with these inputs beside them."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("images", ["B", 3, 1, 5]), *others)
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["B", 5, 1])
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
        for name, values in (("first", [0]), ("one", [1]), ("axis", [1]), ("order", [0, 5, 1]))
    ]
    nodes = [
        helper.make_node("Slice", ["images", "first", "one", "axis"], ["red"]),
        helper.make_node("Reshape", ["red", "order"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "network", inputs, [output], initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"names": "{0: 'person'}", "stride": "1"})
    onnx.save(model, folder / "network.onnx")
    return str(folder / "network.onnx")
