"""Settings of runs with neural person detection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.pipelines import PERSON
from schemas.settings.layers import flat, layer
from tests.conftest import SHARED
from vaengine.model_selection.presets import Machine
from vaengine.model_selection.select import ModelEnvironment, select_models

MODELS, VIDEO = SHARED / "models" / "yolo", SHARED / "media" / "video"
DETECT, POSE = MODELS / "yolo11n_dequantised.pt", MODELS / "yolov8n-pose_dequantised.pt"


def neural(cache: Path, weights: Path = DETECT, **told: Any) -> dict[str, Any]:
    """Settings as `vaengine run` would fit them, dots written as `__`; small pictures, to be quick."""
    asked = {
        "preset": "fast",
        "person.weights": str(weights),
        "models.allow_pickle": True,
        "person.input_pixels": 320,
    }
    asked |= {key.replace("__", "."): value for key, value in told.items()}
    workshop = ModelEnvironment((cache,), cache, Machine(), fetch=lambda model, begun: cache / model.name)
    found = dict(flat(select_models(layer("test", asked), (PERSON,), workshop)[0].settings.model_dump()))
    return {
        key.replace(".", "__"): value
        for key, value in found.items()
        if key.startswith(("person.", "models."))
    }
