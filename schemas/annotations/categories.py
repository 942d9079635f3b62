"""COCO's categories of the annotation types, with names of key points of persons and faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    LOUDNESS,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
)
from schemas.annotations.attributes import landmark_keypoints
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE

Record = dict[str, Any]

_PICTURE_CATEGORIES: Final[Mapping[str, Record]] = {
    SCENE: {"name": "scene", "supercategory": "video_segment"},
    PERSON: {"name": "person", "supercategory": "person"},
    FACE: {"name": "face", "supercategory": "person"},
}
_AUDIO_TYPES: Final = (SPEECH, WORD, SPEAKER, VOICE_ACTIVITY, AUDIO_EVENT, LOUDNESS)
# Order and bones of the 17 points of a person, counted from 1, as in COCO's own annotation files.
KEYPOINTS: Final = (
    "nose",
    *(
        f"{side}_{part}"
        for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
SKELETON: Final = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13)),  # legs and hips
    *((6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11)),  # trunk and arms
    *((2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),  # head
)
# Sides are the person's, as COCO's are.
LANDMARKS: Final = (
    "right_eye",
    "left_eye",
    "nose",
    "right_mouth_corner",
    "left_mouth_corner",
)


def numbered(pipeline: str, rows: Sequence[Annotation]) -> Mapping[str, int]:
    """The category number of each annotation type of sound; every other type is in category 1."""
    if pipeline != AUDIO:
        return {}
    others = sorted({row.annotation_type for row in rows} - set(_AUDIO_TYPES))
    return {kind: number for number, kind in enumerate((*_AUDIO_TYPES, *others), start=1)}


def categories(pipeline: str, rows: Sequence[Annotation]) -> list[Record]:
    """All categories of a pipeline's document: one for each annotation type of sound, one for pictures."""
    audio_categories = [
        {"id": number, "name": kind, "supercategory": "sound"}
        for kind, number in numbered(pipeline, rows).items()
    ]
    return audio_categories or [
        {
            "id": 1,
            **_PICTURE_CATEGORIES.get(pipeline, {"name": pipeline, "supercategory": "annotation"}),
            **_points(rows),
        }
    ]


def _points(rows: Sequence[Annotation]) -> Record:
    """Names of key points; they are only numbered where a model has another number of points than usual."""
    faces = [landmark_keypoints(row.annotation_type, row.attributes) for row in rows]
    poses = [face or row.attributes.get("keypoints") for face, row in zip(faces, rows, strict=True)]
    count = max((len(pose) // 3 for pose in poses if isinstance(pose, (list, tuple))), default=0)
    if count == len(KEYPOINTS):
        return {"keypoints": list(KEYPOINTS), "skeleton": [list(bone) for bone in SKELETON]}
    if count == len(LANDMARKS) and any(faces):
        return {"keypoints": list(LANDMARKS), "skeleton": []}
    return {"keypoints": [f"point_{n}" for n in range(1, count + 1)], "skeleton": []} if count else {}
