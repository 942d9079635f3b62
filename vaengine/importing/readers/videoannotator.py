"""VideoAnnotator's JSON of persons, faces or scenes: COCO in which images have texts as ids.

Frames count from 0. `person_id` is a track, `person_label` who it is, and `labeling_method` who said so; a
`face_id` that is no id of vaengine counts faces of one frame. Source: VideoAnnotator, "Output formats".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.annotations.annotation import BBox
from vaengine.importing.document import (
    FrameBox,
    ImportedEvent,
    ImportedFile,
    ImportedTrack,
    ImportedVideo,
)
from vaengine.importing.readers import coco
from vaengine.importing.readers.parsing import number, own_id, text_of, whole

NAME: Final = "videoannotator"
_IMAGE: Final = re.compile(r"(.+)_frame_(\d+)")
_MANUAL: Final = "manual"  # the method of a name that a person gave
_SCENE: Final = "scene"
Record = Mapping[str, Any]


def matches(value: Any) -> bool:
    """Whether this is COCO whose annotations name images by text: a video and a frame."""
    return (
        coco.matches(value)
        and bool(value["annotations"])
        and all(
            isinstance(one, Mapping) and _IMAGE.fullmatch(str(one.get("image_id")))
            for one in value["annotations"]
        )
    )


def read(value: Any) -> ImportedFile:
    """A video for each that images are of; raises ValueError and KeyError."""
    names = {category["id"]: str(category["name"]) for category in value["categories"]}
    of_video: dict[str, list[Record]] = defaultdict(list)
    for annotation in value["annotations"]:
        of_video[_image(annotation)[0]].append(annotation)
    videos = (_video(name, own, value["images"], names) for name, own in of_video.items())
    return ImportedFile(NAME, tuple(videos))


def _image(annotation: Record) -> tuple[str, int]:
    """The video and the frame that an annotation is in."""
    found = _IMAGE.fullmatch(str(annotation["image_id"]))
    if found is None:
        raise ValueError(f"{annotation['image_id']!r} does not say which frame it is")
    return found[1], whole(annotation.get("frame_number", found[2]))


def _video(
    name: str, annotations: Sequence[Record], images: Sequence[Record], names: Mapping[Any, str]
) -> ImportedVideo:
    size = next(((one["width"], one["height"]) for one in images if one.get("video_id") == name), None)
    boxes = [one for one in annotations if names[one["category_id"]] != _SCENE]
    return ImportedVideo(
        name,
        tracks=tuple(_tracks(boxes, names)),
        events=tuple(_scene(one) for one in annotations if names[one["category_id"]] == _SCENE),
        picture=(whole(size[0]), whole(size[1])) if size else None,
        labels=frozenset(names.values()) - {_SCENE},
    )


def _scene(annotation: Record) -> ImportedEvent:
    times = number(annotation["start_time"]), number(annotation["end_time"])
    kind = text_of(annotation, "scene_type")
    return ImportedEvent(_SCENE, *times, group=_SCENE, text=kind or None)


def _tracks(annotations: Sequence[Record], names: Mapping[Any, str]) -> Iterator[ImportedTrack]:
    tracked: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for annotation in annotations:
        label, track = names[annotation["category_id"]], _track_id(annotation)
        if track is None:
            yield ImportedTrack(None, label, ((_box(annotation),),), _name(annotation))
        else:
            tracked[label, track].append(annotation)
    for (label, track), found in tracked.items():
        found.sort(key=lambda one: _image(one)[1])
        given = [name for one in found if (name := _name(one))]
        yield ImportedTrack(track, label, (tuple(map(_box, found)),), given[-1] if given else None)


def _track_id(annotation: Record) -> str | None:
    """The id of a person or a face, else the number of a track; None for a box in none."""
    own = text_of(annotation, "face_id" if "face_id" in annotation else "person_id")
    track = annotation.get("track_id")
    return own_id({"id": own}) or (None if track is None else str(track))


def _name(annotation: Record) -> str | None:
    """What a person called somebody; what a model guessed is no name."""
    is_given = text_of(annotation, "labeling_method", "person_labeling_method") == _MANUAL
    return text_of(annotation, "person_label") or None if is_given else None


def _box(annotation: Record) -> FrameBox:
    time_s = annotation.get("timestamp")
    score = min(1.0, max(0.0, number(annotation["score"]))) if "score" in annotation else None
    return FrameBox(
        _image(annotation)[1],
        BBox(*map(number, annotation["bbox"])),
        score,
        time_s=None if time_s is None else number(time_s),
    )
