"""Who is in the picture when.

Between the frames that a detector has looked at, persons and faces move in a straight line.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, pairwise
from typing import Final

import numpy as np

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, SCENE_TYPE, Annotation
from schemas.annotations.attributes import landmark_keypoints
from schemas.media.frames import Floats
from vaengine.results.presence_intervals import Cut, PresenceSampling, Run, merged, usual_fps
from vaengine.results.vision import Scene, scenes_of
from vaengine.timeline.palette import short_name

BODY_POINTS: Final = 17  # of a person's pose in COCO's order; other models have other points
_ROUNDING_S: Final = 0.001  # rows saved by hand may have rounded times; their frame numbers decide

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A person or a face in one frame.

    `xyxy` is in displayed pixels, `keypoints` K x 3 float64 (x, y, visibility) or None. `identity` is the id
    of the person or face, `linked` the person that a face belongs to; both are None where not known.
    `is_detected` is False where the box was not found by a detector in this very frame, but lies between two
    that were.
    """

    frame: int
    time_s: float
    identity: str | None
    xyxy: Corners
    confidence: float | None = None
    keypoints: Floats | None = None
    is_detected: bool = True
    linked: str | None = None

    @classmethod
    def of(cls, row: Annotation) -> Sighting:
        """The box of one row, of a face that of its identity.

        Raises ValueError for a row without box, frame or time.
        """
        if row.bbox is None or row.frame_number is None or row.timestamp_seconds is None:
            raise ValueError(f"annotation {row.annotation_id} is no box in a frame")
        box = row.bbox
        corners = (box.x, box.y, box.x + box.width, box.y + box.height)
        seen = cls(row.frame_number, row.timestamp_seconds, row.person_id, corners, row.confidence)
        if row.annotation_type == FACE_DETECTION:
            points = landmark_keypoints(row.annotation_type, row.attributes)
            return replace(seen, identity=row.face_id, linked=row.person_id, keypoints=_pose(points))
        return replace(seen, keypoints=_pose(row.attributes.get("keypoints")))

    def towards(self, other: Sighting, frame: int, time_s: float) -> Sighting:
        """Where it is at `time_s` on the straight way to `other`.

        A key point is visible only if it is at both ends.
        """
        way = other.time_s - self.time_s
        share = min(1.0, max(0.0, (time_s - self.time_s) / way)) if way > 0 else 0.0
        left, top, right, bottom = (a + (b - a) * share for a, b in zip(self.xyxy, other.xyxy, strict=True))
        return replace(
            self,
            frame=frame,
            time_s=time_s,
            xyxy=(left, top, right, bottom),
            keypoints=_between(self, other, share),
            is_detected=False,
        )


@dataclass(frozen=True, slots=True)
class _PresenceSpan:
    """What is shown from a sighting on: the way to `next`.

    Where there is no next one, the sighting stands still until `until_s`.
    """

    first: Sighting
    next: Sighting | None
    until_s: float

    @property
    def end_s(self) -> float:
        return self.next.time_s if self.next else self.until_s

    def at(self, frame: int, time_s: float) -> Sighting | None:
        if frame == self.first.frame:
            return self.first
        if self.next is not None:
            return self.first.towards(self.next, frame, time_s) if frame < self.next.frame else None
        if time_s >= self.until_s:
            return None
        return replace(self.first, frame=frame, time_s=time_s, is_detected=False)


class Presence:
    """Every box of a video's persons, or of its faces, at any frame of it.

    `sampling` says which boxes of one identity join. What does not join stands still until its interval ends,
    so that a box does not flash up for one frame.
    """

    def __init__(
        self,
        sightings: Iterable[Sighting],
        scenes: Sequence[Scene] = (),
        sample_fps: float | None = None,
    ) -> None:
        ordered = sorted(sightings, key=lambda seen: (seen.frame, seen.identity or ""))
        self.scenes = tuple(scenes)
        self.tracks = _by_identity(ordered)
        self.sample_fps = sample_fps or usual_fps(self.tracks.values())
        self._cuts = [scene.frame_start or 0 for scene in scenes]
        cuts = (Cut(frame, scene.start_s) for frame, scene in zip(self._cuts, scenes, strict=True))
        self.sampling = PresenceSampling(self.sample_fps, tuple(cuts))
        self.looked_at = frozenset(seen.frame for seen in ordered)
        self._spans = sorted(self._all_spans(ordered), key=lambda span: span.first.time_s)
        self._starts = [span.first.time_s for span in self._spans]
        self._longest_s = max((span.end_s - span.first.time_s for span in self._spans), default=0.0)

    @classmethod
    def of(
        cls,
        annotations: Iterable[Annotation],
        sample_fps: float | None = None,
        *,
        kind: str = PERSON_DETECTION,
    ) -> Presence:
        """From the rows of a video, of whatever types: its persons, or its faces where `kind` says so."""
        rows = list(annotations)
        boxes = (Sighting.of(row) for row in rows if row.annotation_type == kind and row.bbox is not None)
        scenes = scenes_of([row for row in rows if row.annotation_type == SCENE_TYPE])
        return cls(boxes, tuple(scenes), sample_fps)

    def at(self, frame: int, time_s: float) -> list[Sighting]:
        """Everybody in a frame shown at `time_s`, those in no track first, so that they are drawn below."""
        first = bisect_left(self._starts, time_s - self._longest_s - _ROUNDING_S)
        stop = bisect_right(self._starts, time_s + _ROUNDING_S)
        spans = (span for span in self._spans[first:stop] if span.first.frame <= frame)
        seen = (span.at(frame, time_s) for span in spans)
        return sorted((one for one in seen if one is not None), key=lambda one: one.identity or "")

    def scene_at(self, frame: int) -> str | None:
        """Name of the scene that a frame belongs to."""
        place = bisect_right(self._cuts, frame) - 1
        return short_name(self.scenes[place].scene_id or "") if place >= 0 else None

    def stretches(self) -> dict[str, list[Run]]:
        """When each of them is there, `[start_s, end_s)`, by order of first appearance."""
        return {identity: self.sampling.runs(seen) for identity, seen in self.tracks.items()}

    def strangers(self) -> dict[str, list[Run]]:
        """When anybody without an identity is there, under one empty name; empty where nobody is."""
        strangers = (span for span in self._spans if span.first.identity is None)
        runs = merged(((span.first.time_s, span.end_s) for span in strangers), _ROUNDING_S)
        return {"": runs} if runs else {}

    def _all_spans(self, ordered: Sequence[Sighting]) -> Iterable[_PresenceSpan]:
        for seen in ordered:
            if seen.identity is None:
                yield _PresenceSpan(seen, None, self.sampling.until_s(seen))
        for mine in self.tracks.values():
            for before, after in pairwise(mine):
                joined = after if self.sampling.joins(before, after) else None
                yield _PresenceSpan(before, joined, self.sampling.until_s(before))
            yield _PresenceSpan(mine[-1], None, self.sampling.until_s(mine[-1]))


def _by_identity(ordered: Sequence[Sighting]) -> Mapping[str, list[Sighting]]:
    tracks: dict[str, list[Sighting]] = {}
    for seen in ordered:
        if seen.identity is not None:
            mine = tracks.setdefault(seen.identity, [])
            if not mine or mine[-1].frame != seen.frame:
                mine.append(seen)
    return tracks


def _pose(numbers: Sequence[float] | None) -> Floats | None:
    """K x 3; None without any, and for numbers that are no threes."""
    return np.array(numbers, np.float64).reshape(-1, 3) if numbers and len(numbers) % 3 == 0 else None


def _between(before: Sighting, after: Sighting, share: float) -> Floats | None:
    if before.keypoints is None or after.keypoints is None or before.keypoints.shape != after.keypoints.shape:
        return None
    pose: Floats = before.keypoints + (after.keypoints - before.keypoints) * share
    pose[:, 2] = np.minimum(before.keypoints[:, 2], after.keypoints[:, 2])
    return pose


def counted_over(stretches: Mapping[str, Sequence[Run]]) -> list[tuple[float, int]]:
    """How many persons are there from each moment on, at the moments at which that changes."""
    runs = list(chain.from_iterable(stretches.values()))
    steps = sorted([*((start_s, 1) for start_s, _ in runs), *((end_s, -1) for _, end_s in runs)])
    counts, present = [], 0
    for time_s, changes in groupby(steps, key=lambda step: step[0]):
        present += sum(change for _, change in changes)
        counts.append((time_s, present))
    return counts
