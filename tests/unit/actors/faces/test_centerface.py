"""From what CenterFace's network puts out to faces: the arithmetic of places, sizes, shifts and key
points.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from actors.faces.centerface import CHANNELS, INPUT_MULTIPLE, STRIDE, CenterFace, candidates, face_model
from actors.faces.onnx_session import FaceNetwork
from schemas.errors import DamagedWeights, UnsuitableWeights, WrongDigest
from schemas.settings.settings import FaceSettings


def silent(pictures: int, rows: int, columns: int) -> list[np.ndarray]:
    return [np.zeros((pictures, channels, rows, columns), np.float32) for channels in CHANNELS]


@given(st.data())
def test_a_place_that_scores_is_a_face_around_its_middle_in_its_own_picture(data: st.DataObject) -> None:
    pictures, rows, columns = data.draw(st.integers(1, 4)), 8, 16
    picture, row, column = (data.draw(st.integers(0, most - 1)) for most in (pictures, rows, columns))
    height, width = (data.draw(st.floats(2, 200, width=32)) for _ in range(2))
    down, right = (data.draw(st.floats(0, 1, width=32)) for _ in range(2))
    score, size, shift, points = outputs = silent(pictures, rows, columns)
    score[picture, 0, row, column] = 0.75
    size[picture, :, row, column] = np.log(np.array([height, width]) / STRIDE)
    shift[picture, :, row, column] = [down, right]
    points[picture, :, row, column] = np.arange(10) / 10  # y of a point comes before its x
    found = candidates(outputs, 0.5)
    assert [len(faces) for faces in found] == [int(number == picture) for number in range(pictures)]
    left, top = (column + right + 0.5) * STRIDE - width / 2, (row + down + 0.5) * STRIDE - height / 2
    assert found[picture].xyxy[0] == pytest.approx([left, top, left + width, top + height], abs=1e-3)
    expected = [[left + (2 * i + 1) / 10 * width, top + 2 * i / 10 * height, 1.0] for i in range(5)]
    assert found[picture].keypoints[0].ravel() == pytest.approx(np.array(expected).ravel(), abs=1e-3)
    assert found[picture].confidence.tolist() == [0.75]


def network(path: Path, channels: tuple[int, ...] = CHANNELS) -> Path:
    """As CenterFace is published: ten pictures of 32 x 32.

    A face of 16 x 8 pixels is wherever red is full.
    """
    nodes = [
        helper.make_node(
            "AveragePool", ["input.1"], ["seen"], kernel_shape=[STRIDE] * 2, strides=[STRIDE] * 2
        )
    ]
    weights, outputs = [], []
    for number, count in enumerate(channels):
        weight, bias = np.zeros((count, 3, 1, 1), np.float32), np.zeros(count, np.float32)
        if number == 0:
            weight[:, 0], bias[:] = 0.1, -25.0
        elif number == 1:
            bias[:] = np.log([8 / STRIDE, 16 / STRIDE])
        weights += [
            numpy_helper.from_array(weight, f"w{number}"),
            numpy_helper.from_array(bias, f"b{number}"),
        ]
        nodes.append(helper.make_node("Conv", ["seen", f"w{number}", f"b{number}"], [f"c{number}"]))
        nodes.append(
            helper.make_node("Sigmoid" if number == 0 else "Identity", [f"c{number}"], [f"o{number}"])
        )
        outputs.append(helper.make_tensor_value_info(f"o{number}", TensorProto.FLOAT, [10, count, 8, 8]))
    taken = [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [10, 3, 32, 32])]
    model = helper.make_model(
        helper.make_graph(nodes, "g", taken, outputs, weights), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


@pytest.fixture
def detector(tmp_path: Path) -> CenterFace:
    file = network(tmp_path / "small.onnx")
    settings = FaceSettings(detector="centerface", pack=str(file), detect_pixels=128)
    return CenterFace(FaceNetwork(face_model(str(file), None), "cpu", batch=2), settings)


def test_faces_are_found_in_pixels_of_a_picture_of_any_size_each_once(detector: CenterFace) -> None:
    assert detector.bucket(150, 256) == (96, 128)
    assert detector.bucket(150, 256)[0] % INPUT_MULTIPLE == 0
    picture = np.zeros((150, 256, 3), np.uint8)
    picture[64:72, 120:136, 0] = 255  # two places beside each other in the frame, which is half as large
    blank, found = detector.detect([np.zeros_like(picture), picture])
    assert len(blank) == 0
    assert len(found) == 1
    middle = (found.xyxy[0, :2] + found.xyxy[0, 2:]) / 2
    assert np.abs(middle - [128, 68]).max() < 6
    assert found.xyxy[0, 2:] - found.xyxy[0, :2] == pytest.approx([32, 16], abs=0.5)
    assert found.embeddings.shape == (1, 0)


def test_batch_mates_and_their_order_change_not_one_bit(detector: CenterFace) -> None:
    random = np.random.default_rng(0)
    one, other = (
        np.where(random.random((150, 256, 1)) > 0.99, 255, 0).repeat(3, 2).astype(np.uint8) for _ in range(2)
    )
    one[40:60, 40:60, 0] = other[90:110, 200:220, 0] = 255
    first, second = detector.detect([one, other])
    assert [each.xyxy.tobytes() for each in detector.detect([other, one])] == [
        second.xyxy.tobytes(),
        first.xyxy.tobytes(),
    ]
    assert detector.detect([one, one])[0].xyxy.tobytes() == first.xyxy.tobytes()
    assert len(first)


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableWeights, match="channels"):
        face_model(str(network(tmp_path / "other.onnx", (1, 2, 2, 8))), None)
    with pytest.raises(WrongDigest):
        face_model(str(network(tmp_path / "changed.onnx")), "0" * 64)
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(DamagedWeights):
        face_model(str(tmp_path / "text.onnx"), None)
