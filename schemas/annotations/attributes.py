"""Maps attributes of annotations to the keys of COCO records, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.annotations.annotation import AUDIO_EVENT, FACE_DETECTION, FACE_IDENTITY, SPEECH, WORD

# COCO has them beside the box.
_POSE: Final = {"keypoints": "keypoints", "num_keypoints": "num_keypoints"}
_KEYS_BY_TYPE: Final[Mapping[str, Mapping[str, str]]] = {
    FACE_DETECTION: {"age": "age", "gender": "gender"},
    FACE_IDENTITY: {"age": "age", "gender": "gender"},
    SPEECH: {"text": "transcript", "language": "language"},
    WORD: {"word": "word"},
    AUDIO_EVENT: {"label": "label"},
}

# Keys that any record may have, whatever its type.
_COMMON_KEYS: Final = (
    *("id", "image_id", "category_id", "bbox", "area", "iscrowd", "whole_frame", "score", "track_id"),
    *("timestamp", "start_time", "end_time", "duration", "frame_start", "frame_end", "frame_number"),
    *("annotation_id", "annotation_type", "video_id", "person_id", "face_id", "speaker_id", "scene_id"),
)


def record_of(kind: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an annotation of type `kind` as keys of its record.

    Attributes without a key of their own go into `attributes`. The landmarks of a face are there a second
    time, as key points that are all visible.
    """
    points = landmark_keypoints(kind, attributes)
    keys = _record_keys_of(kind, attributes)
    record = {key: attributes[name] for name, key in keys.items() if name in attributes}
    if points:
        record |= {"keypoints": points, "num_keypoints": len(points) // 3}
    rest = {name: value for name, value in attributes.items() if name not in keys}
    return record | ({"attributes": rest} if rest else {})


def attributes_of(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of `record_of`."""
    rest: Mapping[str, Any] = record.get("attributes", {})
    return {
        **rest,
        **{name: record[key] for name, key in _record_keys_of(kind, rest).items() if key in record},
    }


def record_keys(kind: str) -> tuple[str, ...]:
    """Every key that a record of annotation type `kind` may have."""
    return (
        *_COMMON_KEYS,
        *dict.fromkeys([*_POSE.values(), *_KEYS_BY_TYPE.get(kind, {}).values(), "attributes"]),
    )


def landmark_keypoints(kind: str, attributes: Mapping[str, Any]) -> list[float]:
    """The landmarks of a face as COCO's key points: x, y and visibility in turn; empty without landmarks."""
    points = attributes.get("landmarks") if kind == FACE_DETECTION else None
    if not isinstance(points, (list, tuple)) or not all(map(_is_point, points)):
        return []
    return [number for x, y in points for number in (x, y, 2)]


def _record_keys_of(kind: str, attributes: Mapping[str, Any]) -> Mapping[str, str]:
    """Attributes that stand beside the box, and their keys in a record.

    Landmarks take the place of a pose.
    """
    pose = {} if landmark_keypoints(kind, attributes) else _POSE
    return {**pose, **_KEYS_BY_TYPE.get(kind, {})}


def _is_point(value: object) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(isinstance(number, (int, float)) for number in value)
    )
