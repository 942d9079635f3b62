"""Converts annotations to rows of their table and back.

Every row there is goes through it, so it takes few steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from json.encoder import encode_basestring as quoted
from math import isfinite
from operator import attrgetter
from typing import Any, Final

from schemas.annotations.annotation import Annotation, BBox, canonical_json

_PLAIN: Final = (
    *(
        "annotation_id",
        "annotation_type",
        "timestamp_seconds",
        "video_id",
        "person_id",
        "face_id",
        "speaker_id",
        "scene_id",
    ),
    *("confidence", "end_seconds", "frame_number", "config_hash"),
)
_BOX: Final = ("bbox.x", "bbox.y", "bbox.width", "bbox.height")
_NO_BOX: Final = (None,) * len(_BOX)

# Columns of table `annotations`, in the order of a row.
COLUMNS: Final = (
    *_PLAIN,
    *(name.replace(".", "_") for name in _BOX),
    "job_id",
    "pipeline_id",
    "created_at",
    "data",
)

_plain: Final[Callable[[Annotation], tuple[Any, ...]]] = attrgetter(*_PLAIN)
_boxed: Final[Callable[[Annotation], tuple[Any, ...]]] = attrgetter(*_PLAIN, *_BOX)


def annotation_rows(
    annotations: Iterable[Annotation], job_id: str, pipeline_id: int, created_at: str
) -> Iterator[tuple[Any, ...]]:
    """Rows of table `annotations`: `data` is the whole annotation, the columns repeat what is in it."""
    for one in annotations:
        columns = _boxed(one) if one.bbox else _plain(one) + _NO_BOX
        yield (*columns, job_id, pipeline_id, created_at, data_text(one))


def data_text(annotation: Annotation) -> str:
    """`canonical_json(annotation.to_data())`; of boxes in one frame, which most rows are, in a third of
    the time.
    """
    box = annotation.bbox
    if box and not annotation.attributes and annotation.end_seconds is None and _is_usual(annotation, box):
        return _box_text(annotation, box)
    return canonical_json(annotation.to_data())


def _is_usual(one: Annotation, box: BBox) -> bool:
    """Whether its numbers are there and finite, and of Python's own types: others are spelled in other
    ways, or refused.
    """
    start, confidence = one.timestamp_seconds, one.confidence
    if not (
        type(start)
        is type(confidence)
        is type(box.x)
        is type(box.y)
        is type(box.width)
        is type(box.height)
        is float
    ):
        return False
    return type(one.frame_number) is int and isfinite(
        start + confidence + box.x + box.y + box.width + box.height
    )


def _box_text(one: Annotation, box: BBox) -> str:
    """Keys in order, as canonical JSON has them; a zero loses its sign by adding another one."""
    face = "" if one.face_id is None else f'"face_id":{quoted(one.face_id)},'
    person = "" if one.person_id is None else f'"person_id":{quoted(one.person_id)},'
    scene = "" if one.scene_id is None else f'"scene_id":{quoted(one.scene_id)},'
    speaker = "" if one.speaker_id is None else f'"speaker_id":{quoted(one.speaker_id)},'
    return (
        f'{{"annotation_id":{quoted(one.annotation_id)},"annotation_type":{quoted(one.annotation_type)},'
        f'"bbox_height":{box.height + 0.0!r},"bbox_width":{box.width + 0.0!r},"bbox_x":{box.x + 0.0!r},"bbox_y":{box.y + 0.0!r},'
        f'"confidence":{one.confidence + 0.0!r},"config_hash":{quoted(one.config_hash)},{face}"frame_number":{one.frame_number},'  # type: ignore[operator]
        f'{person}"pipeline":{quoted(one.pipeline)},{scene}{speaker}"timestamp_seconds":{one.timestamp_seconds + 0.0!r},'  # type: ignore[operator]
        f'"video_id":{quoted(one.video_id)}}}'
    )
