"""Frames of the moments that queries found, as candidates of a set of whole pictures by class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.results.presence_intervals import Run
from vaengine.training.dataset.candidate import Candidate, LeftOutCounts
from vaengine.training.dataset.request import DatasetRequest
from vaengine.training.dataset.sampling import thinned

Stretches = Mapping[str, tuple[Run, ...]]  # `[start_s, end_s)` by video


@dataclass(frozen=True, slots=True)
class _Moment:
    frame: int
    label: str


def scene_frames(
    video: ExportedVideo, request: DatasetRequest, classes: Mapping[str, Stretches], left: LeftOutCounts
) -> list[Candidate]:
    """The frames of a video that may be taken, in order; a frame in two classes is of neither."""
    labels: dict[int, set[str]] = {}
    for moment in _moments(video, request, classes):
        labels.setdefault(moment.frame, set()).add(moment.label)
    for frame in labels:
        labels[frame] |= _classes_at(video.time_s(frame), video.video_id, classes)
    clear = [frame for frame in sorted(labels) if len(labels[frame]) == 1]
    left.add("pictures", "in moments of two classes", len(labels) - len(clear))
    chosen = thinned(clear, request.max_pictures)
    left.add("pictures", f"more than {request.max_pictures} of one video", len(clear) - len(chosen))
    return [
        Candidate(video.video_id, frame, video.time_s(frame), label=next(iter(labels[frame])))
        for frame in chosen
    ]


def _moments(
    video: ExportedVideo, request: DatasetRequest, classes: Mapping[str, Stretches]
) -> Iterator[_Moment]:
    step_s = max(request.every_s, 1 / video.fps if video.fps else 1.0)
    for label, stretches in classes.items():
        for start_s, end_s in stretches.get(video.video_id, ()):
            # From the middle of the first step on: a cut is a bad picture of either scene.
            time_s = min(start_s + step_s / 2, (start_s + end_s) / 2)
            while time_s < end_s or time_s == start_s:
                yield _Moment(video.frame_at(time_s), label)
                time_s += step_s


def _classes_at(time_s: float, video_id: str, classes: Mapping[str, Stretches]) -> set[str]:
    return {
        label
        for label, stretches in classes.items()
        if any(start_s <= time_s < end_s for start_s, end_s in stretches.get(video_id, ()))
    }
