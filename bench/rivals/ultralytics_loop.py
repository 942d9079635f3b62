"""Ultralytics as its manual recommends it; the engine's boxes, tracks and speed are compared with it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from bench.scoring.mot import AnnotatedPerson

WEIGHTS = Path(__file__).parents[3] / "shared/models/yolo/yolo11n_dequantised.pt"
PERSON_CLASS = 0  # of COCO
INPUT_PIXELS = 640
LEAST_CONFIDENCE = 0.1  # what `track` asks for by itself


def loaded(weights: Path) -> Any:
    """The model, with the library kept off the network and the user's files."""
    from actors.persons.tracking import quiet_ultralytics

    quiet_ultralytics()
    from ultralytics import YOLO

    return YOLO(str(weights), task="detect")


def track(model: Any, source: Path, tracker: str = "bytetrack.yaml", batch: int = 1) -> Iterator[Any]:
    """One result per frame of a video, or of every video of a folder."""
    asked = {"classes": [PERSON_CLASS], "imgsz": INPUT_PIXELS, "batch": batch, "verbose": False}
    yield from model.track(str(source), stream=True, persist=False, tracker=tracker, **asked)


def tracked(video: Path, weights: Path, tracker: str) -> list[AnnotatedPerson]:
    """Boxes of confirmed tracks of one video, where the tracker's filter puts them."""
    return [
        AnnotatedPerson(frame, str(int(who)), tuple(box))
        for frame, result in enumerate(track(loaded(weights), video, tracker))
        if result.boxes.id is not None
        for who, box in zip(result.boxes.id.tolist(), result.boxes.xyxy.tolist(), strict=True)
    ]


def predicted(video: Path, weights: Path) -> list[AnnotatedPerson]:
    """Boxes of one video, each nobody's but its own."""
    asked = {"classes": [PERSON_CLASS], "imgsz": INPUT_PIXELS, "conf": LEAST_CONFIDENCE, "verbose": False}
    number = count()
    return [
        AnnotatedPerson(frame, f"box {next(number)}", tuple(box))
        for frame, result in enumerate(loaded(weights).predict(str(video), stream=True, **asked))
        for box in result.boxes.xyxy.tolist()
    ]
