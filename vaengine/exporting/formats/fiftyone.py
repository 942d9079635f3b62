"""Two folders that FiftyOne imports: boxes of frames, and what lasts as temporal detections.

Source: docs.voxel51.com, "FiftyOneVideoLabelsDataset" and "FiftyOneTemporalDetectionDataset". Videos stay
where they are; frames count from 1, sides are shares of the picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, compact_json, json_file, text_file
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import INTERPOLATED, box_of, label_of
from vaengine.exporting.values.labelled_intervals import LASTING, LabelledInterval, intervals_from_zero
from vaengine.exporting.values.source import Source
from vaengine.exporting.values.track_numbers import TrackNumbers
from vaengine.exporting.values.tracks import noun_of

KINDS: Final = (PERSON_DETECTION, FACE_DETECTION)
_ETA: Final = "eta.core"


def files(source: Source) -> Iterator[OutputFile]:
    """`boxes/` (labels of frames) and `moments/` (temporal detections), each a dataset of its own."""
    paths = {video.video_id: video.video.path for video in source.pictured()}
    for video in source.pictured():
        yield text_file(f"boxes/labels/{video.video_id}.json", _video_labels(source, video))
    index = [{"data": path, "labels": f"labels/{video_id}.json"} for video_id, path in paths.items()]
    manifest = {"type": f"{_ETA}.datasets.LabeledVideoDataset", "description": "", "index": index}
    yield json_file("boxes/manifest.json", manifest)
    classes: dict[str, int] = {}
    yield text_file("moments/labels.json", _moments(source, classes))
    yield json_file("moments/data.json", paths)


def _video_labels(source: Source, video: ExportedVideo) -> Iterator[str]:
    yield f'{{"type": "{_ETA}.video.VideoLabels", "frames": {{'
    mark, numbers = "\n", TrackNumbers()
    for own in source.frames_by_clock(video, *KINDS):
        objects = [_object(video, row, numbers) for row in own.rows]
        frame = {
            "type": f"{_ETA}.video.VideoFrameLabels",
            "frame_number": own.frame + 1,
            "objects": {"type": f"{_ETA}.objects.DetectedObjectContainer", "objects": objects},
        }
        yield f'{mark}"{own.frame + 1}": {compact_json(frame)}'
        mark = ",\n"
    yield "}}\n"


def _object(video: ExportedVideo, row: Annotation, numbers: TrackNumbers) -> dict[str, Any]:
    box, label, facts = box_of(row), label_of(row), video.video
    known = {
        "track": label,
        "name": video.names.get(label or ""),
        "interpolated": "true" if INTERPOLATED in row.attributes else None,
    }
    attributes = [
        {"type": f"{_ETA}.data.CategoricalAttribute", "name": name, "value": value}
        for name, value in known.items()
        if value
    ]
    return {
        "type": f"{_ETA}.objects.DetectedObject",
        "label": noun_of(row.annotation_type),
        **({} if label is None else {"index": numbers.of(video.video_id, label)}),
        **({} if row.confidence is None else {"confidence": row.confidence}),
        "bounding_box": {
            "type": f"{_ETA}.geometry.BoundingBox",
            "top_left": _point(box.x / facts.width, box.y / facts.height),
            "bottom_right": _point((box.x + box.width) / facts.width, (box.y + box.height) / facts.height),
        },
        "attrs": {"type": f"{_ETA}.data.AttributeContainer", "attrs": attributes},
    }


def _point(x: float, y: float) -> dict[str, Any]:
    return {"type": f"{_ETA}.geometry.RelativePoint", "x": x, "y": y}


def _moments(source: Source, classes: dict[str, int]) -> Iterator[str]:
    """The temporal detections of each video; classes are known at the end."""
    yield '{"labels": {'
    mark = "\n"
    for video in source.pictured():
        found = [_moment(one, classes) for one in intervals_from_zero(source, video)]
        yield f"{mark}{json.dumps(video.video_id)}: {compact_json(found)}"
        mark = ",\n"
    yield f'}},\n"classes": {compact_json(list(classes))}}}\n'


def _moment(interval: LabelledInterval, classes: dict[str, int]) -> dict[str, Any]:
    name = f"sound {interval.label}" if interval.noun == "sound" else interval.noun
    known = {"who": interval.who, "text": interval.label}
    return {
        "label": classes.setdefault(name, len(classes)),
        "timestamps": [interval.start_s, interval.end_s],
        **({} if interval.confidence is None else {"confidence": interval.confidence}),
        "attributes": {key: value for key, value in known.items() if value},
    }


FORMAT = Format(
    "fiftyone",
    "FiftyOne, ETA",
    (*KINDS, *LASTING),
    files,
    ("key points", "files of sound alone"),
)
