"""Boxes of one video by track, and the few of them from which straight lines give the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from schemas.annotations.annotation import FACE_DETECTION
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import box_of, label_of
from vaengine.exporting.values.source import SHARED_FRAME, Source
from vaengine.results.presence_intervals import PresenceSampling

TOLERANCE_PX: Final = 0.25  # by which a side may be off its straight line, where a box is left out
_ALL_SLOPES: Final[tuple[tuple[float, float], ...]] = ((-math.inf, math.inf),) * 4
NOUNS: Final = {FACE_DETECTION: "face"}  # every other box is of a person


@dataclass(frozen=True, slots=True)
class TrackBox:
    """A box in a frame: left, top, right and bottom in displayed pixels."""

    frame: int
    time_s: float
    xyxy: tuple[float, float, float, float]
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Track:
    """The boxes of one person or face in order; `number` counts from 0 within a video.

    `label` is its id in the store, None for a box in no track; `name` is what a person reads. `pieces` are
    its appearances: boxes between which straight lines run.
    """

    number: int
    kind: str
    label: str | None
    name: str
    pieces: tuple[tuple[TrackBox, ...], ...]

    @property
    def noun(self) -> str:
        """`person` or `face`."""
        return noun_of(self.kind)

    @property
    def known(self) -> dict[str, str]:
        """Its id in the store, as `person_id` or `face_id`, and its name; only what is known."""
        values = {f"{self.noun}_id": self.label, "name": self.name}
        return {key: value for key, value in values.items() if value}

    @property
    def boxes(self) -> tuple[TrackBox, ...]:
        return tuple(box for piece in self.pieces for box in piece)

    @property
    def confidence(self) -> float | None:
        """The mean of its boxes; None where no box has one."""
        known = [box.confidence for box in self.boxes if box.confidence is not None]
        return sum(known) / len(known) if known else None


def noun_of(kind: str) -> str:
    """What a box of an annotation type is of: `person` or `face`."""
    return NOUNS.get(kind, "person")


def tracks_of(
    source: Source, video: ExportedVideo, kinds: Iterable[str], *, by_clock: bool = False
) -> list[Track]:
    """The tracks of a video, by type and first frame; a box in no track is one of its own.

    `by_clock` counts frames as a program with a constant rate does. They are in memory together, a few
    hundred bytes a box.
    """
    tracks: list[Track] = []
    for kind in kinds:
        boxes: dict[str, list[TrackBox]] = {}
        labels: dict[str, str | None] = {}
        for own in source.frames(video, kind):
            for row in own.rows:
                label = label_of(row)
                place, box = label or row.annotation_id, box_of(row)
                corners = (box.x, box.y, box.x + box.width, box.y + box.height)
                boxes.setdefault(place, []).append(TrackBox(own.frame, own.time_s, corners, row.confidence))
                labels[place] = label
        sampling = source.sampling(video, kind)
        for place, own_boxes in boxes.items():
            label = labels[place]
            pieces = _pieces(own_boxes, sampling)
            if by_clock:
                pieces = tuple(_by_clock(source, video, pieces, (kind, place)))
            tracks.append(Track(len(tracks), kind, label, video.name_for(label), pieces))
    return tracks


def _pieces(boxes: Sequence[TrackBox], sampling: PresenceSampling) -> tuple[tuple[TrackBox, ...], ...]:
    one_a_frame = list({box.frame: box for box in reversed(boxes)}.values())[::-1]
    return tuple(tuple(piece) for piece in sampling.grouped(one_a_frame))


def _by_clock(
    source: Source, video: ExportedVideo, pieces: Sequence[Sequence[TrackBox]], of: tuple[str, str]
) -> Iterator[tuple[TrackBox, ...]]:
    """Appearances with the numbers of `ExportedVideo.number_at`; of boxes that share one the first."""
    taken: set[int] = set()
    for piece in pieces:
        numbered = {video.number_at(box.time_s): box for box in reversed(piece)}
        kept = [replace(numbered[n], frame=n) for n in sorted(numbered.keys() - taken)]
        taken |= numbered.keys()
        if kept:
            yield tuple(kept)
    kind, place = of
    lost = sum(map(len, pieces)) - len(taken)
    source.losses.set(kind, SHARED_FRAME, f"{video.video_id} {place}", lost)


def keyframes(piece: Sequence[TrackBox], tolerance_px: float = TOLERANCE_PX) -> list[TrackBox]:
    """The boxes of an appearance without those that lie on straight lines between the others.

    Lines run in frame numbers, as annotation tools draw them. No side is off by more than `tolerance_px`.
    Each box is looked at once: from the last one kept, the slopes that pass all boxes since are a cone.
    """
    kept, cone = list(piece[:1]), _ALL_SLOPES
    for before, box in pairwise(piece):
        if not all(
            low <= slope <= high for slope, (low, high) in zip(_slopes(kept[-1], box, 0.0), cone, strict=True)
        ):
            kept.append(before)
            cone = _ALL_SLOPES
        lows, highs = _slopes(kept[-1], box, -tolerance_px), _slopes(kept[-1], box, tolerance_px)
        cone = tuple(
            (max(low, own_low), min(high, own_high))
            for (low, high), own_low, own_high in zip(cone, lows, highs, strict=True)
        )
    return kept + list(piece[-1:] if len(piece) > 1 else ())


def _slopes(start: TrackBox, box: TrackBox, shift_px: float) -> tuple[float, ...]:
    """Pixels a frame by which each side moves from one box to another that is shifted."""
    frames = box.frame - start.frame
    return tuple((b + shift_px - a) / frames for a, b in zip(start.xyxy, box.xyxy, strict=True))


def ends(video: ExportedVideo, track: Track, step: int) -> list[int | None]:
    """For each appearance a frame after it in which the track is no longer there, None where there is none.

    It is `step` frames after the last box, or earlier where the next appearance begins or the video ends.
    """
    following = [piece[0].frame for piece in track.pieces[1:]]
    limits = [*following, video.video.frame_count]
    found = (
        min(piece[-1].frame + step, limit - 1) for piece, limit in zip(track.pieces, limits, strict=True)
    )
    return [end if end > piece[-1].frame else None for end, piece in zip(found, track.pieces, strict=True)]


def step_of(source: Source, video: ExportedVideo, kind: str) -> int:
    """Frames from one sampled frame to the next."""
    return max(1, round(video.fps / source.sampling(video, kind).fps))
