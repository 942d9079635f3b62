"""Links faces to tracked persons, by the position of the person at that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from actors.vision.boxes import one_to_one
from schemas.annotations.annotation import PERSON_DETECTION, Annotation
from schemas.media.frames import Floats, Ints

# Persons move in a straight line between boxes at most so many sampling intervals apart.
GAP_INTERVALS: Final = 2.0
MIN_SHARE_INSIDE: Final = 0.7  # Share of the face's box that lies within the person's.
# The middle of a face lies in this share of a person's height from the top; a sitting person's box is short.
HEAD_SHARE: Final = 0.6


def persons_of_faces(
    frames: Ints, times_s: Floats, xyxy: Floats, tracked: Sequence[Annotation], sample_fps: float
) -> list[str | None]:
    """The person of each of N faces, None where there is none.

    `frames` N, ascending, `times_s` N seconds, `xyxy` N x 4; `tracked` are rows of persons sampled at
    `sample_fps`. A person is there from the first box of the track to the last one, so no face is linked
    across a cut. In each frame faces and persons are paired one to one, the best fits first.
    """
    paths = _paths(tracked)
    persons = np.array(list(paths), np.object_)
    ends_s = np.array([[path[0, 0], path[-1, 0]] for path in paths.values()]).reshape(-1, 2)
    linked: list[str | None] = [None] * len(frames)
    for frame in np.unique(frames):
        faces = np.arange(*np.searchsorted(frames, [frame, frame + 1]))
        time_s = float(times_s[faces[0]])
        is_present = (ends_s[:, 0] <= time_s) & (time_s <= ends_s[:, 1])  # few of a long video's persons
        present = {
            person: box
            for person in persons[is_present]
            if (box := _box_at(paths[person], time_s, sample_fps)) is not None
        }
        if not present:
            continue
        names = sorted(present)
        fit = np.array([[_fit(xyxy[face], present[name]) for name in names] for face in faces])
        for face, person in one_to_one(fit):
            linked[int(faces[face])] = names[person]
    return linked


def _paths(tracked: Sequence[Annotation]) -> Mapping[str, Floats]:
    """The path of each person, M x 5: time and box (left, top, right, bottom), by time."""
    boxes_of: dict[str, list[tuple[float, ...]]] = {}
    for row in tracked:
        if (
            row.annotation_type == PERSON_DETECTION
            and row.person_id
            and row.bbox
            and row.timestamp_seconds is not None
        ):
            box = row.bbox
            boxes_of.setdefault(row.person_id, []).append(
                (row.timestamp_seconds, box.x, box.y, box.x + box.width, box.y + box.height)
            )
    return {person: np.array(sorted(boxes)) for person, boxes in boxes_of.items()}


def _box_at(path: Floats, time_s: float, sample_fps: float) -> Floats | None:
    """The box of a person at a moment of the track, interpolated between two boxes; None in a long gap."""
    after = int(np.searchsorted(path[:, 0], time_s))
    if path[after, 0] == time_s:
        box: Floats = path[after, 1:]
        return box
    before_s, after_s = path[after - 1, 0], path[after, 0]
    if after_s - before_s > (GAP_INTERVALS + 0.5) / sample_fps:
        return None
    share = (time_s - before_s) / (after_s - before_s)
    between: Floats = path[after - 1, 1:] * (1 - share) + path[after, 1:] * share
    return between


def _fit(face: Floats, person: Floats) -> float:
    """How well a face lies at the head of a person, 0..1; -inf where it cannot be that person's."""
    shared = (np.minimum(face[2:], person[2:]) - np.maximum(face[:2], person[:2])).clip(0).prod()
    inside = float(shared / max(1e-9, (face[2:] - face[:2]).prod()))
    width, height = np.maximum(person[2:] - person[:2], 1e-9)
    centre = (face[:2] + face[2:]) / 2
    down, aside = (centre[1] - person[1]) / height, abs(centre[0] - (person[0] + person[2]) / 2) / width
    if inside < MIN_SHARE_INSIDE or down > HEAD_SHARE:
        return -np.inf
    return float(inside * (1 - aside) * (1 - down / 2))
