"""Which tracked person a face belongs to: by where the person is at that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from actors.vision.boxes import one_to_one
from schemas.annotations.annotation import PERSON_DETECTION, Annotation
from schemas.media.frames import Floats, Ints

GAP_INTERVALS: Final = (
    2.0  # persons move in a straight line between boxes at most so many sampling intervals apart
)
INSIDE: Final = 0.7  # share of the face's box that lies within the person's
# of a person's height, from the top, within which the middle of a face lies; the box of who sits is short
HEAD_SHARE: Final = 0.6


def persons_of_faces(
    frames: Ints, times_s: Floats, xyxy: Floats, tracked: Sequence[Annotation], sample_fps: float
) -> list[str | None]:
    """The person of each of N faces, None where there is none.

    `frames` N, ascending, `times_s` N seconds, `xyxy` N x 4; `tracked` are rows of persons sampled at
    `sample_fps`. A person is there from the first box of the track to the last one, so no face is linked
    across a cut. In each frame faces and persons are paired one to one, those first that lie best at the head
    of a person.
    """
    ways = _ways(tracked)
    persons = np.array(list(ways), np.object_)
    ends_s = np.array([[way[0, 0], way[-1, 0]] for way in ways.values()]).reshape(-1, 2)
    found: list[str | None] = [None] * len(frames)
    for frame in np.unique(frames):
        faces = np.arange(*np.searchsorted(frames, [frame, frame + 1]))
        time_s = float(times_s[faces[0]])
        there = (ends_s[:, 0] <= time_s) & (time_s <= ends_s[:, 1])  # few of a long video's persons
        here = {
            person: box
            for person in persons[there]
            if (box := _at(ways[person], time_s, sample_fps)) is not None
        }
        if not here:
            continue
        names = sorted(here)
        fit = np.array([[_fit(xyxy[face], here[name]) for name in names] for face in faces])
        for face, person in one_to_one(fit):
            found[int(faces[face])] = names[person]
    return found


def _ways(tracked: Sequence[Annotation]) -> Mapping[str, Floats]:
    """For each person M x 5: time and box (left, top, right, bottom), by time."""
    own: dict[str, list[tuple[float, ...]]] = {}
    for row in tracked:
        if (
            row.annotation_type == PERSON_DETECTION
            and row.person_id
            and row.bbox
            and row.timestamp_seconds is not None
        ):
            box = row.bbox
            own.setdefault(row.person_id, []).append(
                (row.timestamp_seconds, box.x, box.y, box.x + box.width, box.y + box.height)
            )
    return {person: np.array(sorted(boxes)) for person, boxes in own.items()}


def _at(way: Floats, time_s: float, sample_fps: float) -> Floats | None:
    """Where a person is at a moment of the track: between two boxes on the straight line; None in a gap
    that is too long for that.
    """
    after = int(np.searchsorted(way[:, 0], time_s))
    if way[after, 0] == time_s:
        box: Floats = way[after, 1:]
        return box
    before_s, after_s = way[after - 1, 0], way[after, 0]
    if after_s - before_s > (GAP_INTERVALS + 0.5) / sample_fps:
        return None
    share = (time_s - before_s) / (after_s - before_s)
    between: Floats = way[after - 1, 1:] * (1 - share) + way[after, 1:] * share
    return between


def _fit(face: Floats, person: Floats) -> float:
    """How well a face lies at the head of a person, 0..1; -inf where it cannot be that person's."""
    shared = (np.minimum(face[2:], person[2:]) - np.maximum(face[:2], person[:2])).clip(0).prod()
    inside = float(shared / max(1e-9, (face[2:] - face[:2]).prod()))
    width, height = np.maximum(person[2:] - person[:2], 1e-9)
    centre = (face[:2] + face[2:]) / 2
    down, aside = (centre[1] - person[1]) / height, abs(centre[0] - (person[0] + person[2]) / 2) / width
    if inside < INSIDE or down > HEAD_SHARE:
        return -np.inf
    return float(inside * (1 - aside) * (1 - down / 2))
