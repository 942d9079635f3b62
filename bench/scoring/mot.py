"""Tracking scores of the MOT benchmarks, by py-motmetrics, for annotation files and stored rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from schemas.annotations.annotation import Annotation
from schemas.media.frames import Floats

OVERLAP = 0.5  # smallest IoU of a hit
PETS = Path(__file__).parents[3] / "shared/media/groundtruth/PETS09-S2L1_frames734-795"
PETS_FPS = 7.0  # every frame of the sequence


@dataclass(frozen=True, slots=True)
class AnnotatedPerson:
    """A box (left, top, right, bottom in pixels) in one frame, counted from 0, and its person or track."""

    frame: int
    who: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Rates from 0 to 1 (`mota` may be negative: errors can outnumber people) and counts.

    Sources: `mota`, Bernardin and Stiefelhagen, 2008; `idf1`, Ristani et al., 2016.
    """

    mota: float
    idf1: float
    precision: float
    recall: float
    switches: int
    fragmentations: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 if both are."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def to_data(self) -> dict[str, float]:
        """All rates and counts by name, rounded."""
        return {name: round(value, 4) for name, value in {**asdict(self), "f1": self.f1}.items()}


def accuracy(truth: Sequence[AnnotatedPerson], found: Sequence[AnnotatedPerson]) -> Accuracy:
    """The accuracy of the tracks `found` against the true ones; a hit has an IoU of at least 0.5.

    Raises ValueError without any truth, or if a person has two boxes in one frame.
    """
    import motmetrics

    if not truth:
        raise ValueError("no truth to compare with")
    events = motmetrics.MOTAccumulator()
    true_ids, found_ids = _ids(truth), _ids(found)  # motmetrics keeps ids as floats
    true_in, found_in = per_frame(truth), per_frame(found)
    for frame in sorted({*true_in, *found_in}):
        people, boxes = true_in.get(frame, []), found_in.get(frame, [])
        events.update(
            [true_ids[person.who] for person in people],
            [found_ids[person.who] for person in boxes],
            _distances(people, boxes),
            frameid=frame,
        )
    return _accuracy_of(motmetrics.metrics.create(), events)


def _accuracy_of(host: Any, events: Any) -> Accuracy:
    names = ["mota", "idf1", "precision", "recall", "num_switches", "num_fragmentations"]
    values: Mapping[str, Any] = host.compute(events, metrics=names, return_dataframe=False)
    return Accuracy(
        mota=float(values["mota"]),
        idf1=float(values["idf1"]),
        precision=float(np.nan_to_num(values["precision"])),  # 0/0 where nothing was found
        recall=float(values["recall"]),
        switches=int(values["num_switches"]),
        fragmentations=int(values["num_fragmentations"]),
    )


def _distances(people: Sequence[AnnotatedPerson], boxes: Sequence[AnnotatedPerson]) -> Floats:
    """1 - IoU of every pair, NaN for pairs that are no hit.

    The function of motmetrics calls `np.asfarray`, which numpy 2 does not have.
    """
    from actors.vision.boxes import iou

    overlap = iou(corners(people), corners(boxes))
    return np.where(overlap >= OVERLAP, 1 - overlap, np.nan)


def corners(people: Sequence[AnnotatedPerson]) -> Floats:
    """The boxes of `people` as N x 4."""
    return np.array([person.box for person in people], float).reshape(-1, 4)


def _ids(people: Iterable[AnnotatedPerson]) -> dict[str, int]:
    return {who: number for number, who in enumerate(dict.fromkeys(person.who for person in people), start=1)}


def per_frame(people: Iterable[AnnotatedPerson]) -> dict[int, list[AnnotatedPerson]]:
    """People by frame; raises ValueError if a person has two boxes in one frame."""
    frames: dict[int, list[AnnotatedPerson]] = defaultdict(list)
    for person in people:
        if any(other.who == person.who for other in frames[person.frame]):
            raise ValueError(f"{person.who} has two boxes in frame {person.frame}")
        frames[person.frame].append(person)
    return dict(frames)


def annotated(file: Path) -> list[AnnotatedPerson]:
    """The people of a MOT text file.

    Its columns are frame (from 1), person, left, top, width, height, flag (0: does not count) and others.
    """
    lines = [line.split(",") for line in file.read_text().splitlines()]
    return [
        AnnotatedPerson(
            int(frame) - 1,
            who,
            (float(left), float(top), float(left) + float(width), float(top) + float(height)),
        )
        for frame, who, left, top, width, height, flag, *_ in lines
        if float(flag) != 0
    ]


def people_in(rows: Iterable[Annotation]) -> list[AnnotatedPerson]:
    """The boxes of rows, in order; a box without a track has a name of its own."""
    return [as_person(row) for row in rows]


def as_person(row: Annotation) -> AnnotatedPerson:
    """The box of a row; raises ValueError for a row without a box."""
    if row.bbox is None or row.frame_number is None:
        raise ValueError(f"{row.annotation_id} is no box in a frame")
    box = row.bbox
    return AnnotatedPerson(
        row.frame_number,
        row.person_id or row.annotation_id,
        (box.x, box.y, box.x + box.width, box.y + box.height),
    )
