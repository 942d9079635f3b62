"""Neural networks of tests, the pictures that they look at, and what they find."""

from __future__ import annotations

from functools import cache
from itertools import islice, takewhile
from pathlib import Path

import cv2
import numpy as np

from schemas.inference.detections import Detections
from schemas.media.frames import FrameBatch
from schemas.pipelines import PERSON
from schemas.settings.layers import layer
from schemas.settings.settings import Settings
from tests.conftest import SHARED
from vaengine.model_selection.presets import Machine
from vaengine.model_selection.select import ModelEnvironment, select_models

DETECT, POSE = "yolo11n_dequantised.pt", "yolov8n-pose_dequantised.pt"
STREET, DANCER, TALKER = "pets09-s2l1_vtest_480x360.mp4", "mgt_dancer.avi", "grid/bbaf2n.mpg"


def settings_for(weights: str, runtime: str, folder: Path, **person) -> Settings:
    """As a run would have them."""
    import torch

    told = {
        "person.weights": str(SHARED / "models" / "yolo" / weights),
        "person.runtime": runtime,
        "models.allow_pickle": True,
    }
    surroundings = Machine(gpu=torch.cuda.is_available())
    workshop = ModelEnvironment(
        (folder,), folder, surroundings, fetch=lambda model, begun: folder / model.name
    )
    keyed = {f"person.{key}": value for key, value in person.items()}
    return select_models(layer("test", {"preset": "fast", **told, **keyed}), (PERSON,), workshop)[0].settings


@cache
def pictures(clip: str, count: int = 5) -> tuple[np.ndarray, ...]:
    """Every tenth picture of a clip, H x W x 3 uint8 RGB in its own size."""
    capture = cv2.VideoCapture(str(SHARED / "media" / "video" / clip))
    shown = takewhile(lambda read: read[0], iter(capture.read, ()))
    return tuple(np.ascontiguousarray(picture[:, :, ::-1]) for _, picture in islice(shown, 0, count * 10, 10))


def as_batch(shown, first: int = 0) -> FrameBatch:
    """As the reader makes them: no side above 640."""
    height, width = shown[0].shape[:2]
    scale = min(1.0, 640 / max(height, width))
    size = (round(width * scale), round(height * scale))
    resized = [cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR) for picture in shown]
    numbers = np.arange(first, first + len(shown))
    return FrameBatch(numbers, numbers / 5, np.stack(resized), width / size[0], height / size[1])


def same(left: Detections, right: Detections) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name))
        for name in ("xyxy", "confidence", "keypoints", "embeddings")
    )
