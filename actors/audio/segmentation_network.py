"""The segmentation network inside the whisperX wheel, built from its weights alone for onnxruntime.

pyannote's own loader would run the pickle, import torch and a training library (12 s) and count its uses
over the network. The network is small. It gives what pyannote's gives within 5e-4, which a test holds.
Source: Ravanelli and Bengio, Speaker recognition from raw waveform with SincNet, SLT 2018; Bredin and
Laurent, End-to-end speaker segmentation, Interspeech 2021.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np

from actors.model_files.files import sound_bytes
from actors.model_files.torch_checkpoint import state_dict
from schemas.errors import DamagedWeights
from schemas.media.frames import Floats32

# Of pytorch_model.bin, as whisperX publishes it.
SHA256: Final = "0b5b3216d60a2d32fc086b47ea8c67589aaeb26b7e07fcbe620d6d0b83e209ea"
MIN_HZ: Final = 50.0  # Of the lower edge of a filter, and of its width.
NYQUIST_HZ: Final = 8000.0
FILTER_STRIDE: Final = 10
POOL_WIDTH: Final = 3
LSTM_LAYERS, HIDDEN = 4, 128
OPSET, IR_VERSION = 17, 8
FILTERS: Final = "sincnet.conv1d.0.filterbank."

Weights = Mapping[str, Floats32]


class VoiceNetwork:
    """Scores (0..1) of up to three voices in each frame of windows of sound; raises `DamagedWeights`."""

    def __init__(self, *, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors: the rest is about optimisations
        self._session = onnxruntime.InferenceSession(
            model(load_weights()), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, windows: Floats32) -> Floats32:
        """B x samples float32 at 16 kHz to B x frames x 3."""
        scores: Floats32 = self._session.run(None, {"windows": windows[:, None]})[0]
        return scores


class _Graph:
    """Nodes and constants of a network, one after the other."""

    def __init__(self, weights: Weights) -> None:
        self.weights, self.nodes, self.constants = weights, list[Any](), list[Any]()
        self._numbers = count()

    def constant(self, value: Any) -> str:
        from onnx import numpy_helper

        name = f"constant{next(self._numbers)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add_node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The output of a node."""
        from onnx import helper

        output = f"value{next(self._numbers)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def weight_and_bias(self, name: str) -> tuple[str, str]:
        return self.constant(self.weights[f"{name}.weight"]), self.constant(self.weights[f"{name}.bias"])

    def instance_norm(self, features: str, name: str) -> str:
        return self.add_node(
            "InstanceNormalization", features, *self.weight_and_bias(f"sincnet.{name}"), epsilon=1e-5
        )

    def pooled(self, features: str, layer: int) -> str:
        width = [POOL_WIDTH]
        pooled = self.add_node("MaxPool", features, kernel_shape=width, strides=width)
        return self.add_node("LeakyRelu", self.instance_norm(pooled, f"norm1d.{layer}"), alpha=0.01)

    def linear(self, hidden: str, name: str) -> str:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return self.add_node(
            "Add", self.add_node("MatMul", hidden, self.constant(weight.T)), self.constant(bias)
        )

    def lstm(self, features: str, layer: int) -> str:
        """frames x B x N to frames x B x twice `HIDDEN`: forwards, then backwards."""
        inputs, recurrent, bias = (self.constant(values) for values in lstm_weights(self.weights, layer))
        both = self.add_node(
            "LSTM", features, inputs, recurrent, bias, hidden_size=HIDDEN, direction="bidirectional"
        )
        by_frame = self.add_node("Transpose", both, perm=[0, 2, 1, 3])
        return self.add_node("Reshape", by_frame, self.constant(np.array([0, 0, 2 * HIDDEN], np.int64)))

    def serialized(self, scores: str) -> bytes:
        """The whole as an ONNX model from "windows" to `scores`."""
        from onnx import TensorProto, helper

        windows = helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["B", 1, "samples"])
        voices = helper.make_tensor_value_info(scores, TensorProto.FLOAT, ["B", "frames", 3])
        graph = helper.make_graph(self.nodes, "voice", [windows], [voices], initializer=self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        built: bytes = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION
        ).SerializeToString()
        return built


def model(weights: Weights) -> bytes:
    """The network as an ONNX model, from B x 1 x samples to B x frames x 3."""
    graph = _Graph(weights)
    filters = graph.constant(band_passes(weights))
    normal = graph.instance_norm("windows", "wav_norm1d")
    features = graph.add_node("Conv", normal, filters, strides=[FILTER_STRIDE])
    features = graph.pooled(graph.add_node("Abs", features), 0)
    for layer in (1, 2):
        convolved = graph.add_node("Conv", features, *graph.weight_and_bias(f"sincnet.conv1d.{layer}"))
        features = graph.pooled(convolved, layer)
    hidden = graph.add_node("Transpose", features, perm=[2, 0, 1])
    for layer in range(LSTM_LAYERS):
        hidden = graph.lstm(hidden, layer)
    for layer in (0, 1):
        hidden = graph.add_node("LeakyRelu", graph.linear(hidden, f"linear.{layer}"), alpha=0.01)
    scores = graph.add_node("Sigmoid", graph.linear(hidden, "classifier"))
    return graph.serialized(graph.add_node("Transpose", scores, perm=[1, 0, 2]))


def lstm_weights(weights: Weights, layer: int) -> tuple[Floats32, Floats32, Floats32]:
    """Weights of the inputs and of the state, and biases, of both directions as ONNX has them.

    2 x 4 `HIDDEN` x inputs, 2 x 4 `HIDDEN` x `HIDDEN`, 2 x 8 `HIDDEN`. torch has the gates as input,
    forget, cell, output; ONNX as input, output, forget, cell.
    """

    def of(kind: str) -> list[Floats32]:
        return [_gates(weights[f"lstm.{kind}_l{layer}{direction}"]) for direction in ("", "_reverse")]

    biases = zip(of("bias_ih"), of("bias_hh"), strict=True)
    return (
        np.stack(of("weight_ih")),
        np.stack(of("weight_hh")),
        np.stack([np.hstack(both) for both in biases]),
    )


def _gates(values: Floats32) -> Floats32:
    inputs, forget, cell, output = np.split(values, 4)
    return np.concatenate([inputs, output, forget, cell])


def band_passes(weights: Weights) -> Floats32:
    """80 x 1 x 251 filters: an even one and an odd one for each of 40 bands.

    Source: Pariente et al., Filterbank design, ICASSP 2020.
    """
    low_hz, band_hz, times, window = (
        weights[f"{FILTERS}{name}"] for name in ("low_hz_", "band_hz_", "n_", "window_")
    )
    low = MIN_HZ + np.abs(low_hz)
    high = (low + MIN_HZ + np.abs(band_hz)).clip(MIN_HZ, NYQUIST_HZ)
    band, rising, falling = high - low, low @ times, high @ times
    even = (np.sin(falling) - np.sin(rising)) / (times / 2) * window
    odd = (np.cos(rising) - np.cos(falling)) / (times / 2) * window
    filters = np.concatenate(
        [
            np.concatenate([even, 2 * band, even[:, ::-1]], 1),
            np.concatenate([odd, 0 * band, -odd[:, ::-1]], 1),
        ]
    )
    scaled: Floats32 = (filters / (2 * np.tile(band, (2, 1))))[:, None].astype(np.float32)
    return scaled


def load_weights() -> Weights:
    """The network's weights, checked against their digest; raises `DamagedWeights`."""
    path = str(model_path())
    data = sound_bytes(path, None)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise DamagedWeights(path, f"its sha256 is {digest}, not {SHA256}")
    return state_dict(path, data)


def model_path() -> Path:
    """The network's file inside the installed whisperX, which is not imported.

    Raises `DamagedWeights` where the file is missing.
    """
    spec = find_spec("whisperx")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path("whisperx")
    path = folder / "assets" / "pytorch_model.bin"
    if not path.is_file():
        raise DamagedWeights(
            str(path),
            "the voice-activity model that whisperX brings along is missing; install whisperx again",
        )
    return path
