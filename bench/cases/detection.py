"""Benchmark of the embedded person detector and the tracker, against a real annotation: accuracy and cost."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from bench.harness.in_process import person_rows, read
from bench.harness.report import spread, table
from bench.harness.timing import Times
from bench.scoring.mot import PETS, PETS_FPS, Accuracy, AnnotatedPerson, accuracy, annotated, people_in
from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK, Annotation
from schemas.settings.settings import PersonSettings, Settings
from schemas.work.messages import FramesMessage

TITLE = "Person detection, preset embedded"
SETTINGS = Settings(preset="embedded", person=PersonSettings(sample_fps=PETS_FPS))
MIN_CONFIDENCES = (0.5, 0.25)


def measure(rounds: int) -> dict[str, Any]:
    """The accuracy on the annotated sequence, and the processor seconds of a frame of it.

    Raises FileNotFoundError without the clips.
    """
    video, truth = PETS / "video.mp4", annotated(PETS / "gt" / "gt.txt")
    rows = person_rows(video, SETTINGS)
    boxes = [row for row in rows if row.annotation_type == PERSON_DETECTION]
    return {
        "people": len({person.who for person in truth}),
        "boxes": len(truth),
        "tracks": sum(row.annotation_type == PERSON_TRACK for row in rows),
        "accuracy": {
            "boxes of tracks": accuracy(truth, people_in(row for row in boxes if row.person_id)).to_data(),
            **{
                f"confidence {minimum} and more": detected(accuracy(truth, alone(boxes, minimum)))
                for minimum in MIN_CONFIDENCES
            },
        },
        "picture_seconds": costs(video, rounds).to_data(),
    }


def alone(boxes: Iterable[Annotation], minimum: float) -> list[AnnotatedPerson]:
    """Boxes with at least a confidence, each with a name of its own in place of its track's."""
    strong = [row for row in boxes if (row.confidence or 0) >= minimum]
    return [
        AnnotatedPerson(person.frame, row.annotation_id, person.box)
        for person, row in zip(people_in(strong), strong, strict=True)
    ]


def detected(score: Accuracy) -> dict[str, float]:
    """The rates that are defined for boxes without tracks."""
    return {rate: value for rate, value in score.to_data().items() if rate in ("precision", "recall", "f1")}


def costs(video: Path, rounds: int) -> Times:
    """The processor seconds of `rounds` x 10 frames, 640 pixels wide."""
    from actors.stages.batching import detector_named

    detector = detector_named(SETTINGS)
    messages = (value for value in read(video, SETTINGS) if isinstance(value, FramesMessage))
    seconds = []
    for frame in islice((frame for message in messages for frame in message.frames.pixels), rounds * 10):
        began_s = time.process_time()
        detector.detect([frame])
        seconds.append(time.process_time() - began_s)
    return Times(tuple(seconds))


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables."""
    titles = {"precision": "precision", "recall": "recall", "f1": "F1", "mota": "MOTA", "idf1": "IDF1"}
    rows = [
        [
            name,
            *(f"{score[rate]:.2f}" if rate in score else "" for rate in titles),
            str(score.get("switches", "")),
        ]
        for name, score in measured["accuracy"].items()
    ]
    cost = table(
        ["one core, a picture 640 wide", "min s", "median s", "max s"],
        [["HOG", *spread(measured["picture_seconds"], 3)]],
    )
    about = (
        f"PETS09-S2L1, frames 734-795: {measured['people']} people, {measured['boxes']} boxes, "
        f"{measured['tracks']} tracks found; a hit is"
        " an IoU of 0.5. One short outdoor scene, and one of those that the detector's thresholds were "
        "chosen on: indoors, from above,"
        " seated or cut off, people are mostly missed."
    )
    return f"{about}\n\n{table(['boxes', *titles.values(), 'switches'], rows)}\n\n{cost}"
