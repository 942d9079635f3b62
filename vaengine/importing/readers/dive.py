"""DIVE's JSON of version 2; frames count from 0, at the rate in which the data set was annotated.

Source: DIVE, "Data formats".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from schemas.annotations.annotation import BBox
from vaengine.importing.document import (
    PERSONS,
    FrameBox,
    FrameCount,
    ImportedFile,
    ImportedTrack,
    ImportedVideo,
)
from vaengine.importing.readers.parsing import (
    number,
    own_id,
    person_name,
    rate_of,
    text_of,
    whole,
)

NAME: Final = "dive"
VERSION: Final = 2


def matches(value: Any) -> bool:
    """Whether this is DIVE's JSON: tracks by number, which have features."""
    if not isinstance(value, Mapping) or not isinstance(value.get("tracks"), Mapping):
        return False
    return "version" in value or any("features" in track for track in value["tracks"].values())


def read(value: Any) -> ImportedFile:
    """The one video of a file; raises ValueError and KeyError."""
    if value.get("version") != VERSION:
        raise ValueError(f"it is of version {value.get('version')}, and only {VERSION} is read")
    tracks = tuple(_track(track) for track in value["tracks"].values())
    counting = FrameCount("clock", rate_of(value.get("fps") or _of_meta(value, "fps")))
    name = text_of(value, "video", "name") or str(_of_meta(value, "video") or "")
    return ImportedFile(NAME, (ImportedVideo(name, tracks=tracks, counting=counting, labels=PERSONS),))


def _of_meta(value: Mapping[str, Any], name: str) -> Any:
    meta = value.get("meta", value.get("metadata"))
    return meta.get(name) if isinstance(meta, Mapping) else None


def _track(track: Mapping[str, Any]) -> ImportedTrack:
    pairs = track.get("confidencePairs") or [["unknown", 1.0]]
    label, confidence = max(pairs, key=lambda pair: pair[1])
    about = {str(key).casefold(): text for key, text in (track.get("attributes") or {}).items()}
    features = sorted(track["features"], key=lambda feature: whole(feature["frame"]))
    segments = tuple(_segments(features, whole(track["end"]), number(confidence)))
    return ImportedTrack(own_id(about) or str(track["id"]), label, segments, person_name(about))


def _segments(
    features: Sequence[Mapping[str, Any]], end: int, confidence: float
) -> Iterator[tuple[FrameBox, ...]]:
    """A box that is interpolated is of one segment with the next; the track ends with `end`."""
    segment: list[FrameBox] = []
    goes_on = False
    for feature in features:
        if feature.get("bounds") is None:
            continue
        box = _box(feature, confidence)
        if segment and not (goes_on or box.frame == segment[-1].frame + 1):
            yield tuple(segment)
            segment = []
        segment.append(box)
        goes_on = bool(feature.get("interpolate", False))
    if segment:
        if goes_on and end > segment[-1].frame:
            segment.append(replace(segment[-1], frame=end, is_keyframe=False))
        yield tuple(segment)


def _box(feature: Mapping[str, Any], confidence: float) -> FrameBox:
    left, top, right, bottom = map(number, feature["bounds"])
    return FrameBox(
        whole(feature["frame"]),
        BBox(left, top, right - left, bottom - top),
        min(1.0, max(0.0, confidence)),
        bool(feature.get("keyframe", True)),
    )
