"""Files of VideoAnnotator, which Video Annotation Viewer opens: COCO-shaped JSON, WebVTT and RTTM.

Source: the viewer's contract of a person record: `image_id` is text, 17 key points, and who says who it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.annotations.annotation import (
    FACE_DETECTION,
    PERSON_DETECTION,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    WORD,
    Annotation,
)
from schemas.annotations.categories import KEYPOINTS, SKELETON
from schemas.annotations.subtitles import rttm, webvtt
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, json_members, text_file
from vaengine.exporting.speech_rows import speech_rows
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import box_of
from vaengine.exporting.values.source import Source
from vaengine.exporting.values.track_numbers import TrackNumbers

_POINTS: Final = 3 * len(KEYPOINTS)
_CATEGORIES: Final[Mapping[str, dict[str, Any]]] = {
    PERSON_DETECTION: {
        **{"id": 1, "name": "person", "supercategory": "person"},
        **{"keypoints": list(KEYPOINTS), "skeleton": [list(bone) for bone in SKELETON]},
    },
    FACE_DETECTION: {"id": 100, "name": "face", "supercategory": "person"},
    SCENE_TYPE: {"id": 1, "name": "scene", "supercategory": "video_segment"},
}


def files(source: Source) -> Iterator[OutputFile]:
    """`VIDEO_ID_person_tracking.json`, `_face_detections.json`, `_scene_detection.json`, and sound."""
    for video in source.videos():
        if video.video.has_pictures:
            yield from _picture_files(source, video)
        if text := webvtt(speech_rows(source, video, SPEECH, WORD)):
            yield text_file(f"{video.video_id}_speech_recognition.vtt", [text])
        if text := rttm(speech_rows(source, video, SPEAKER), video.video_id):
            yield text_file(f"{video.video_id}_speaker_diarization.rttm", [text])


def _picture_files(source: Source, video: ExportedVideo) -> Iterator[OutputFile]:
    yield _file(source, video, PERSON_DETECTION, "person_tracking", _persons(source, video))
    yield _file(source, video, FACE_DETECTION, "face_detections", _faces(source, video))
    yield _file(source, video, SCENE_TYPE, "scene_detection", _scenes(source, video))


def _file(
    source: Source, video: ExportedVideo, kind: str, name: str, records: Iterator[dict[str, Any]]
) -> OutputFile:
    images = _images(source, video, kind) if kind != SCENE_TYPE else iter(())
    members = (
        ("licenses", iter(())),
        ("images", images),
        ("annotations", records),
        ("categories", iter([_CATEGORIES[kind]])),
    )
    return text_file(f"{video.video_id}_{name}.json", json_members(members))


def _images(source: Source, video: ExportedVideo, kind: str) -> Iterator[dict[str, Any]]:
    size = {"width": video.video.width, "height": video.video.height}
    for own in source.frames(video, kind):
        name = f"{video.video_id}_frame_{own.frame}"
        at = {"frame_number": own.frame, "timestamp": own.time_s}
        yield {"id": name, **size, "file_name": f"{name}.jpg", "video_id": video.video_id, **at}


def _persons(source: Source, video: ExportedVideo) -> Iterator[dict[str, Any]]:
    tracks = TrackNumbers()
    for number, row in _numbered(source, video, PERSON_DETECTION):
        track = {} if row.person_id is None else {"track_id": tracks.of(video.video_id, row.person_id)}
        yield _box(number, row, video) | track | _pose(row) | _who(row.person_id, video)


def _faces(source: Source, video: ExportedVideo) -> Iterator[dict[str, Any]]:
    for number, row in _numbered(source, video, FACE_DETECTION):
        known = {name: row.attributes[name] for name in ("age", "gender") if row.attributes.get(name)}
        face = {"face_id": row.face_id or "unknown", "backend": "vaengine"}
        yield _box(number, row, video) | face | known | _who(row.person_id, video)


def _scenes(source: Source, video: ExportedVideo) -> Iterator[dict[str, Any]]:
    width, height = video.video.width, video.video.height
    for number, row in enumerate(source.rows(video, SCENE_TYPE), start=1):
        start_s, end_s = row.timestamp_seconds or 0.0, row.end_seconds or 0.0
        middle = video.frame_at((start_s + end_s) / 2)
        yield {
            "id": number,
            "image_id": f"{video.video_id}_frame_{middle:06d}",
            "category_id": 1,
            **{"bbox": [0, 0, width, height], "area": width * height, "iscrowd": 0},
            "score": 1.0 if row.confidence is None else row.confidence,
            "video_id": video.video_id,
            **{"timestamp": (start_s + end_s) / 2, "start_time": start_s, "end_time": end_s},
            **{"duration": end_s - start_s, "scene_type": row.scene_id or "scene", "all_scores": {}},
            **{"frame_start": video.frame_at(start_s), "frame_end": video.frame_at(end_s)},
        }


def _numbered(source: Source, video: ExportedVideo, kind: str) -> Iterator[tuple[int, Annotation]]:
    rows = (row for own in source.frames(video, kind) for row in own.rows)
    return enumerate(rows, start=1)


def _box(number: int, row: Annotation, video: ExportedVideo) -> dict[str, Any]:
    box = box_of(row)
    return {
        "id": number,
        "image_id": f"{video.video_id}_frame_{row.frame_number}",
        "category_id": _CATEGORIES[row.annotation_type]["id"],
        **{"bbox": [box.x, box.y, box.width, box.height], "area": box.width * box.height, "iscrowd": 0},
        "score": 0.0 if row.confidence is None else row.confidence,
        **{"timestamp": row.timestamp_seconds, "frame_number": row.frame_number},
    }


def _pose(row: Annotation) -> dict[str, Any]:
    """The 17 points; none of them is visible where no pose, or another one, is known."""
    points = row.attributes.get("keypoints") or ()
    if len(points) != _POINTS:
        return {"keypoints": [0.0] * _POINTS, "num_keypoints": 0}
    seen = sum(1 for visibility in points[2::3] if visibility)
    return {"keypoints": list(points), "num_keypoints": row.attributes.get("num_keypoints", seen)}


def _who(label: str | None, video: ExportedVideo) -> dict[str, Any]:
    """Who it is: a name is a person's word, so it is certain."""
    name = video.names.get(label or "")
    method = ("manual", 1.0) if name else ("none", 0.0)
    return {
        "person_id": label or "untracked",
        "person_label": name or "unknown",
        "label_confidence": method[1],
        "labeling_method": method[0],
    }


FORMAT = Format(
    "videoannotator",
    "Video Annotation Viewer",
    (PERSON_DETECTION, FACE_DETECTION, SCENE_TYPE, SPEECH, WORD, SPEAKER),
    files,
    ("poses of other than 17 points, landmarks and angles of a face",),
)
