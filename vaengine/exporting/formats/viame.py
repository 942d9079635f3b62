"""VIAME CSV: a line for each box, with the rate of the video in a comment.

Source: viame.readthedocs.io, "Detection file conversions"; `# metadata` as DIVE writes it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import box_of, label_of
from vaengine.exporting.values.source import Source
from vaengine.exporting.values.track_numbers import TrackNumbers
from vaengine.exporting.values.tracks import noun_of

KINDS: Final = (PERSON_DETECTION, FACE_DETECTION)
_TITLES: Final = (
    *("# 1: Detection or Track-id", "2: Video or Image Identifier", "3: Unique Frame Identifier"),
    *("4-7: Img-bbox(TL_x", "TL_y", "BR_x", "BR_y)", "8: Detection or Length Confidence"),
    *("9: Target Length (0 or -1 if invalid)", "10-11+: Repeated Species", "Confidence Pairs or Attributes"),
)


def files(source: Source) -> Iterator[OutputFile]:
    """`VIDEO_ID.csv` of each video."""
    for video in source.pictured():
        yield text_file(f"{video.video_id}.csv", _lines(source, video))


def _lines(source: Source, video: ExportedVideo) -> Iterator[str]:
    yield _line(_TITLES)
    yield _line(("# metadata", f"fps: {video.fps:.12g}", "exported_by: vaengine"))
    numbers = TrackNumbers(first=0)
    for own in source.frames_by_clock(video, *KINDS):
        for row in own.rows:
            label = label_of(row) or row.annotation_id  # a box in no track is a track of its own
            yield _line(_cells(video, row, numbers.of(video.video_id, label), own.frame, own.time_s))


def _cells(
    video: ExportedVideo, row: Annotation, number: int, frame: int, time_s: float
) -> tuple[object, ...]:
    box, label = box_of(row), label_of(row)
    corners = (box.x, box.y, box.x + box.width, box.y + box.height)
    confidence = "1.0" if row.confidence is None else f"{row.confidence:.6g}"
    known = {f"{noun_of(row.annotation_type)}_id": label, "name": video.names.get(label or "")}
    attributes = [f"(trk-atr) {key} {value}" for key, value in known.items() if value]
    sides = [f"{side:.3f}" for side in corners]
    species = (noun_of(row.annotation_type), confidence)
    return (number, _clock(time_s), frame, *sides, confidence, -1, *species, *attributes)


def _clock(time_s: float) -> str:
    """`01:02:03.500000`, as DIVE names frames of a video."""
    whole, micros = divmod(round(time_s * 1e6), 1_000_000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{micros:06}"


def _line(cells: tuple[object, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


FORMAT = Format(
    "viame",
    "VIAME, DIVE",
    KINDS,
    files,
    ("key points, age, gender and angles of a face",),
)
