"""Reads the three forms that `save_annotations` takes: loaded rows, records of files, hand-written rows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import isfinite
from numbers import Integral, Real
from typing import Any, Final

from schemas.annotations.annotation import Annotation, annotation_id
from schemas.annotations.attributes import record_keys
from schemas.annotations.coco import annotation_of
from schemas.errors import InvalidAnnotation
from schemas.work.chunk import WorkKey

BBOX_COLUMNS: Final = ("bbox_x", "bbox_y", "bbox_width", "bbox_height")
# Other names of columns that a hand-written row may use, as our JSON files do; the first one present counts.
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "timestamp_seconds": ("start_time", "timestamp"),
    "end_seconds": ("end_time",),
    "confidence": ("score",),
}
NUMBER_COLUMNS: Final = ("timestamp_seconds", "end_seconds", "confidence")
TEXT_COLUMNS: Final = ("annotation_id", "annotation_type", "person_id", "face_id", "speaker_id", "scene_id")
COLUMN_KEYS: Final = (
    *TEXT_COLUMNS,
    *NUMBER_COLUMNS,
    "frame_number",
    "video_id",
    "pipeline",
    "config_hash",
    "bbox",
    *BBOX_COLUMNS,
    "attributes",
)
KNOWN_KEYS: Final = (*COLUMN_KEYS, *(name for names in ALIASES.values() for name in names))

MIN_SIMILARITY: Final = 0.8  # from which on a key counts as a misspelt known one
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The keys of every loaded row.
_STORED_KEYS: Final = {"annotation_id", "annotation_type", "video_id", "pipeline", "config_hash"}
# The keys of every record of a file.
_RECORD_KEYS: Final = {
    "annotation_id",
    "annotation_type",
    "id",
    "image_id",
    "category_id",
    "score",
    "timestamp",
}


def annotations_given(key: WorkKey, provided: Sequence[Mapping[str, Any]]) -> list[Annotation]:
    """Annotations of `key`, whichever key they were loaded from; raises `InvalidAnnotation`.

    A row comes from `load_annotations`, from `annotations` or `tracks` of a COCO-shaped file, or is written
    by hand: with columns as `load_annotations` names them, or `bbox` [x, y, width, height], `score`,
    `timestamp`, `start_time` and `end_time`. Missing parts of the identity are filled in. Other keys become
    attributes; one that resembles a column's name is refused.
    """
    if isinstance(provided, Mapping):
        raise InvalidAnnotation(
            f"list for {key.pipeline}", "it is one object: give its 'annotations' and 'tracks' as one list"
        )
    annotations = [_annotation(key, number, row) for number, row in enumerate(provided)]
    ids: set[str] = set()
    for number, annotation in enumerate(annotations):
        if annotation.annotation_id in ids:
            raise InvalidAnnotation(
                _name(key, number), f"annotation_id {annotation.annotation_id!r} is there twice: leave it out"
            )
        ids.add(annotation.annotation_id)
    return annotations


def with_own_ids(
    key: WorkKey, annotations: Iterable[Annotation], taken: Collection[str]
) -> tuple[Annotation, ...]:
    """The annotations of `key`, with new ids in place of those that are `taken` by results of other keys."""
    return tuple(
        replace(row, annotation_id=_own_id(key, row.annotation_id)) if row.annotation_id in taken else row
        for row in annotations
    )


def _own_id(key: WorkKey, other_id: str) -> str:
    return annotation_id(key.video_id, key.pipeline, key.config_hash, other_id, -1, 0)


def _name(key: WorkKey, number: int) -> str:
    return f"{number + 1} for {key.pipeline}"


def _with_identity_of(key: WorkKey, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the identity of `key`; a row of another video is a copy and gets a new id."""
    same = row.get("video_id") == key.video_id
    return {
        **row,
        **asdict(key),
        "annotation_id": row["annotation_id"] if same else _own_id(key, str(row["annotation_id"])),
    }


def _annotation(key: WorkKey, number: int, row: Mapping[str, Any]) -> Annotation:
    name = _name(key, number)
    if not isinstance(row, Mapping):
        raise InvalidAnnotation(name, f"it is no object with keys, but a {type(row).__name__}")
    try:
        if row.keys() >= _RECORD_KEYS and row.keys().isdisjoint(("pipeline", "timestamp_seconds")):
            return _from_record(key, name, row)
        if row.keys() >= _STORED_KEYS:
            return Annotation.from_data(_with_identity_of(key, _with_bbox_columns(name, row)))
        return _from_hand_written(key, name, number, row)
    except (TypeError, ValueError) as error:
        raise InvalidAnnotation(name, str(error)) from error


def _from_record(key: WorkKey, name: str, record: Mapping[str, Any]) -> Annotation:
    if unknown := next(
        (column for column in record if column not in record_keys(record["annotation_type"])), None
    ):
        raise _unknown_key(name, unknown, record_keys(record["annotation_type"]))
    if record.get("bbox") is not None and not record.get("whole_frame"):
        _bbox_values(name, record["bbox"])
    return annotation_of(_with_identity_of(key, record), key.pipeline, key.config_hash)


def _from_hand_written(key: WorkKey, name: str, number: int, row: Mapping[str, Any]) -> Annotation:
    if unknown := next((column for column in row if column not in KNOWN_KEYS and _resembles(column)), None):
        raise _unknown_key(name, unknown, KNOWN_KEYS)
    own = dict(_columns(name, _with_bbox_columns(name, _without_aliases(name, row))))
    kind, frame = own.get("annotation_type", key.pipeline), own.get("frame_number")
    new_id = annotation_id(
        key.video_id, key.pipeline, key.config_hash, kind, -1 if frame is None else frame, number
    )
    return Annotation.from_data({"annotation_id": new_id, "annotation_type": kind, **own, **asdict(key)})


def _without_aliases(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with columns in place of their aliases, and with the keys of `attributes` among its own."""
    rest = dict(row)
    own = rest.pop("attributes", None) or {}
    if not isinstance(own, Mapping) or not own.keys().isdisjoint(KNOWN_KEYS):
        raise InvalidAnnotation(name, "'attributes' takes an object whose keys are no columns")
    for column, aliases in ALIASES.items():
        values = [rest.pop(alias) for alias in aliases if alias in rest]
        if values and column in rest:
            raise InvalidAnnotation(
                name, f"it has both {column!r} and another name of it ({', '.join(aliases)}): give one"
            )
        rest |= {column: values[0]} if values else {}
    return {**own, **rest}


def _text(name: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidAnnotation(name, f"{key!r} takes text, not {value!r}")
    if key == "annotation_id" and not _UUID.fullmatch(value):
        raise InvalidAnnotation(
            name, f"'annotation_id' takes a UUID, not {value!r}: leave it out, and one is made"
        )
    return value


def _columns(name: str, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys and values, those of columns checked and converted; None is left out."""
    for key, value in row.items():
        if value is None:
            continue
        if key in TEXT_COLUMNS:
            yield key, _text(name, key, value)
        elif key in (*NUMBER_COLUMNS, *BBOX_COLUMNS):
            yield key, _number(name, key, value)
        else:
            yield key, _frame(name, value) if key == "frame_number" else value


def _with_bbox_columns(name: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with its `bbox` as four columns; it has all four or none."""
    rest = dict(row)
    box = rest.pop("bbox", None)
    present = [side for side in BBOX_COLUMNS if rest.get(side) is not None]
    if box is not None and present:
        raise InvalidAnnotation(name, f"it has both 'bbox' and {present[0]!r}: give one")
    if present and len(present) < len(BBOX_COLUMNS):
        raise InvalidAnnotation(
            name, f"a box needs {', '.join(BBOX_COLUMNS)}, or 'bbox' [x, y, width, height]"
        )
    return rest if box is None else rest | dict(zip(BBOX_COLUMNS, _bbox_values(name, box), strict=True))


def _bbox_values(name: str, box: Any) -> list[float]:
    values = list(box) if hasattr(box, "__iter__") and not isinstance(box, str | Mapping) else []
    if len(values) != len(BBOX_COLUMNS):
        raise InvalidAnnotation(name, f"'bbox' takes four numbers [x, y, width, height], not {box!r}")
    return [_number(name, "bbox", side) for side in values]


def _number(name: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise InvalidAnnotation(name, f"{key!r} takes finite numbers, not {value!r}")
    return float(value)


def _frame(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise InvalidAnnotation(name, f"'frame_number' takes a whole number from 0, not {value!r}")
    return int(value)


def _resembles(key: object) -> bool:
    """Whether a key may be a known one: a word of one (`frame`, `width`), or spelt nearly like one."""
    text = str(key).lower()
    words = {word for known in KNOWN_KEYS for word in known.split("_")}
    return text in words or bool(difflib.get_close_matches(text, KNOWN_KEYS, 1, MIN_SIMILARITY))


def _unknown_key(name: str, key: object, known: Sequence[str]) -> InvalidAnnotation:
    text = str(key).lower()
    similar = difflib.get_close_matches(text, known, 1, MIN_SIMILARITY)
    containing = [name for name in known if text in name.split("_")]
    nearest = [*similar, *containing, *difflib.get_close_matches(text, known, 1, 0.0)][0]
    return InvalidAnnotation(
        name, f"unknown key {key!r}: did you mean {nearest!r}? keys of your own go under 'attributes'"
    )
