"""DIVE annotation JSON, version 2: tracks with few key frames between which DIVE draws straight lines.

Source: kitware.github.io/dive/DataFormats, "DIVE Annotation JSON".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, compact_json, text_file
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.source import Source
from vaengine.exporting.values.tracks import Track, TrackBox, keyframes, tracks_of

KINDS: Final = (PERSON_DETECTION, FACE_DETECTION)


def files(source: Source) -> Iterator[OutputFile]:
    """`result_VIDEO_ID.json` of each video."""
    for video in source.pictured():
        yield text_file(f"result_{video.video_id}.json", _document(source, video))


def _document(source: Source, video: ExportedVideo) -> Iterator[str]:
    """The file; `fps` and `video` are ours, for the dataset in DIVE has to have the rate of the video."""
    own = f'"fps": {json.dumps(video.fps)}, "video": {json.dumps(video.file_name, ensure_ascii=False)}'
    yield f'{{"version": 2, {own}, "groups": {{}}, "tracks": {{'
    mark = "\n"
    for track in tracks_of(source, video, KINDS, by_clock=True):
        yield f'{mark}"{track.number}": {compact_json(_track(track))}'
        mark = ",\n"
    yield "\n}}\n"


def _track(track: Track) -> dict[str, Any]:
    boxes, confidence = track.boxes, track.confidence
    return {
        "id": track.number,
        "meta": {},
        "attributes": track.known,
        "confidencePairs": [[track.noun, 1.0 if confidence is None else confidence]],
        "begin": boxes[0].frame,
        "end": boxes[-1].frame,
        "features": [feature for piece in track.pieces for feature in _features(piece)],
    }


def _features(piece: tuple[TrackBox, ...]) -> Iterator[dict[str, Any]]:
    """Key frames of an appearance; no line leads from its last box."""
    kept = keyframes(piece)
    for box in kept:
        score = {} if box.confidence is None else {"attributes": {"confidence": box.confidence}}
        is_followed = box is not kept[-1]
        yield {
            "frame": box.frame,
            "bounds": [round(side, 3) for side in box.xyxy],
            "keyframe": True,
            "interpolate": is_followed,
            **score,
        }


FORMAT = Format(
    "dive",
    "DIVE",
    KINDS,
    files,
    (
        "key points",
        "boxes on a straight line between two others, to a quarter of a pixel: DIVE draws them",
    ),
    draws_lines=True,
)
