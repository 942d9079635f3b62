"""COCO's categories of what the pipelines find, with the names of the points of persons and faces."""

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

_SEEN: Final[Mapping[str, Record]] = {
    SCENE: {"name": "scene", "supercategory": "video_segment"},
    PERSON: {"name": "person", "supercategory": "person"},
    FACE: {"name": "face", "supercategory": "person"},
}
_HEARD: Final = (SPEECH, WORD, SPEAKER, VOICE_ACTIVITY, AUDIO_EVENT, LOUDNESS)
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
LANDMARKS: Final = (
    "right_eye",
    "left_eye",
    "nose",
    "right_mouth_corner",
    "left_mouth_corner",
)  # sides are the person's, as COCO's are


def numbered(pipeline: str, rows: Sequence[Annotation]) -> Mapping[str, int]:
    """The category of each annotation type that has one of its own; every other type is in category 1."""
    if pipeline != AUDIO:
        return {}
    others = sorted({row.annotation_type for row in rows} - set(_HEARD))
    return {kind: number for number, kind in enumerate((*_HEARD, *others), start=1)}


def categories(pipeline: str, rows: Sequence[Annotation]) -> list[Record]:
    """All categories of a pipeline's document: of sound one for each annotation type, of pictures one."""
    heard = [
        {"id": number, "name": kind, "supercategory": "sound"}
        for kind, number in numbered(pipeline, rows).items()
    ]
    return heard or [
        {"id": 1, **_SEEN.get(pipeline, {"name": pipeline, "supercategory": "annotation"}), **_points(rows)}
    ]


def _points(rows: Sequence[Annotation]) -> Record:
    """Names of key points; what a model of another number of points than usual means by them is not known."""
    faces = [landmark_keypoints(row.annotation_type, row.attributes) for row in rows]
    poses = [face or row.attributes.get("keypoints") for face, row in zip(faces, rows, strict=True)]
    count = max((len(pose) // 3 for pose in poses if isinstance(pose, (list, tuple))), default=0)
    if count == len(KEYPOINTS):
        return {"keypoints": list(KEYPOINTS), "skeleton": [list(bone) for bone in SKELETON]}
    if count == len(LANDMARKS) and any(faces):
        return {"keypoints": list(LANDMARKS), "skeleton": []}
    return {"keypoints": [f"point_{n}" for n in range(1, count + 1)], "skeleton": []} if count else {}
