"""CVAT for video 1.1: tracks with few key frames, each appearance ended by a box that is `outside`.

Source: docs.cvat.ai, "CVAT for video 1.1". CVAT draws straight lines between key frames; a file with every
frame as a key frame cannot be corrected by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.source import Source
from vaengine.exporting.values.tracks import Track, TrackBox, ends, keyframes, step_of, tracks_of
from vaengine.exporting.xml_text import xml_tag, xml_text

KINDS: Final = (PERSON_DETECTION, FACE_DETECTION)
_LABEL: Final = (
    "<label><name>{noun}</name><type>rectangle</type><attributes>{attributes}</attributes></label>"
)
_ATTRIBUTE: Final = (
    "<attribute><name>{name}</name><mutable>False</mutable><input_type>text</input_type>"
    "<default_value></default_value><values></values></attribute>"
)


def files(source: Source) -> Iterator[OutputFile]:
    """`VIDEO_ID.xml` of each video: a task has one video."""
    for video in source.pictured():
        yield text_file(f"{video.video_id}.xml", _document(source, video))


def _document(source: Source, video: ExportedVideo) -> Iterator[str]:
    yield f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n{_meta(video)}\n'
    steps = {kind: step_of(source, video, kind) for kind in KINDS}
    for track in tracks_of(source, video, KINDS):
        yield from _track(video, track, steps[track.kind])
    yield "</annotations>\n"


def _meta(video: ExportedVideo) -> str:
    facts = video.video
    labels = "".join(map(_label, ("person", "face")))
    return (
        f"<meta><task><id>{video.number}</id><name>{xml_text(video.video_id)}</name>"
        f"<size>{facts.frame_count}</size><mode>interpolation</mode><overlap>0</overlap><bugtracker>"
        f"</bugtracker><created></created><updated></updated><start_frame>0</start_frame>"
        f"<stop_frame>{facts.frame_count - 1}</stop_frame><frame_filter></frame_filter>"
        f"<labels>{labels}</labels><original_size><width>{facts.width}</width>"
        f"<height>{facts.height}</height></original_size><source>{xml_text(video.file_name)}</source>"
        f"</task></meta>"
    )


def _label(noun: str) -> str:
    attributes = "".join(_ATTRIBUTE.format(name=name) for name in (f"{noun}_id", "name"))
    return _LABEL.format(noun=noun, attributes=attributes)


def _track(video: ExportedVideo, track: Track, step: int) -> Iterator[str]:
    own = {"id": track.number, "label": track.noun, "source": "auto"}
    yield xml_tag("track", own, is_empty=False) + "\n"
    for piece, end in zip(track.pieces, ends(video, track, step), strict=True):
        yield from _boxes(track, keyframes(piece), end)
    yield "</track>\n"


def _boxes(track: Track, boxes: Sequence[TrackBox], end: int | None) -> Iterator[str]:
    for box in boxes:
        yield _box(track, box, box.frame, outside=0)
    if end is not None:
        yield _box(track, boxes[-1], end, outside=1)


def _box(track: Track, box: TrackBox, frame: int, *, outside: int) -> str:
    left, top, right, bottom = (f"{side:.3f}" for side in box.xyxy)
    shape = {
        **{"frame": frame, "outside": outside, "occluded": 0, "keyframe": 1},
        **{"xtl": left, "ytl": top, "xbr": right, "ybr": bottom, "z_order": 0},
    }
    known = {f"{track.noun}_id": "", "name": ""} | track.known
    texts = (f'<attribute name="{name}">{xml_text(text)}</attribute>' for name, text in known.items())
    return f"{xml_tag('box', shape, is_empty=False)}{''.join(texts)}</box>\n"


FORMAT = Format(
    "cvat",
    "CVAT, Datumaro",
    KINDS,
    files,
    (
        "confidence, key points",
        "boxes on a straight line between two others, to a quarter of a pixel: CVAT draws them",
    ),
    draws_lines=True,
)
