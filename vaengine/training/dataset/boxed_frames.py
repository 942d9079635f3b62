"""Frames of a video with boxes of persons or faces, as candidates of a detection set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from schemas.annotations.annotation import FACE_DETECTION, Annotation, BBox
from schemas.pipelines import is_human
from vaengine.exporting.formats.yolo import shares_inside
from vaengine.exporting.values.answers import is_sure
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import FrameRows, box_of
from vaengine.exporting.values.source import PIPELINE_OF, Source
from vaengine.training.dataset.candidate import Candidate, LabelledBox, LeftOutCounts
from vaengine.training.dataset.drawn_frames import covered_frames, drawn_frames, within_stretches
from vaengine.training.dataset.request import BOX_TYPES, DatasetRequest
from vaengine.training.dataset.sampling import spaced, thinned


def boxed_frames(
    source: Source, video: ExportedVideo, request: DatasetRequest, left: LeftOutCounts
) -> list[Candidate]:
    """The frames of a video that may be taken, in order.

    Memory grows with these alone, not with the machine's rows; what people drew in one video is read at once.
    """
    kinds = [BOX_TYPES[name] for name in request.classes]
    drawn = {kind: _drawn(source, video, kind) for kind in kinds if _is_drawn(video, kind)}
    found = (
        _with_drawn(source, video, request, drawn, left)
        if drawn
        else _detected(source, video, request, kinds, left)
    )
    sampled = list(spaced(found, request.every_s))
    chosen = thinned(sampled, request.max_pictures)
    left.add("pictures", f"more than {request.max_pictures} of one video", len(sampled) - len(chosen))
    return chosen


# By the machine.


def _detected(
    source: Source, video: ExportedVideo, request: DatasetRequest, kinds: Sequence[str], left: LeftOutCounts
) -> Iterator[Candidate]:
    for own in source.frames(video, *kinds):
        boxes = tuple(_sure_boxes(video, own, request, left))
        if boxes:
            yield Candidate(video.video_id, own.frame, own.time_s, boxes)


def _sure_boxes(
    video: ExportedVideo, own: FrameRows, request: DatasetRequest, left: LeftOutCounts
) -> Iterator[LabelledBox]:
    sure = [row for row in own.rows if is_sure(row, request.min_confidence)]
    left.add("boxes", f"less sure than {request.min_confidence:g}", len(own.rows) - len(sure))
    for row in sure:
        yield from _labelled(video, row.annotation_type, box_of(row), left)


def _labelled(video: ExportedVideo, kind: str, box: BBox, left: LeftOutCounts) -> Iterator[LabelledBox]:
    inside = shares_inside(box, video.video.width, video.video.height)
    if inside is None:
        left.add("boxes", "outside the picture")
    else:
        yield LabelledBox("face" if kind == FACE_DETECTION else "person", inside)


# By people.


def _is_drawn(video: ExportedVideo, kind: str) -> bool:
    key = video.keys.get(PIPELINE_OF[kind])
    return key is not None and is_human(key.pipeline)


def _drawn(source: Source, video: ExportedVideo, kind: str) -> list[Annotation]:
    """People's boxes of a type, also those outside the stretches that count: boxes go on into these."""
    return list(source.store.each_annotation(video.keys[PIPELINE_OF[kind]], [kind]))


def _with_drawn(
    source: Source,
    video: ExportedVideo,
    request: DatasetRequest,
    drawn: Mapping[str, Sequence[Annotation]],
    left: LeftOutCounts,
) -> Iterator[Candidate]:
    """Frames with what people drew; where the machine's boxes of another class count, those it looked at."""
    frames = covered_frames([row for rows in drawn.values() for row in rows])
    others = [BOX_TYPES[name] for name in request.classes if BOX_TYPES[name] not in drawn]
    detected = {own.frame: own for own in source.frames(video, *others)} if others else {}
    wanted = [
        frame for frame in frames if within_stretches(video, frame) and (not others or frame in detected)
    ]
    for own in drawn_frames(video, drawn, wanted):
        boxes = [
            found
            for kind, of_kind in own.boxes.items()
            for box in of_kind
            for found in _labelled(video, kind, box, left)
        ]
        if others:
            boxes += _sure_boxes(video, detected[own.frame], request, left)
        if boxes:
            yield Candidate(video.video_id, own.frame, own.time_s, tuple(boxes))
