"""How many people the embedded detector and the tracker find, against a real annotation, and what a picture costs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import spread, table
from bench.timing import Times
from schemas.annotation import PERSON_DETECTION, PERSON_TRACK, Annotation
from schemas.frames import Floats
from schemas.settings import PersonSettings, Settings

TITLE = "Person detection, preset embedded"
SEQUENCE = Path(__file__).parents[2] / "shared/media/groundtruth/PETS09-S2L1_frames734-795"
RATE = 7.0  # every frame of the sequence
OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Person:
    """A box of one frame (left, top, right, bottom; pixels) and whose it is."""

    frame: int
    who: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Score:
    """Boxes found, boxes that are nobody, people missed, and how often a person's number changed."""

    found: int
    false: int
    missed: int
    switches: int

    def to_data(self) -> dict[str, float]:
        """Rates 0..1; `mota` as in Bernardin and Stiefelhagen, 2008, and below 0 where errors outnumber people."""
        people = self.found + self.missed
        return {
            "precision": ratio(self.found, self.found + self.false),
            "recall": ratio(self.found, people),
            "f1": ratio(2 * self.found, 2 * self.found + self.false + self.missed),
            "mota": 1.0 - ratio(self.missed + self.false + self.switches, people),
            "switches": self.switches,
        }


def ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def scored(truth: Sequence[Person], found: Sequence[Person]) -> Score:
    """Frame by frame the pairing with the largest total overlap, among pairs that overlap by IoU 0.5."""
    hits = switches = 0
    known: dict[str, str] = {}
    for frame in sorted({person.frame for person in truth}):
        for mine, theirs in pairs([p for p in found if p.frame == frame], [p for p in truth if p.frame == frame]):
            hits += 1
            if mine.who:  # a box in no track has no number to change
                switches += known.get(theirs.who, mine.who) != mine.who
                known[theirs.who] = mine.who
    return Score(hits, len(found) - hits, len(truth) - hits, switches)


def pairs(found: Sequence[Person], truth: Sequence[Person]) -> list[tuple[Person, Person]]:
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    from actors.hog import iou

    overlaps = iou(boxes(found), boxes(truth))
    gain = np.where(overlaps >= OVERLAP, overlaps, 0.0)
    return [(found[i], truth[j]) for i, j in zip(*linear_sum_assignment(gain, maximize=True), strict=True) if gain[i, j] > 0]


def boxes(people: Sequence[Person]) -> Floats:
    return np.array([person.box for person in people], float).reshape(-1, 4)


def measure(rounds: int) -> dict[str, Any]:
    """Accuracy on the annotated sequence, and processor seconds of each picture of it; raises FileNotFoundError without the clips."""
    truth = annotated(SEQUENCE)
    rows = engine_rows(SEQUENCE / "video.mp4")
    detections = [row for row in rows if row.annotation_type == PERSON_DETECTION]
    return {
        "people": len({person.who for person in truth}),
        "boxes": len(truth),
        "tracks": sum(row.annotation_type == PERSON_TRACK for row in rows),
        "accuracy": {
            "boxes of tracks": scored(truth, people_in(row for row in detections if row.person_id)).to_data(),
            "confidence 0.5 and more": scored(truth, people_in(row for row in detections if (row.confidence or 0) >= 0.5)).to_data(),
            "confidence 0.25 and more": scored(truth, people_in(row for row in detections if (row.confidence or 0) >= 0.25)).to_data(),
        },
        "picture_seconds": costs(SEQUENCE / "video.mp4", rounds).to_data(),
    }


def annotated(sequence: Path) -> list[Person]:
    """The MOT annotation: frame (from 1), person, left, top, width, height, ..."""
    lines = [line.split(",") for line in (sequence / "gt" / "gt.txt").read_text().splitlines()]
    return [
        Person(int(frame) - 1, who, (float(left), float(top), float(left) + float(width), float(top) + float(height)))
        for frame, who, left, top, width, height, *_ in lines
    ]


def people_in(rows: Any) -> list[Person]:
    return [as_person(row) for row in rows]


def as_person(row: Annotation) -> Person:
    if row.bbox is None or row.frame_number is None:
        raise ValueError(f"{row.annotation_id} is no box in a frame")
    box = row.bbox
    return Person(row.frame_number, row.person_id or "", (box.x, box.y, box.x + box.width, box.y + box.height))


def engine_rows(path: Path) -> tuple[Annotation, ...]:
    """Final rows of person_tracking, in this process."""
    from actors.association import associate
    from actors.probe import probe
    from bench.bare import seen
    from schemas.chunk import Numbers
    from schemas.pipeline import PERSON
    from vaengine.plan import chunks_of, work_keys

    settings = Settings(preset="embedded", person=PersonSettings(sample_fps=RATE))
    video = probe(str(path))
    (key,) = work_keys(video.video_id, [PERSON], settings)
    numbers = Numbers.joined(seen(spec) for spec in chunks_of(video, {key: []}, settings))
    return associate(video, numbers, settings, key)


def costs(path: Path, rounds: int) -> Times:
    """Processor seconds of each of `rounds` x 10 pictures, 640 wide."""
    from actors.decoder import frames
    from actors.probe import probe
    from actors.vision import detector_named
    from schemas.pipeline import PERSON
    from vaengine.plan import chunks_of, work_keys

    settings = Settings(preset="embedded", person=PersonSettings(sample_fps=RATE))
    video = probe(str(path))
    (spec,) = chunks_of(video, {key: [] for key in work_keys(video.video_id, [PERSON], settings)}, settings)
    if spec.sampling is None or spec.sampling.fps != Fraction(RATE):
        raise ValueError(f"expected every picture to be sampled, got {spec.sampling}")
    detector = detector_named(settings.person)
    seconds = []
    for frame, _ in zip(frames(spec), range(rounds * 10), strict=False):
        picture = frame.rgb(spec.sampling.width, spec.sampling.height)
        began = time.process_time()
        detector.detect(picture[None])
        seconds.append(time.process_time() - began)
    return Times(tuple(seconds))


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables."""
    titles = ["boxes", "precision", "recall", "F1", "MOTA", "switches"]
    rows = [
        [name, *(f"{score[rate]:.2f}" for rate in ("precision", "recall", "f1", "mota")), str(score["switches"])]
        for name, score in measured["accuracy"].items()
    ]
    cost = table(["one core, a picture 640 wide", "min s", "median s", "max s"], [["HOG", *spread(measured["picture_seconds"], 3)]])
    about = (
        f"PETS09-S2L1, frames 734-795: {measured['people']} people, {measured['boxes']} boxes, {measured['tracks']} tracks found; a hit is"
        " an IoU of 0.5. One short outdoor scene, and one of those that the detector's thresholds were chosen on: indoors, from above,"
        " seated or cut off, people are mostly missed."
    )
    return f"{about}\n\n{table(titles, rows)}\n\n{cost}"
