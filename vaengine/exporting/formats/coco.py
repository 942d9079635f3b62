"""COCO (cocodataset.org, "Data format"): boxes of persons and faces, with `videos` and `track_id`.

`videos`, `video_id`, `frame_index` and `track_id` are as kwcoco and COCO-VID have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation
from schemas.annotations.attributes import landmark_keypoints
from schemas.annotations.categories import KEYPOINTS, LANDMARKS, SKELETON
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, json_members, text_file
from vaengine.exporting.pictures import picture_files
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import INTERPOLATED, FrameRows, box_of, label_of
from vaengine.exporting.values.source import Source
from vaengine.exporting.values.track_numbers import TrackNumbers
from vaengine.exporting.values.tracks import noun_of

KINDS: Final = (PERSON_DETECTION, FACE_DETECTION)
CATEGORIES: Final[Mapping[str, int]] = {PERSON_DETECTION: 1, FACE_DETECTION: 2}
FILE: Final = "annotations/instances_default.json"


def files(source: Source) -> Iterator[OutputFile]:
    """`annotations/instances_default.json`, and pictures in `images/default` where the user wants them."""
    yield text_file(FILE, json_members(_members(source)))
    if source.options.pictures:
        for video in source.pictured():
            frames = [own.frame for own in source.frames(video, *KINDS)]
            pattern = f"images/default/{video.video_id}/{{frame:06d}}.jpg"
            yield from picture_files(source, video, PERSON_DETECTION, frames, pattern)


def _members(source: Source) -> Iterator[tuple[str, Iterator[Any]]]:
    yield "licenses", iter(())
    yield "categories", iter(_categories())
    yield "videos", map(_video, source.pictured())
    yield "images", _images(source)
    yield "annotations", _annotations(source)


def _categories() -> list[dict[str, Any]]:
    skeleton = [list(bone) for bone in SKELETON]
    person = {"id": 1, "name": "person", "supercategory": "person"}
    face = {"id": 2, "name": "face", "supercategory": "person"}
    return [
        {**person, "keypoints": list(KEYPOINTS), "skeleton": skeleton},
        {**face, "keypoints": list(LANDMARKS), "skeleton": []},
    ]


def _video(video: ExportedVideo) -> dict[str, Any]:
    facts = video.video
    return {
        "id": video.number,
        "name": video.video_id,
        "file_name": video.file_name,
        "width": facts.width,
        "height": facts.height,
        "fps": video.fps,
        "num_frames": facts.frame_count,
        "duration": facts.duration_s,
    }


def _frames(source: Source) -> Iterator[tuple[int, ExportedVideo, FrameRows]]:
    """Every frame with its image id, counted from 1, and its video."""
    number = 0
    for video in source.pictured():
        for own in source.frames(video, *KINDS):
            number += 1
            yield number, video, own


def _images(source: Source) -> Iterator[dict[str, Any]]:
    for number, video, own in _frames(source):
        yield {
            "id": number,
            "file_name": f"{video.video_id}/{own.frame:06d}.jpg",
            "width": video.video.width,
            "height": video.video.height,
            "video_id": video.number,
            "frame_index": own.frame,
            "timestamp": own.time_s,
        }


def _annotations(source: Source) -> Iterator[dict[str, Any]]:
    number, tracks = 0, TrackNumbers()
    for image, video, own in _frames(source):
        for row in own.rows:
            number += 1
            yield {"id": number, "image_id": image, "video_id": video.number} | _box(row, video, tracks)


def _box(row: Annotation, video: ExportedVideo, tracks: TrackNumbers) -> dict[str, Any]:
    box, label = box_of(row), label_of(row)
    name = video.names.get(label or "")
    return {
        "category_id": CATEGORIES[row.annotation_type],
        "bbox": [box.x, box.y, box.width, box.height],
        "area": box.width * box.height,
        "iscrowd": 0,
        "segmentation": [],
        **({} if row.confidence is None else {"score": row.confidence}),
        **(
            {}
            if label is None
            else {"track_id": tracks.of(video.video_id, label), f"{noun_of(row.annotation_type)}_id": label}
        ),
        **({} if name is None else {"person_name": name}),
        **({"interpolated": True} if INTERPOLATED in row.attributes else {}),
        **_points(row),
    }


def _points(row: Annotation) -> dict[str, Any]:
    """Key points of a person, or the landmarks of a face."""
    points = landmark_keypoints(row.annotation_type, row.attributes) or row.attributes.get("keypoints")
    if not points or len(points) % 3:
        return {}
    seen = sum(1 for visibility in points[2::3] if visibility)
    return {"keypoints": list(points), "num_keypoints": row.attributes.get("num_keypoints", seen)}


FORMAT = Format(
    "coco",
    "pycocotools, kwcoco, supervision, Datumaro, FiftyOne, Detectron2",
    KINDS,
    files,
    ("scores of single key points, age, gender and angles of a face",),
    can_have_pictures=True,
)
