"""Whatever carries a YOLO model out: the boxes of the library it comes from, and each picture's own
whatever its batch mates.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from actors.persons.tracking import quiet_ultralytics
from actors.persons.yolo import YoloDetector, runtime_of
from actors.stages.batching import BatchedDetector, detector_named
from schemas.errors import DamagedWeights, UnsuitableWeights, WrongDigest
from schemas.inference.detections import Detections
from schemas.settings.settings import ModelSettings, PersonSettings, Settings
from tests.conftest import SHARED
from tests.support.media.networks import (
    DANCER,
    DETECT,
    POSE,
    STREET,
    TALKER,
    as_batch,
    pictures,
    same,
    settings_for,
)

pytestmark = pytest.mark.shared

RUNTIMES = ("torch", "onnx")
every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)


def most_px(runtime: str) -> float:
    """How far a number may be from the library's: half precision on a GPU."""
    import torch

    return 2.0 if runtime == "torch" and torch.cuda.is_available() else 0.05


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@cache
def library_boxes(weights: str, clip: str) -> list[Detections]:
    quiet_ultralytics()
    from ultralytics import YOLO

    model = YOLO(SHARED / "models" / "yolo" / weights, task=None)
    shown = [np.ascontiguousarray(picture[:, :, ::-1]) for picture in pictures(clip)]
    found = [
        model.predict(picture, conf=0.1, iou=0.7, classes=[0], imgsz=640, verbose=False)[0].cpu().numpy()
        for picture in shown
    ]
    return [
        Detections(one.boxes.xyxy.astype(float), one.boxes.conf.astype(float), _points(one.keypoints))
        for one in found
    ]


def _points(found) -> np.ndarray:
    return np.zeros((0, 0, 3)) if found is None else found.data.astype(float)


@pytest.mark.parametrize(
    ("weights", "clip", "runtime"),
    [
        (DETECT, STREET, "torch"),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in (
                (DETECT, STREET, "onnx"),
                (DETECT, TALKER, "torch"),
                (DETECT, TALKER, "onnx"),
                (POSE, DANCER, "torch"),
                (POSE, DANCER, "onnx"),
            )
        ),
    ],
)
def test_boxes_and_points_are_those_of_the_library(
    weights: str, clip: str, runtime: str, cache_folder: Path
) -> None:
    (found,) = BatchedDetector(detector_named(settings_for(weights, runtime, cache_folder))).detect(
        [as_batch(pictures(clip))]
    )
    expected = library_boxes(weights, clip)
    assert [len(boxes) for boxes in found] == [len(boxes) for boxes in expected]
    assert sum(len(boxes) for boxes in found) >= 5
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.xyxy == pytest.approx(theirs.xyxy, abs=most_px(runtime))
        assert mine.confidence == pytest.approx(theirs.confidence, abs=1e-3)
        assert mine.keypoints.shape == theirs.keypoints.shape or not len(mine)
        assert mine.keypoints[..., :2] == pytest.approx(theirs.keypoints[..., :2], abs=most_px(runtime))


@pytest.mark.long
@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_batch_mates_and_their_order_change_not_one_bit(runtime: str, cache_folder: Path) -> None:
    vision = BatchedDetector(
        detector_named(settings_for(DETECT, runtime, cache_folder, reid=True, tracker="botsort"))
    )
    street, talker = pictures(STREET), pictures(TALKER)
    alone = [vision.detect([as_batch([picture])])[0][0] for picture in street]
    mixed = vision.detect([as_batch(talker[:3]), as_batch(street[::-1]), as_batch(talker[3:])])[1][::-1]
    assert all(same(one, other) for one, other in zip(alone, mixed, strict=True))
    assert alone[0].embeddings.shape == (len(alone[0]), 64)


def test_pictures_that_travel_through_staging_buffers_are_seen_the_same(cache_folder: Path) -> None:
    """As on a GPU, which reads the buffers late: here a stand-in does, when the network asks for them."""
    import torch

    from actors.persons.torch_runtime import TorchRuntime
    from actors.vision.staging import StagingBuffers

    @dataclass
    class Travelling:
        source: np.ndarray
        arrived: torch.Tensor | None = None

        def synchronize(self) -> None:
            self.ready()

        def ready(self) -> torch.Tensor:
            if self.arrived is None:
                self.arrived = torch.from_numpy(self.source.copy())
            return self.arrived

    class HostDevice:
        def allocate(self, size: int) -> np.ndarray:
            return np.zeros(size, np.uint8)

        def copy(self, pixels: np.ndarray) -> tuple[Travelling, Travelling]:
            travelling = Travelling(pixels)
            return travelling, travelling

    detector = detector_named(settings_for(DETECT, "torch", cache_folder))
    assert isinstance(detector, YoloDetector)
    assert isinstance(detector._network, TorchRuntime)
    vision, batch = BatchedDetector(detector), as_batch(pictures(STREET))
    expected = vision.detect([batch])
    detector._network._buffers = StagingBuffers(HostDevice())  # type: ignore[assignment]
    prepared = [vision.prepare([batch]) for _ in range(3)]  # more than there are buffers
    for one in prepared:
        (found,) = vision.finish(vision.run(one))
        assert all(same(mine, theirs) for mine, theirs in zip(found, expected[0], strict=True))


@pytest.mark.long
def test_both_runtimes_agree_on_looks(cache_folder: Path) -> None:
    found = [
        BatchedDetector(
            detector_named(settings_for(DETECT, runtime, cache_folder, reid=True, tracker="botsort"))
        ).detect([as_batch(pictures(STREET)[:1])])[0][0]
        for runtime in RUNTIMES
    ]
    assert found[0].embeddings == pytest.approx(found[1].embeddings, abs=1e-3)
    assert np.abs(found[0].embeddings).max() > 0.1


@pytest.mark.long
def test_an_openvino_model_of_one_shape_finds_the_people_too(cache_folder: Path) -> None:
    detector = detector_named(settings_for("yolo11n_int8_openvino_model", "openvino", cache_folder))
    (found,) = BatchedDetector(detector).detect([as_batch(pictures(STREET))])
    assert isinstance(detector, YoloDetector)
    assert detector.bucket(360, 480) == (640, 640)
    for mine, theirs in zip(found, library_boxes(DETECT, STREET), strict=True):
        sure = [
            box for box, confidence in zip(theirs.xyxy, theirs.confidence, strict=True) if confidence > 0.6
        ]
        near = [min(np.abs(box - other).max() for other in mine.xyxy) for box in sure]
        assert max(near, default=0.0) < 20  # pixels: eight bits a weight are not thirty-two


@pytest.mark.long
def test_what_a_model_has_not_is_refused_before_the_first_frame(cache_folder: Path) -> None:
    with pytest.raises(UnsuitableWeights, match=r"person\.pose"):
        settings_for(DETECT, "onnx", cache_folder, pose=True)
    with pytest.raises(UnsuitableWeights, match=r"only a \.pt file"):
        settings_for("yolo11n_int8_openvino_model", "openvino", cache_folder, reid=True, tracker="botsort")


@every_runtime
def test_a_file_that_is_no_model_is_refused_in_one_line(runtime: str, tmp_path: Path) -> None:
    path = tmp_path / ("notes.onnx" if runtime == "onnx" else "notes.pt")
    path.write_text("not a model")
    with pytest.raises(UnsuitableWeights, match=r"^[^\n]*notes[^\n]*$"):
        runtime_of(naming(path, runtime))


@pytest.mark.long
@every_runtime
def test_another_file_than_the_one_settled_on_is_never_loaded(
    runtime: str, cache_folder: Path, tmp_path: Path
) -> None:
    settled = settings_for(DETECT, runtime, cache_folder)
    other = tmp_path / "other.pt"
    other.write_bytes((SHARED / "models" / "yolo" / POSE).read_bytes())
    swapped = settled.model_copy(update={"models": settled.models.model_copy(update={"network": str(other)})})
    with pytest.raises(WrongDigest):
        runtime_of(swapped)
    other.unlink()
    with pytest.raises(DamagedWeights, match="same place on every machine"):
        runtime_of(swapped)


@pytest.mark.parametrize("name", ["yolov5n.pt", "o'brien.pt"])
def test_a_checkpoint_is_the_file_that_was_named_whatever_the_library_makes_of_names(
    name: str, cache_folder: Path, tmp_path: Path
) -> None:
    """ultralytics takes yolov5nu.pt for yolov5n.pt, drops apostrophes, and fetches what is not there."""
    path = tmp_path / name
    path.write_bytes((SHARED / "models" / "yolo" / DETECT).read_bytes())
    (tmp_path / "yolov5nu.pt").write_bytes(b"another file")
    assert runtime_of(naming(path, "torch")).layout.classes == 80


def naming(path: Path, runtime: str) -> Settings:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Settings(
        person=PersonSettings(detector="yolo", runtime=runtime),
        models=ModelSettings(network=str(path), network_sha256=digest),
    )


def test_a_conversion_is_made_once(cache_folder: Path) -> None:
    detector_named(settings_for(DETECT, "onnx", cache_folder))
    (made,) = (cache_folder / "converted").glob(f"{Path(DETECT).stem}-????????????????.*.onnx")
    before = made.stat().st_mtime_ns
    detector_named(settings_for(DETECT, "onnx", cache_folder))
    assert made.stat().st_mtime_ns == before
