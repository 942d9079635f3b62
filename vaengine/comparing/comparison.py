"""Compares two sides video by video, and sums up: a line for each kind, and for each label if it has any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Final

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    BEHAVIOR_TYPE,
    FACE_DETECTION,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
)
from schemas.errors import UsageError
from schemas.media.video import Video
from schemas.pipelines import FACE, PERSON, is_human
from schemas.storage.backend import ResultStore
from vaengine.comparing import boxes, stretches
from vaengine.comparing.boxes import BoxAgreement, FrameBoxes
from vaengine.comparing.sides import SideResult, results_of_side
from vaengine.comparing.stretches import Span, StretchAgreement
from vaengine.results.lookup import jobs_of

MIN_IOU: Final = 0.5
STEP_S: Final = 0.1
_BOXES: Final = {PERSON: (PERSON_DETECTION, "person_id"), FACE: (FACE_DETECTION, "face_id")}
_STRETCHES: Final = (
    SCENE_TYPE,
    PERSON_TRACK,
    SPEECH,
    WORD,
    SPEAKER,
    VOICE_ACTIVITY,
    AUDIO_EVENT,
    BEHAVIOR_TYPE,
)
_LABELLED: Final = (AUDIO_EVENT, BEHAVIOR_TYPE)
_Name = tuple[str, str | None]  # a kind and a label
# Frames of one video never meet those of another: their numbers are this far apart.
_VIDEO_STRIDE: Final = 10**9


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of one kind of rows, with a label where they have one; `video_id` None is all videos."""

    kind: str
    label: str | None
    video_id: str | None
    boxes: BoxAgreement | None = None
    time: StretchAgreement | None = None

    def to_data(self) -> dict[str, Any]:
        """The numbers as JSON, those that follow from others too."""
        numbers: dict[str, Any] = {}
        for part in (self.boxes, self.time):
            if part is not None:
                numbers |= asdict(part)
                for name in ("precision", "recall", "f1", "agreement", "kappa"):
                    if hasattr(part, name):
                        numbers[name] = getattr(part, name)
        return {"kind": self.kind, "label": self.label, "video_id": self.video_id, **numbers}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two sides agree on: `total` over all videos, `by_video` for each; A is taken as true.

    `videos` are those with a result of both sides. `only_a` and `only_b` count results (of a pipeline in a
    video) that the other side lacks: they are not compared.
    """

    a: str
    b: str
    videos: tuple[str, ...]
    total: tuple[Agreement, ...]
    by_video: tuple[Agreement, ...]
    only_a: int = 0
    only_b: int = 0

    def to_data(self) -> dict[str, Any]:
        """All numbers as JSON."""
        lines = {name: [one.to_data() for one in getattr(self, name)] for name in ("total", "by_video")}
        about = {name: getattr(self, name) for name in ("a", "b", "videos", "only_a", "only_b")}
        return about | lines


@dataclass(frozen=True, slots=True)
class _Pair:
    """The rows of both sides in one video, of one pipeline."""

    pipeline: str
    video: Video
    a: Sequence[Annotation]
    b: Sequence[Annotation]
    is_human: tuple[bool, bool]


def compare(
    store: ResultStore,
    a: str = "human",
    b: str = "machine",
    *,
    videos: Sequence[str] = (),
    min_iou: float = MIN_IOU,
    step_s: float = STEP_S,
) -> Comparison:
    """Compare two sides in these videos, or in all; see `results_of_side` for what a side is.

    Raises `NotFound`, and `UsageError` where the sides have no video and pipeline in common.
    """
    if not 0 < min_iou <= 1 or step_s <= 0:
        raise UsageError("an overlap is more than 0 and at most 1, and a step more than 0 s")
    jobs = [job for name in videos for job in jobs_of(store, name)] if videos else list(store.jobs())
    results_a, results_b = results_of_side(jobs, a), results_of_side(jobs, b)
    common = sorted(results_a.keys() & results_b.keys())
    if not common:
        raise UsageError(f"{a} and {b} have no video and pipeline in common: there is nothing to compare")
    facts = store.videos(sorted({video_id for video_id, _ in common}))
    pairs = (_pair(store, facts[key[0]], results_a[key], results_b[key]) for key in common if key[0] in facts)
    by_video, total = _agreements(pairs, min_iou, step_s)
    counts = len(results_a) - len(common), len(results_b) - len(common)
    return Comparison(a, b, tuple(sorted(facts)), tuple(total), tuple(by_video), *counts)


def _pair(store: ResultStore, video: Video, a: SideResult, b: SideResult) -> _Pair:
    sources = is_human(a.key.pipeline), is_human(b.key.pipeline)
    return _Pair(a.pipeline, video, a.rows(store), b.rows(store), sources)


def _agreements(
    pairs: Iterable[_Pair], min_iou: float, step_s: float
) -> tuple[list[Agreement], list[Agreement]]:
    """Those of each video, and those of all together."""
    totals, by_video = _Totals(min_iou), list[Agreement]()
    for number, pair in enumerate(pairs):
        if pair.pipeline in _BOXES:
            kind, sides = _BOXES[pair.pipeline][0], _frame_boxes(pair)
            by_video.append(Agreement(kind, None, pair.video.video_id, boxes.agreement(*sides, min_iou)))
            totals.add_boxes(kind, number, sides)
        found = list(_stretch_agreements(pair, step_s))
        by_video += [Agreement(kind, label, pair.video.video_id, time=time) for kind, label, time in found]
        totals.add_times(pair, found)
    return by_video, totals.agreements()


class _Totals:
    """Sums up what videos have; where a video has nothing of a label, both say so for all its time."""

    def __init__(self, min_iou: float) -> None:
        self._min_iou = min_iou
        self._frames: dict[str, tuple[dict[int, Any], dict[int, Any]]] = defaultdict(lambda: ({}, {}))
        self._times: dict[_Name, StretchAgreement] = {}
        self._pipelines: dict[_Name, str] = {}
        self._lengths_s: defaultdict[str, float] = defaultdict(float)  # of all videos, by pipeline

    def add_boxes(self, kind: str, number: int, sides: tuple[FrameBoxes, FrameBoxes]) -> None:
        for together, side in zip(self._frames[kind], sides, strict=True):
            together.update(_apart(side, number))

    def add_times(self, pair: _Pair, found: Sequence[tuple[str, str | None, StretchAgreement]]) -> None:
        self._lengths_s[pair.pipeline] += _length_s(pair)
        for kind, label, time in found:
            name = kind, label
            self._pipelines[name] = pair.pipeline
            self._times[name] = self._times[name] + time if name in self._times else time

    def agreements(self) -> list[Agreement]:
        """A line for each kind and label."""
        whole = [
            Agreement(kind, None, None, boxes.agreement(*sides, self._min_iou))
            for kind, sides in self._frames.items()
        ]
        times = sorted(self._times.items(), key=_order)
        return whole + [Agreement(*name, None, time=self._with_rest(name, time)) for name, time in times]

    def _with_rest(self, name: _Name, time: StretchAgreement) -> StretchAgreement:
        rest_s = self._lengths_s[self._pipelines[name]] - time.total_s
        return time + StretchAgreement(0, 0, 0, 0.0, 0.0, 0.0, max(0.0, rest_s))


def _order(item: tuple[_Name, StretchAgreement]) -> tuple[int, str]:
    (kind, label), _ = item
    return _STRETCHES.index(kind), label or ""


def _apart(side: FrameBoxes, number: int) -> dict[int, list[boxes.Seen]]:
    """The frames and tracks of one video under numbers and names that no other has."""
    return {
        number * _VIDEO_STRIDE + frame: [replace(one, who=one.who and f"{number}/{one.who}") for one in found]
        for frame, found in side.items()
    }


def _frame_boxes(pair: _Pair) -> tuple[FrameBoxes, FrameBoxes]:
    """The boxes of both sides in the frames that count.

    A machine looks at sampled frames alone, so these count; with two machines those that both may have seen,
    and with people alone all frames in which either drew a box.
    """
    kind, column = _BOXES[pair.pipeline]
    rows = [[row for row in side if row.annotation_type == kind] for side in (pair.a, pair.b)]
    frames = [{row.frame_number for row in side if row.frame_number is not None} for side in rows]
    of_machines = [own for own, human in zip(frames, pair.is_human, strict=True) if not human]
    counted = set().union(*(of_machines or frames))
    if len(of_machines) == 1:
        counted |= _missed(frames[pair.is_human.index(True)], counted)
    a, b = (boxes.boxes_at(side, column, counted) for side in rows)
    return a, b


def _missed(drawn: set[int], sampled: set[int]) -> set[int]:
    """Frames that people drew in, which lie where the machine sees nobody: in the rhythm of its samples."""
    if len(sampled) < 2:
        return drawn
    ordered = sorted(sampled)
    step = min(after - before for before, after in pairwise(ordered))
    return {frame for frame in drawn if (frame - ordered[0]) % step == 0}


def _stretch_agreements(pair: _Pair, step_s: float) -> Iterator[tuple[str, str | None, StretchAgreement]]:
    for kind in _STRETCHES:
        sides = [_spans(rows, kind) for rows in (pair.a, pair.b)]
        for label in sorted(sides[0].keys() | sides[1].keys(), key=str):
            a, b = (side.get(label, []) for side in sides)
            yield kind, label, stretches.agreement(a, b, _length_s(pair), step_s)


def _length_s(pair: _Pair) -> float:
    """How long a video is, with sound that goes on after its pictures."""
    return max([pair.video.duration_s, *(row.end_seconds or 0.0 for row in (*pair.a, *pair.b))])


def _spans(rows: Iterable[Annotation], kind: str) -> Mapping[str | None, list[Span]]:
    """The stretches of one kind, by label where the kind has labels."""
    spans: dict[str | None, list[Span]] = defaultdict(list)
    for row in rows:
        if row.annotation_type == kind and row.timestamp_seconds is not None:
            label = str(row.attributes.get("label", "")) if kind in _LABELLED else None
            end_s = row.timestamp_seconds if row.end_seconds is None else row.end_seconds
            spans[label].append((row.timestamp_seconds, end_s))
    return spans
