"""The columns of tidy tables: a table for each annotation type, a row for each annotation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_DETECTION,
    FACE_IDENTITY,
    LOUDNESS,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEECH,
    WORD,
    Annotation,
    canonical_json,
)
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import INTERPOLATED

Value = Callable[[Annotation, ExportedVideo], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its Arrow type, and its value of a row."""

    name: str
    arrow_type: str  # string, int64, float64, bool, numbers (a list of float64), points or strings
    value: Value


def _plain(name: str, arrow_type: str) -> Column:
    return Column(name, arrow_type, lambda row, _: getattr(row, name))


def _side(name: str) -> Column:
    return Column(f"bbox_{name}", "float64", lambda row, _: row.bbox and getattr(row.bbox, name))


def _own(name: str, arrow_type: str) -> Column:
    return Column(name, arrow_type, lambda row, _: row.attributes.get(name))


def _person_name(row: Annotation, video: ExportedVideo) -> str | None:
    """The name that a person gave to whoever the row is of."""
    labels = (row.person_id, row.face_id, row.speaker_id)
    return next((video.names[label] for label in labels if label and label in video.names), None)


_FIRST: Final = (
    Column("video_id", "string", lambda _, video: video.video_id),
    Column("video_file", "string", lambda _, video: video.file_name),
    _plain("annotation_id", "string"),
    _plain("annotation_type", "string"),
    _plain("timestamp_seconds", "float64"),
    _plain("end_seconds", "float64"),
    _plain("frame_number", "int64"),
    *(_plain(name, "string") for name in ("person_id", "face_id", "speaker_id", "scene_id")),
    Column("person_name", "string", _person_name),
    _plain("confidence", "float64"),
)
_BOX: Final = tuple(map(_side, ("x", "y", "width", "height")))
_LAST: Final = (_plain("pipeline", "string"), _plain("config_hash", "string"))
_FRAMES: Final = (_own("frame_start", "int64"), _own("frame_end", "int64"))
_AGE: Final = (_own("age", "float64"), _own("gender", "string"))
# The fields of each type's own, as docs/output-format.md lists them.
_FIELDS: Final[Mapping[str, tuple[Column, ...]]] = {
    SCENE_TYPE: (*_FRAMES, _own("duration_seconds", "float64")),
    PERSON_DETECTION: (
        _own("num_keypoints", "int64"),
        _own("keypoints", "numbers"),
        _own("keypoint_scores", "numbers"),
    ),
    PERSON_TRACK: (_own("boxes", "int64"), *_FRAMES),
    FACE_DETECTION: (
        *_AGE,
        *(_own(angle, "float64") for angle in ("pitch", "yaw", "roll")),
        _own("landmarks", "points"),
    ),
    FACE_IDENTITY: (_own("faces", "int64"), _own("persons", "strings"), *_AGE, *_FRAMES),
    SPEECH: (_own("text", "string"), _own("language", "string")),
    WORD: (_own("word", "string"),),
    AUDIO_EVENT: (_own("label", "string"),),
    LOUDNESS: (_own("rms_dbfs", "float64"), _own("peak_dbfs", "float64")),
}
_BOXED: Final = (PERSON_DETECTION, FACE_DETECTION)


def columns_of(kind: str) -> tuple[Column, ...]:
    """The columns of an annotation type, which never vary; the last, `more`, is JSON of any other field."""
    fields = _FIELDS.get(kind, ())
    known = {column.name for column in fields} | {INTERPOLATED}
    between = Column("is_interpolated", "bool", lambda row, _: INTERPOLATED in row.attributes)

    def more(row: Annotation, _: ExportedVideo) -> str | None:
        rest = {name: value for name, value in row.attributes.items() if name not in known}
        return canonical_json(rest) if rest else None

    boxes = (*_BOX, between) if kind in _BOXED else ()
    return (*_FIRST, *boxes, *fields, *_LAST, Column("more", "string", more))
