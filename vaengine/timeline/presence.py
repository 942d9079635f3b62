"""The boxes of persons and faces at any frame of a video, and the times at which each is there.

Boxes move in a straight line between the frames of a detector.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, groupby, pairwise
from typing import Final

import numpy as np

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, SCENE_TYPE, Annotation
from schemas.annotations.attributes import landmark_keypoints
from schemas.media.frames import Floats
from schemas.pipelines import is_human
from vaengine.results.presence_intervals import (
    SEGMENT,
    SHOWN_UNTIL,
    Cut,
    PresenceSampling,
    Run,
    Seen,
    merged,
    usual_fps,
)
from vaengine.results.vision import Scene, scenes_of
from vaengine.timeline.palette import short_name

BODY_POINTS: Final = 17  # key points of a pose in COCO's order; other models have other points
_ROUNDING_S: Final = 0.001  # times in rows written by hand may be rounded; their frame numbers are exact

_SAME_TIME_S: Final = 1e-6  # two ways to compute one time differ by less

Corners = tuple[float, float, float, float]  # left, top, right, bottom
FrameEnd = Callable[[int], float]  # when a frame is over, in seconds from the first frame


@dataclass(frozen=True, slots=True)
class Sighting:
    """A person or a face in one frame.

    `xyxy` is in displayed pixels, `keypoints` K x 3 float64 (x, y, visibility) or None. `identity` is the id
    of the person or face, `linked` the person that a face belongs to; both are None if unknown. `is_detected`
    is False for a box that lies between two detected ones. A box that people made has a `segment`, and may
    say until when it is shown.
    """

    frame: int
    time_s: float
    identity: str | None
    xyxy: Corners
    confidence: float | None = None
    keypoints: Floats | None = None
    is_detected: bool = True
    linked: str | None = None
    segment: int | None = None
    until_s: float | None = None

    @classmethod
    def of(cls, row: Annotation) -> Sighting:
        """The sighting of one row; raises ValueError for a row without box, frame or time."""
        if row.bbox is None or row.frame_number is None or row.timestamp_seconds is None:
            raise ValueError(f"annotation {row.annotation_id} is no box in a frame")
        box = row.bbox
        corners = (box.x, box.y, box.x + box.width, box.y + box.height)
        is_face, by_people = row.annotation_type == FACE_DETECTION, is_human(row.pipeline)
        points = (
            landmark_keypoints(row.annotation_type, row.attributes)
            if is_face
            else row.attributes.get("keypoints")
        )
        return cls(
            row.frame_number,
            row.timestamp_seconds,
            row.face_id if is_face else row.person_id,
            corners,
            row.confidence,
            _pose(points),
            linked=row.person_id if is_face else None,
            segment=int(row.attributes.get(SEGMENT, 0)) if by_people else None,
            until_s=row.attributes.get(SHOWN_UNTIL) if by_people else None,
        )

    def towards(self, other: Sighting, frame: int, time_s: float) -> Sighting:
        """The sighting at `time_s` on the straight line to `other`.

        A key point is visible only if it is visible at both ends.
        """
        gap_s = other.time_s - self.time_s
        share = min(1.0, max(0.0, (time_s - self.time_s) / gap_s)) if gap_s > 0 else 0.0
        left, top, right, bottom = (a + (b - a) * share for a, b in zip(self.xyxy, other.xyxy, strict=True))
        return replace(
            self,
            frame=frame,
            time_s=time_s,
            xyxy=(left, top, right, bottom),
            keypoints=_between(self, other, share),
            is_detected=False,
            until_s=None,
        )


@dataclass(frozen=True, slots=True)
class PresenceSpan:
    """The span from one sighting to the `next`; without a next one the box stays until `until_s`."""

    first: Sighting
    next: Sighting | None
    until_s: float

    @property
    def end_s(self) -> float:
        """The end of the span."""
        return self.next.time_s if self.next else self.until_s

    def at(self, frame: int, time_s: float) -> Sighting | None:
        """The sighting in a frame at `time_s`, from the first frame on; None after the end."""
        if frame == self.first.frame:
            return self.first
        if self.next is not None:
            return self.first.towards(self.next, frame, time_s) if frame < self.next.frame else None
        if time_s >= self.until_s - _SAME_TIME_S:
            return None
        return replace(self.first, frame=frame, time_s=time_s, is_detected=False)


@dataclass(frozen=True, slots=True)
class SegmentedSampling(PresenceSampling):
    """The rule of presence for boxes of the machine and of people.

    Those of people are joined within a segment, and nowhere else. The last one of a segment is shown until
    it says so, else until its frame is over.
    """

    frame_end_s: FrameEnd | None = None

    def joins(self, before: Seen, after: Seen) -> bool:
        """Whether somebody is present between two boxes."""
        segment, next_segment = _segment(before), _segment(after)
        if segment is not None and next_segment is not None:
            return segment == next_segment
        return PresenceSampling.joins(self, before, after)

    def until_s(self, seen: Seen) -> float:
        """The end of a box that is joined to no later one."""
        if isinstance(seen, Sighting) and seen.until_s is not None:
            return seen.until_s
        if self.frame_end_s is not None and _segment(seen) is not None:
            return self.frame_end_s(seen.frame)
        return PresenceSampling.until_s(self, seen)


def _segment(seen: Seen) -> int | None:
    return seen.segment if isinstance(seen, Sighting) else None


class Presence:
    """The boxes of a video's persons, or of its faces, at any frame.

    `sampling` decides which boxes of one identity are joined. A box that is not joined to the next one stays
    in place until the end of its sampling interval, which avoids boxes that flash up for one frame.
    `detected_frames` are the frames with a stored box.
    """

    def __init__(
        self,
        sightings: Iterable[Sighting],
        scenes: Sequence[Scene] = (),
        sample_fps: float | None = None,
        frame_end_s: FrameEnd | None = None,
    ) -> None:
        ordered = sorted(sightings, key=lambda sighting: (sighting.frame, sighting.identity or ""))
        self.scenes = tuple(scenes)
        self.tracks = _by_identity(ordered)
        self.sample_fps = sample_fps or usual_fps(self.tracks.values())
        self._cuts = [scene.frame_start or 0 for scene in scenes]
        cuts = (Cut(frame, scene.start_s) for frame, scene in zip(self._cuts, scenes, strict=True))
        self.sampling = SegmentedSampling(self.sample_fps, tuple(cuts), frame_end_s)
        self.detected_frames = frozenset(sighting.frame for sighting in ordered)
        self._ordered = ordered

    # What a drawing of whole tracks needs nothing of, and a long video has many of.

    @cached_property
    def _spans(self) -> list[PresenceSpan]:
        return sorted(self._all_spans(), key=lambda span: span.first.time_s)

    @cached_property
    def _starts(self) -> list[float]:
        return [span.first.time_s for span in self._spans]

    @cached_property
    def _longest_s(self) -> float:
        return max((span.end_s - span.first.time_s for span in self._spans), default=0.0)

    @classmethod
    def of(
        cls,
        annotations: Iterable[Annotation],
        sample_fps: float | None = None,
        *,
        kind: str = PERSON_DETECTION,
        frame_end_s: FrameEnd | None = None,
    ) -> Presence:
        """The presence of persons, or of faces for that `kind`, from the rows of a video of any types.

        `sample_fps` is the rate of the detector; None takes the usual gap between boxes. `frame_end_s` is
        for boxes of people that do not say until when they are shown.
        """
        rows = list(annotations)
        boxes = (Sighting.of(row) for row in rows if row.annotation_type == kind and row.bbox is not None)
        scenes = scenes_of([row for row in rows if row.annotation_type == SCENE_TYPE])
        return cls(boxes, tuple(scenes), sample_fps, frame_end_s)

    def at(self, frame: int, time_s: float) -> list[Sighting]:
        """The sightings in a frame shown at `time_s`, those without identity first, to be drawn below."""
        first = bisect_left(self._starts, time_s - self._longest_s - _ROUNDING_S)
        stop = bisect_right(self._starts, time_s + _ROUNDING_S)
        spans = (span for span in self._spans[first:stop] if span.first.frame <= frame)
        sightings = (span.at(frame, time_s) for span in spans)
        return sorted(filter(None, sightings), key=lambda sighting: sighting.identity or "")

    def spans_between(self, start_s: float, end_s: float) -> list[PresenceSpan]:
        """The spans that share an instant with `[start_s, end_s)`, in order of their first sighting."""
        first = bisect_left(self._starts, start_s - self._longest_s - _ROUNDING_S)
        stop = bisect_left(self._starts, end_s)
        return [
            span for span in self._spans[first:stop] if span.end_s > start_s or span.first.time_s >= start_s
        ]

    def scene_at(self, frame: int) -> str | None:
        """The short name of the scene that a frame belongs to; None before the first scene."""
        index = bisect_right(self._cuts, frame) - 1
        return short_name(self.scenes[index].scene_id or "") if index >= 0 else None

    def runs(self) -> dict[str, list[Run]]:
        """The times `[start_s, end_s)` of each identity, in order of first appearance."""
        return {identity: self.sampling.runs(sightings) for identity, sightings in self.tracks.items()}

    def unidentified_runs(self) -> dict[str, list[Run]]:
        """The times of all boxes without identity, under one empty name; empty without such boxes."""
        spans = (span for span in self._spans if span.first.identity is None)
        runs = merged(((span.first.time_s, span.end_s) for span in spans), _ROUNDING_S)
        return {"": runs} if runs else {}

    def _all_spans(self) -> Iterable[PresenceSpan]:
        for sighting in self._ordered:
            if sighting.identity is None:
                yield PresenceSpan(sighting, None, self.sampling.until_s(sighting))
        for track in self.tracks.values():
            for before, after in pairwise(track):
                joined = after if self.sampling.joins(before, after) else None
                yield PresenceSpan(before, joined, self.sampling.until_s(before))
            yield PresenceSpan(track[-1], None, self.sampling.until_s(track[-1]))


def _by_identity(ordered: Sequence[Sighting]) -> Mapping[str, list[Sighting]]:
    """The sightings of each identity, one for each frame."""
    tracks: dict[str, list[Sighting]] = {}
    for sighting in ordered:
        if sighting.identity is not None:
            track = tracks.setdefault(sighting.identity, [])
            if not track or track[-1].frame != sighting.frame:
                track.append(sighting)
    return tracks


def _pose(numbers: Sequence[float] | None) -> Floats | None:
    """The key points as K x 3; None for no numbers, or for a length that is no multiple of 3."""
    return np.array(numbers, np.float64).reshape(-1, 3) if numbers and len(numbers) % 3 == 0 else None


def _between(before: Sighting, after: Sighting, share: float) -> Floats | None:
    if before.keypoints is None or after.keypoints is None or before.keypoints.shape != after.keypoints.shape:
        return None
    pose: Floats = before.keypoints + (after.keypoints - before.keypoints) * share
    pose[:, 2] = np.minimum(before.keypoints[:, 2], after.keypoints[:, 2])
    return pose


def counted_over(runs_by_identity: Mapping[str, Sequence[Run]]) -> list[tuple[float, int]]:
    """The number of persons over time: a time in seconds and the number from then on, at each change."""
    runs = list(chain.from_iterable(runs_by_identity.values()))
    steps = sorted([*((start_s, 1) for start_s, _ in runs), *((end_s, -1) for _, end_s in runs)])
    counts, present = [], 0
    for time_s, changes in groupby(steps, key=lambda step: step[0]):
        present += sum(change for _, change in changes)
        counts.append((time_s, present))
    return counts
