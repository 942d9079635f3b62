"""Converts annotations to rows of their table.

Every row that is stored goes through this module, so it is written for speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from json.encoder import encode_basestring as quoted
from math import isfinite
from operator import attrgetter
from typing import Any, Final

from schemas.annotations.annotation import SPEECH, Annotation, BBox, canonical_json
from schemas.annotations.words import indexed_words

_SCALAR_FIELDS: Final = (
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
_BOX_FIELDS: Final = ("bbox.x", "bbox.y", "bbox.width", "bbox.height")
_NO_BOX: Final = (None,) * len(_BOX_FIELDS)

# Columns of table `annotations`, in the order of a row.
COLUMNS: Final = (
    *_SCALAR_FIELDS,
    *(name.replace(".", "_") for name in _BOX_FIELDS),
    "job_id",
    "pipeline_id",
    "created_at",
    "label",
    "data",
    "words",
)

_scalar_values: Final[Callable[[Annotation], tuple[Any, ...]]] = attrgetter(*_SCALAR_FIELDS)
_scalar_and_box_values: Final[Callable[[Annotation], tuple[Any, ...]]] = attrgetter(
    *_SCALAR_FIELDS, *_BOX_FIELDS
)


def annotation_rows(
    annotations: Iterable[Annotation], job_id: str, pipeline_id: int, created_at: str
) -> Iterator[tuple[Any, ...]]:
    """Rows of table `annotations`: `data` is the whole annotation, the other columns repeat parts of it."""
    for row in annotations:
        columns = _scalar_and_box_values(row) if row.bbox else _scalar_values(row) + _NO_BOX
        yield (*columns, job_id, pipeline_id, created_at, label_of(row), data_text(row), spoken_words(row))


def label_of(annotation: Annotation) -> str | None:
    """The label that a row says of itself, as text; None without one."""
    label = annotation.attributes.get("label") if annotation.attributes else None
    return label if isinstance(label, str) else None


def spoken_words(row: Annotation) -> str | None:
    """The words of an utterance, as they are searched; None for every other row."""
    text = row.attributes.get("text") if row.annotation_type == SPEECH else None
    return indexed_words(text) if isinstance(text, str) else None


def data_text(annotation: Annotation) -> str:
    """`canonical_json(annotation.to_data())`, in a third of the time for boxes in one frame: most rows."""
    box = annotation.bbox
    if box and not annotation.attributes and annotation.end_seconds is None and _is_usual(annotation, box):
        return _box_text(annotation, box)
    return canonical_json(annotation.to_data())


def _is_usual(row: Annotation, box: BBox) -> bool:
    """Whether all numbers are present, finite and of Python's own types; others are spelled differently."""
    start, confidence = row.timestamp_seconds, row.confidence
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
    return type(row.frame_number) is int and isfinite(
        start + confidence + box.x + box.y + box.width + box.height
    )


def _box_text(row: Annotation, box: BBox) -> str:
    """The canonical JSON of a box, keys sorted; adding 0.0 takes the sign off a negative zero."""
    face = "" if row.face_id is None else f'"face_id":{quoted(row.face_id)},'
    person = "" if row.person_id is None else f'"person_id":{quoted(row.person_id)},'
    scene = "" if row.scene_id is None else f'"scene_id":{quoted(row.scene_id)},'
    speaker = "" if row.speaker_id is None else f'"speaker_id":{quoted(row.speaker_id)},'
    return (
        f'{{"annotation_id":{quoted(row.annotation_id)},"annotation_type":{quoted(row.annotation_type)},'
        f'"bbox_height":{box.height + 0.0!r},"bbox_width":{box.width + 0.0!r},"bbox_x":{box.x + 0.0!r},"bbox_y":{box.y + 0.0!r},'
        f'"confidence":{row.confidence + 0.0!r},"config_hash":{quoted(row.config_hash)},{face}"frame_number":{row.frame_number},'  # type: ignore[operator]
        f'{person}"pipeline":{quoted(row.pipeline)},{scene}{speaker}"timestamp_seconds":{row.timestamp_seconds + 0.0!r},'  # type: ignore[operator]
        f'"video_id":{quoted(row.video_id)}}}'
    )
