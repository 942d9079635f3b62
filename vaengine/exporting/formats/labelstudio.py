"""Label Studio: a task for each video with predictions to correct, and the labelling interface for them.

Source: labelstud.io/tags/video, /videorectangle and /timelinelabels. Frames count from 1 at the rate that the
task says in `fps`, sides are in per cent of the picture. At a box that is not `enabled` an appearance ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, compact_json, text_file
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.labelled_intervals import LASTING, LabelledInterval, intervals_from_zero
from vaengine.exporting.values.source import Source
from vaengine.exporting.values.tracks import Track, TrackBox, keyframes, tracks_of

_EPSILON: Final = 1e-6  # of a frame: times are floats
KINDS: Final = (PERSON_DETECTION, FACE_DETECTION)


def files(source: Source) -> Iterator[OutputFile]:
    """`tasks.json`, and `config.xml` with every label that is in it."""
    labels: dict[str, None] = {}
    yield text_file("tasks.json", _tasks(source, labels))
    yield text_file("config.xml", _config(labels))


def _tasks(source: Source, labels: dict[str, None]) -> Iterator[str]:
    mark = "[\n"
    for video in source.pictured():
        yield mark + compact_json(_task(source, video, labels))
        mark = ",\n"
    yield "[]\n" if mark == "[\n" else "\n]\n"


def _task(source: Source, video: ExportedVideo, labels: dict[str, None]) -> dict[str, Any]:
    found = (_region(source, video, track) for track in tracks_of(source, video, KINDS, by_clock=True))
    regions = [region for region in found if region["value"]["sequence"]]
    for interval in intervals_from_zero(source, video):
        label = timeline_label(interval)
        labels[label] = None
        regions.append(_range(video, interval, label, len(regions)))
    return {
        "id": video.number,
        "data": {"video": video.video.path, "video_id": video.video_id, "fps": video.fps},
        "annotations": [],
        "predictions": [{"model_version": "vaengine", "result": regions}],
    }


def timeline_label(interval: LabelledInterval) -> str:
    """What a lane of the timeline is called: of sounds their label, else who it is of and what it is."""
    named = f"sound {interval.label}" if interval.noun == "sound" else interval.noun
    return f"{named} {interval.who}".strip()


def _region(source: Source, video: ExportedVideo, track: Track) -> dict[str, Any]:
    """A track; its sequence is empty where all of it lies outside the picture."""
    pieces = [_in_picture(video, piece) for piece in track.pieces]
    outside = len(track.boxes) - sum(map(len, pieces))
    source.losses.set(track.kind, "is outside the picture", f"{video.video_id} {track.number}", outside)
    return {
        "id": f"track{track.number}",
        "type": "videorectangle",
        "from_name": "box",
        "to_name": "video",
        "origin": "prediction",
        "meta": {"text": list(dict.fromkeys(track.known.values()))},
        "value": {
            "framesCount": _frames_of(video),
            "duration": video.video.duration_s,
            "labels": [track.noun],
            "sequence": [step for piece in pieces for step in _sequence(video, keyframes(piece))],
        },
        **({} if track.confidence is None else {"score": track.confidence}),
    }


def _frames_of(video: ExportedVideo) -> int:
    """How many frames Label Studio counts, which takes the rate for constant."""
    return video.number_at(video.video.duration_s)


def _in_picture(video: ExportedVideo, piece: Iterable[TrackBox]) -> list[TrackBox]:
    """Boxes cut at the edges of the picture; Label Studio refuses others."""
    width, height = video.video.width, video.video.height
    cut = []
    for box in piece:
        left, top, right, bottom = box.xyxy
        sides = (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
        if sides[0] < sides[2] and sides[1] < sides[3]:
            cut.append(replace(box, xyxy=sides))
    return cut


def _sequence(video: ExportedVideo, boxes: list[TrackBox]) -> Iterator[dict[str, Any]]:
    for box in boxes:
        left, top, right, bottom = box.xyxy
        width, height = video.video.width / 100, video.video.height / 100
        yield {
            "frame": box.frame + 1,
            "enabled": box is not boxes[-1],
            "rotation": 0,
            "x": round(left / width, 5),
            "y": round(top / height, 5),
            "width": round((right - left) / width, 5),
            "height": round((bottom - top) / height, 5),
            "time": round(box.time_s, 6),
        }


def _range(video: ExportedVideo, interval: LabelledInterval, label: str, number: int) -> dict[str, Any]:
    """The frames that are shown in an interval, the last one included."""
    first = min(math.floor(interval.start_s * video.fps + _EPSILON), _frames_of(video) - 1)
    last = min(math.ceil(interval.end_s * video.fps - _EPSILON), _frames_of(video)) - 1
    last = max(first, last)
    ranges = [{"start": first + 1, "end": last + 1}]
    return {
        "id": f"range{number}",
        "type": "timelinelabels",
        "from_name": "timeline",
        "to_name": "video",
        "origin": "prediction",
        "meta": {"text": [interval.who, interval.label] if interval.who else [interval.label]},
        "value": {"ranges": ranges, "timelinelabels": [label]},
    }


def _config(labels: Iterable[str]) -> Iterator[str]:
    yield '<View>\n  <Labels name="videoLabels" toName="video">\n'
    yield '    <Label value="person"/>\n    <Label value="face"/>\n  </Labels>\n'
    yield '  <Video name="video" value="$video" frameRate="$fps"/>\n'
    yield '  <VideoRectangle name="box" toName="video"/>\n  <TimelineLabels name="timeline" toName="video">\n'
    for label in dict.fromkeys([*labels, "speech"]):
        yield f"    <Label value={quoteattr(label)}/>\n"
    yield "  </TimelineLabels>\n</View>\n"


FORMAT = Format(
    "labelstudio",
    "Label Studio",
    (*KINDS, *LASTING),
    files,
    (
        "key points",
        "parts of a frame of what lasts, parts of boxes outside the picture",
        "boxes on a straight line between two others, to a quarter of a pixel: Label Studio draws them",
    ),
    draws_lines=True,
)
