"""A YOLO dataset: a picture of each frame with boxes, and a text file of its boxes in shares of the picture.

Source: docs.ultralytics.com/datasets/detect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation, BBox
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.pictures import picture_files
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import box_of
from vaengine.exporting.values.source import Source

KINDS: Final = (PERSON_DETECTION, FACE_DETECTION)
CLASSES: Final[Mapping[str, int]] = {PERSON_DETECTION: 0, FACE_DETECTION: 1}
Corners = tuple[float, float, float, float]  # left, top, right, bottom
_DATA: Final = """\
# Every picture is in train: split by video before you train, or no number of val means anything.
path: .
train: images/train
val: images/train
names:
  0: person
  1: face
"""


def files(source: Source) -> Iterator[OutputFile]:
    """`data.yaml`, `labels/train/VIDEO_ID_FRAME.txt` and `images/train/VIDEO_ID_FRAME.jpg`."""
    yield text_file("data.yaml", [_DATA])
    for video in source.pictured():
        frames: list[int] = []
        for own in source.frames(video, *KINDS):
            lines = [line for row in own.rows if (line := _line(source, video, row))]
            frames.append(own.frame)
            yield text_file(f"labels/train/{video.video_id}_{own.frame:06d}.txt", lines)
        if source.options.pictures is not False:
            pattern = f"images/train/{video.video_id}_{{frame:06d}}.jpg"
            yield from picture_files(source, video, PERSON_DETECTION, frames, pattern)


def _line(source: Source, video: ExportedVideo, row: Annotation) -> str:
    """The line of a box; empty for one outside the picture."""
    inside = shares_inside(box_of(row), video.video.width, video.video.height)
    if inside is None:
        source.losses.add(row.annotation_type, "is outside the picture", video.video_id)
        return ""
    return label_line(CLASSES[row.annotation_type], inside)


def shares_inside(box: BBox, width: int, height: int) -> Corners | None:
    """Left, top, right and bottom in shares of a picture, cut at its edges; None for a box outside."""
    left, right = max(0.0, box.x), min(float(width), box.x + box.width)
    top, bottom = max(0.0, box.y), min(float(height), box.y + box.height)
    if right <= left or bottom <= top:
        return None
    return left / width, top / height, right / width, bottom / height


def label_line(number: int, corners: Corners) -> str:
    """Number of the class, centre and size of a box."""
    left, top, right, bottom = corners
    shares = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    return f"{number} {' '.join(f'{share:.6f}' for share in shares)}\n"


FORMAT = Format(
    "yolo",
    "ultralytics, supervision, Datumaro, CVAT",
    KINDS,
    files,
    ("tracks, names, confidence, key points, times", "parts of boxes outside the picture"),
    needs_pictures=True,
    can_have_pictures=True,
)
