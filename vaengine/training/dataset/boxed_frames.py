"""Frames of a video with boxes of persons or faces, as candidates of a detection set."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.annotations.annotation import FACE_DETECTION
from vaengine.exporting.formats.yolo import shares_inside
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import FrameRows, box_of
from vaengine.exporting.values.source import Source
from vaengine.training.dataset.answers import is_sure
from vaengine.training.dataset.candidate import Candidate, LabelledBox, LeftOutCounts
from vaengine.training.dataset.request import BOX_TYPES, DatasetRequest
from vaengine.training.dataset.sampling import spaced, thinned


def boxed_frames(
    source: Source, video: ExportedVideo, request: DatasetRequest, left: LeftOutCounts
) -> list[Candidate]:
    """The frames of a video that may be taken, in order; memory grows with these alone, not with its rows."""
    sampled = list(spaced(_candidates(source, video, request, left), request.every_s))
    chosen = thinned(sampled, request.max_pictures)
    left.add("pictures", f"more than {request.max_pictures} of one video", len(sampled) - len(chosen))
    return chosen


def _candidates(
    source: Source, video: ExportedVideo, request: DatasetRequest, left: LeftOutCounts
) -> Iterator[Candidate]:
    for own in source.frames(video, *(BOX_TYPES[name] for name in request.classes)):
        boxes = tuple(_boxes(video, own, request, left))
        if boxes:
            yield Candidate(video.video_id, own.frame, own.time_s, boxes)


def _boxes(
    video: ExportedVideo, own: FrameRows, request: DatasetRequest, left: LeftOutCounts
) -> Iterator[LabelledBox]:
    for row in own.rows:
        inside = shares_inside(box_of(row), video.video.width, video.video.height)
        if not is_sure(row, request.min_confidence):
            left.add("boxes", f"less sure than {request.min_confidence:g}")
        elif inside is None:
            left.add("boxes", "outside the picture")
        else:
            yield LabelledBox("face" if row.annotation_type == FACE_DETECTION else "person", inside)
