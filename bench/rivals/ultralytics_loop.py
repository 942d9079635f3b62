"""Ultralytics as its manual recommends it, to compare boxes, tracks and speed with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from bench.scoring.mot import AnnotatedPerson

WEIGHTS = Path(__file__).parents[3] / "shared/models/yolo/yolo11n_dequantised.pt"
PERSON_CLASS = 0  # of COCO
INPUT_PIXELS = 640
MIN_CONFIDENCE = 0.1  # the default of `track`


def load(weights: Path) -> Any:
    """Load the model; the library uses neither the network nor the user's files."""
    from actors.persons.tracking import quiet_ultralytics

    quiet_ultralytics()
    from ultralytics import YOLO

    return YOLO(str(weights), task="detect")


def track(model: Any, source: Path, tracker: str = "bytetrack.yaml", batch: int = 1) -> Iterator[Any]:
    """Yield a result for each frame of a video, or of all videos of a folder."""
    options = {"classes": [PERSON_CLASS], "imgsz": INPUT_PIXELS, "batch": batch, "verbose": False}
    yield from model.track(str(source), stream=True, persist=False, tracker=tracker, **options)


def tracked(video: Path, weights: Path, tracker: str) -> list[AnnotatedPerson]:
    """The boxes of confirmed tracks of one video, at the places of the tracker's filter."""
    return [
        AnnotatedPerson(frame, str(int(who)), tuple(box))
        for frame, result in enumerate(track(load(weights), video, tracker))
        if result.boxes.id is not None
        for who, box in zip(result.boxes.id.tolist(), result.boxes.xyxy.tolist(), strict=True)
    ]


def predicted(video: Path, weights: Path) -> list[AnnotatedPerson]:
    """The boxes of one video, each with a name of its own."""
    options = {"classes": [PERSON_CLASS], "imgsz": INPUT_PIXELS, "conf": MIN_CONFIDENCE, "verbose": False}
    number = count()
    return [
        AnnotatedPerson(frame, f"box {next(number)}", tuple(box))
        for frame, result in enumerate(load(weights).predict(str(video), stream=True, **options))
        for box in result.boxes.xyxy.tolist()
    ]
