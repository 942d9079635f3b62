"""One annotation row, its id, and the canonical form by which two stores are compared."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

# Of every UUIDv5 that vaengine makes.
NAMESPACE: Final = uuid.UUID("6f1d1c0e-6a55-5d2b-9c1e-0d4f3a6b7c81")

SCENE_TYPE: Final = "scene"
PERSON_DETECTION: Final = "person_detection"
PERSON_TRACK: Final = "person_track"
FACE_DETECTION: Final = "face_detection"
FACE_IDENTITY: Final = "face_identity"
SPEECH: Final = "speech"
WORD: Final = "word"
SPEAKER: Final = "speaker"
AUDIO_EVENT: Final = "audio_event"
VOICE_ACTIVITY: Final = "voice_activity"
LOUDNESS: Final = "loudness"
BEHAVIOR_TYPE: Final = "behavior"


@dataclass(frozen=True, slots=True)
class BBox:
    """A box in pixels of the displayed picture: top-left corner and size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Annotation:
    """One row of `annotations`: a stretch `[timestamp_seconds, end_seconds)` of a video, or one frame.

    It is one frame where `end_seconds` is None. Seconds count from the video's first frame. `frame_number`
    is exact, counts from 0 in presentation order, and is the first frame of a scene or track. `attributes`
    holds what has no column.
    """

    annotation_id: str
    video_id: str
    pipeline: str
    config_hash: str
    annotation_type: str
    timestamp_seconds: float | None = None
    end_seconds: float | None = None
    frame_number: int | None = None
    person_id: str | None = None
    face_id: str | None = None
    speaker_id: str | None = None
    scene_id: str | None = None
    confidence: float | None = None
    bbox: BBox | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence must lie in 0..1, got {self.confidence}")
        if self.end_seconds is not None and (
            self.timestamp_seconds is None or self.end_seconds < self.timestamp_seconds
        ):
            raise ValueError(
                f"an annotation cannot end at {self.end_seconds} and begin at {self.timestamp_seconds}"
            )

    def to_data(self) -> dict[str, Any]:
        """The whole annotation as a flat JSON object, as column `data` holds it; None is left out."""
        data = {
            **self.attributes,
            **{name: value for name in _PLAIN if (value := getattr(self, name)) is not None},
        }
        if box := self.bbox:
            data |= {"bbox_x": box.x, "bbox_y": box.y, "bbox_width": box.width, "bbox_height": box.height}
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Annotation:
        """The reverse of `to_data`; keys that are no column are attributes."""
        columns: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        for name, value in data.items():  # one pass: it is done for every row that is read
            (columns if name in _COLUMNS else rest)[name] = value
        box = [rest.pop(side, None) for side in _SIDES] if _SIDES[0] in rest else [None]
        bbox = None if None in box else BBox(*(float(v) for v in box if v is not None))
        return cls(**columns, bbox=bbox, attributes=rest)


_PLAIN: Final = tuple(f.name for f in fields(Annotation) if f.name not in ("bbox", "attributes"))
_COLUMNS: Final = frozenset(_PLAIN)
_SIDES: Final = ("bbox_x", "bbox_y", "bbox_width", "bbox_height")


def annotation_id(
    video_id: str, pipeline: str, config_hash: str, annotation_type: str, frame: int, ordinal: int
) -> str:
    """A UUIDv5 that is the same for the same video and configuration, on any machine."""
    return str(
        uuid.uuid5(NAMESPACE, f"{video_id}/{pipeline}/{config_hash}/{annotation_type}/{frame}/{ordinal}")
    )


def job_id_for(video_id: str, config_hashes: Mapping[str, str]) -> str:
    """A UUIDv5 of a video and its sorted (pipeline, config_hash) pairs."""
    pairs = ",".join(f"{pipeline}={config_hashes[pipeline]}" for pipeline in sorted(config_hashes))
    return str(uuid.uuid5(NAMESPACE, f"{video_id}/{pairs}"))


# Built once, since it is called for every row.
_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical_json(value: object) -> str:
    """The canonical JSON of a value: sorted keys, no spaces, shortest floats that read back the same.

    Zero has no sign: a zero with a sign is equal to one without, and not every database keeps it.
    """
    text = _CANONICAL.encode(value)
    return _CANONICAL.encode(_without_negative_zero(value)) if "-0.0" in text else text


def _without_negative_zero(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_negative_zero(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [_without_negative_zero(element) for element in value]
    return value + 0.0 if isinstance(value, float) else value


def canonical_digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """sha256 (hex) of rows in any order; equal digests mean equal results."""
    digest = hashlib.sha256()
    for line in sorted(canonical_json(row) for row in rows):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()
