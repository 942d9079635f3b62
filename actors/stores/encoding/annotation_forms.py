"""The three forms that `save_annotations` takes: rows as loaded, records of our JSON files, rows by hand."""

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

SIDES: Final = ("bbox_x", "bbox_y", "bbox_width", "bbox_height")
# What a row written by hand may call a column, as our JSON files do; the first of two that are there counts.
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "timestamp_seconds": ("start_time", "timestamp"),
    "end_seconds": ("end_time",),
    "confidence": ("score",),
}
NUMBERS: Final = ("timestamp_seconds", "end_seconds", "confidence")
TEXTS: Final = ("annotation_id", "annotation_type", "person_id", "face_id", "speaker_id", "scene_id")
KEYS: Final = (
    *TEXTS,
    *NUMBERS,
    "frame_number",
    "video_id",
    "pipeline",
    "config_hash",
    "bbox",
    *SIDES,
    "attributes",
)
KNOWN: Final = (*KEYS, *(name for names in ALIASES.values() for name in names))

ALIKE: Final = 0.8  # keys that resemble a known one so much are taken for misspelt
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STORED: Final = {
    "annotation_id",
    "annotation_type",
    "video_id",
    "pipeline",
    "config_hash",
}  # every loaded row has them
_RECORD: Final = {
    "annotation_id",
    "annotation_type",
    "id",
    "image_id",
    "category_id",
    "score",
    "timestamp",
}  # every record of a file


def annotations_given(key: WorkKey, given: Sequence[Mapping[str, Any]]) -> list[Annotation]:
    """Annotations of `key`, whatever other key they were loaded from; raises `InvalidAnnotation` for what is
    none.

    Each is a row of `load_annotations`, a record of `annotations` or `tracks` in a COCO-shaped file, or
    written by hand: columns as `load_annotations` names them, or `bbox` [x, y, width, height], `score`,
    `timestamp`, `start_time` and `end_time`. What is missing of its identity is filled in, and other keys are
    attributes, unless they resemble a column's name.
    """
    if isinstance(given, Mapping):
        raise InvalidAnnotation(
            f"list for {key.pipeline}", "it is one object: give its 'annotations' and 'tracks' as one list"
        )
    made = [_annotation(key, number, row) for number, row in enumerate(given)]
    seen: set[str] = set()
    for number, one in enumerate(made):
        if one.annotation_id in seen:
            raise InvalidAnnotation(
                _name(key, number), f"annotation_id {one.annotation_id!r} is there twice: leave it out"
            )
        seen.add(one.annotation_id)
    return made


def with_own_ids(
    key: WorkKey, annotations: Iterable[Annotation], taken: Collection[str]
) -> tuple[Annotation, ...]:
    """The annotations of `key`, with new ids where those they came with are `taken` by results of other
    keys.
    """
    return tuple(
        replace(one, annotation_id=_own_id(key, one.annotation_id)) if one.annotation_id in taken else one
        for one in annotations
    )


def _own_id(key: WorkKey, other_id: str) -> str:
    return annotation_id(key.video_id, key.pipeline, key.config_hash, other_id, -1, 0)


def _name(key: WorkKey, number: int) -> str:
    return f"{number + 1} for {key.pipeline}"


def _moved(key: WorkKey, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the identity of `key`; one of another video is a copy, with an id of its own."""
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
        if row.keys() >= _RECORD and row.keys().isdisjoint(("pipeline", "timestamp_seconds")):
            return _of_record(key, name, row)
        if row.keys() >= _STORED:
            return Annotation.from_data(_moved(key, _with_sides(name, row)))
        return _by_hand(key, name, number, row)
    except (TypeError, ValueError) as error:
        raise InvalidAnnotation(name, str(error)) from error


def _of_record(key: WorkKey, name: str, record: Mapping[str, Any]) -> Annotation:
    if wrong := next((one for one in record if one not in record_keys(record["annotation_type"])), None):
        raise _unknown(name, wrong, record_keys(record["annotation_type"]))
    if record.get("bbox") is not None and not record.get("whole_frame"):
        _sides(name, record["bbox"])
    return annotation_of(_moved(key, record), key.pipeline, key.config_hash)


def _by_hand(key: WorkKey, name: str, number: int, row: Mapping[str, Any]) -> Annotation:
    if wrong := next((one for one in row if one not in KNOWN and _resembles(one)), None):
        raise _unknown(name, wrong, KNOWN)
    own = dict(_columns(name, _with_sides(name, _renamed(name, row))))
    kind, frame = own.get("annotation_type", key.pipeline), own.get("frame_number")
    new_id = annotation_id(
        key.video_id, key.pipeline, key.config_hash, kind, -1 if frame is None else frame, number
    )
    return Annotation.from_data({"annotation_id": new_id, "annotation_type": kind, **own, **asdict(key)})


def _renamed(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Aliases by the names of their columns, and the own keys of `attributes` among the others."""
    rest = dict(row)
    own = rest.pop("attributes", None) or {}
    if not isinstance(own, Mapping) or not own.keys().isdisjoint(KNOWN):
        raise InvalidAnnotation(name, "'attributes' takes an object whose keys are no columns")
    for column, aliases in ALIASES.items():
        told = [rest.pop(alias) for alias in aliases if alias in rest]
        if told and column in rest:
            raise InvalidAnnotation(
                name, f"it has both {column!r} and another name of it ({', '.join(aliases)}): give one"
            )
        rest |= {column: told[0]} if told else {}
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
    """Keys and values, those of columns as the column has them; None is left out."""
    for key, value in row.items():
        if value is None:
            continue
        if key in TEXTS:
            yield key, _text(name, key, value)
        elif key in (*NUMBERS, *SIDES):
            yield key, _number(name, key, value)
        else:
            yield key, _frame(name, value) if key == "frame_number" else value


def _with_sides(name: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with its `bbox` as four columns, of which it has all or none."""
    rest = dict(row)
    box = rest.pop("bbox", None)
    there = [side for side in SIDES if rest.get(side) is not None]
    if box is not None and there:
        raise InvalidAnnotation(name, f"it has both 'bbox' and {there[0]!r}: give one")
    if there and len(there) < len(SIDES):
        raise InvalidAnnotation(name, f"a box needs {', '.join(SIDES)}, or 'bbox' [x, y, width, height]")
    return rest if box is None else rest | dict(zip(SIDES, _sides(name, box), strict=True))


def _sides(name: str, box: Any) -> list[float]:
    sides = list(box) if hasattr(box, "__iter__") and not isinstance(box, str | Mapping) else []
    if len(sides) != len(SIDES):
        raise InvalidAnnotation(name, f"'bbox' takes four numbers [x, y, width, height], not {box!r}")
    return [_number(name, "bbox", side) for side in sides]


def _number(name: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise InvalidAnnotation(name, f"{key!r} takes finite numbers, not {value!r}")
    return float(value)


def _frame(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise InvalidAnnotation(name, f"'frame_number' takes a whole number from 0, not {value!r}")
    return int(value)


def _resembles(key: object) -> bool:
    """Whether a key is meant as a known one: it is a word of one (`frame`, `width`), or spelt nearly like
    one.
    """
    text = str(key).lower()
    words = {word for known in KNOWN for word in known.split("_")}
    return text in words or bool(difflib.get_close_matches(text, KNOWN, 1, ALIKE))


def _unknown(name: str, key: object, known: Sequence[str]) -> InvalidAnnotation:
    text = str(key).lower()
    whole = difflib.get_close_matches(text, known, 1, ALIKE)
    worded = [one for one in known if text in one.split("_")]
    nearest = [*whole, *worded, *difflib.get_close_matches(text, known, 1, 0.0)][0]
    return InvalidAnnotation(
        name, f"unknown key {key!r}: did you mean {nearest!r}? keys of your own go under 'attributes'"
    )
