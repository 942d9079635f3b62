"""A Hugging Face imagefolder: a picture of each frame with boxes, and `metadata.jsonl` with its objects.

Source: huggingface.co/docs/datasets/image_dataset, "Object detection". Boxes are left, top, width, height.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, compact_json, text_file
from vaengine.exporting.pictures import picture_files
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import FrameRows, box_of, label_of
from vaengine.exporting.values.source import Source
from vaengine.exporting.values.tracks import noun_of

KINDS: Final = (PERSON_DETECTION, FACE_DETECTION)


def files(source: Source) -> Iterator[OutputFile]:
    """`train/metadata.jsonl` and `train/VIDEO_ID_FRAME.jpg`."""
    yield text_file("train/metadata.jsonl", _lines(source))
    if source.options.pictures is not False:
        for video in source.pictured():
            frames = [own.frame for own in source.frames(video, *KINDS)]
            pattern = f"train/{video.video_id}_{{frame:06d}}.jpg"
            yield from picture_files(source, video, PERSON_DETECTION, frames, pattern)


def _lines(source: Source) -> Iterator[str]:
    for video in source.pictured():
        for own in source.frames(video, *KINDS):
            yield compact_json(_record(video, own)) + "\n"


def _record(video: ExportedVideo, own: FrameRows) -> dict[str, Any]:
    boxes = [box_of(row) for row in own.rows]
    return {
        "file_name": f"{video.video_id}_{own.frame:06d}.jpg",
        "video_id": video.video_id,
        "frame_number": own.frame,
        "timestamp_seconds": own.time_s,
        "objects": {
            "bbox": [[box.x, box.y, box.width, box.height] for box in boxes],
            "category": [noun_of(row.annotation_type) for row in own.rows],
            "track": [label_of(row) for row in own.rows],
            "name": [video.names.get(label_of(row) or "") for row in own.rows],
            "score": [row.confidence for row in own.rows],
        },
    }


FORMAT = Format(
    "imagefolder",
    "Hugging Face datasets",
    KINDS,
    files,
    ("key points, age, gender and angles of a face",),
    needs_pictures=True,
    can_have_pictures=True,
)
