"""COCO's JSON with videos and track ids, as TAO, YouTube-VIS and kwcoco write it; frames count from 0.

Source: cocodataset.org, "Data format"; TAO (Dave et al. 2020); kwcoco's schema.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.annotations.annotation import BBox
from schemas.paths import name_of
from vaengine.importing.document import FrameBox, FrameCount, ImportedFile, ImportedTrack, ImportedVideo
from vaengine.importing.readers.parsing import (
    number,
    own_id,
    person_name,
    rate_of,
    text_of,
    whole,
)

NAME: Final = "coco"
_FRAME_KEYS: Final = ("frame_index", "frame_id", "frame_number", "frame")
_TIME_KEYS: Final = ("timestamp", "timestamp_seconds", "time")
_DIGITS: Final = re.compile(r"(\d+)(?=\.\w+$)")
Record = Mapping[str, Any]


def matches(value: Any) -> bool:
    """Whether this is COCO's JSON of boxes."""
    return isinstance(value, Mapping) and all(
        isinstance(value.get(name), list) for name in ("images", "annotations", "categories")
    )


def read(value: Any) -> ImportedFile:
    """A video for each entry of `videos`, or one for all images; raises ValueError and KeyError."""
    return ImportedFile(NAME, tuple(_videos(value)))


def _videos(value: Record) -> Iterator[ImportedVideo]:
    names = {category["id"]: str(category["name"]) for category in value["categories"]}
    images = {image["id"]: image for image in value["images"]}
    videos = {video["id"]: video for video in value.get("videos") or ()} or _unlisted(images.values())
    only = next(iter(videos)) if len(videos) == 1 else None
    of_video: dict[Any, list[Record]] = defaultdict(list)
    for annotation in value["annotations"]:
        if "bbox" in annotation:
            of_video[images[annotation["image_id"]].get("video_id", only)].append(annotation)
    for key, video in videos.items():
        own = [image for image in images.values() if image.get("video_id", only) == key]
        yield _video(video, own, of_video[key], images, names)


def _unlisted(images: Iterable[Record]) -> dict[Any, Record]:
    """The videos that images name where the file has no list of them: one without a name where none does."""
    ids = dict.fromkeys(image.get("video_id") for image in images) or {None: None}
    return {key: {"name": key} if isinstance(key, str) else {} for key in ids}


def _video(
    video: Record,
    images: Sequence[Record],
    annotations: Sequence[Record],
    of_id: Mapping[Any, Record],
    names: Mapping[Any, str],
) -> ImportedVideo:
    about = next(iter(images), {})
    size = [video.get(side) or about.get(side) for side in ("width", "height")]
    frames = video.get("frame_count") or video.get("num_frames") or video.get("length")
    width, height = (whole(side) if side else 0 for side in size)
    return ImportedVideo(
        name=text_of(video, "file_name", "name", "video_path"),
        tracks=tuple(_tracks(annotations, of_id, names)),
        counting=FrameCount(
            "index", rate_of(video.get("fps") or video.get("framerate")), whole(frames) if frames else None
        ),
        picture=(width, height) if width and height else None,
        labels=frozenset(names.values()),
        notes=tuple(_left_out(annotations)),
    )


def _tracks(
    annotations: Sequence[Record], images: Mapping[Any, Record], names: Mapping[Any, str]
) -> Iterator[ImportedTrack]:
    tracked: dict[str, list[tuple[FrameBox, Record]]] = defaultdict(list)
    for annotation in annotations:
        if annotation.get("iscrowd"):
            continue
        box, track = _box(annotation, images[annotation["image_id"]]), _track_id(annotation)
        if track is None:
            yield ImportedTrack(None, names[annotation["category_id"]], ((box,),), _name(annotation))
        else:
            tracked[track].append((box, annotation))
    for track, found in tracked.items():
        found.sort(key=lambda pair: pair[0].frame)
        boxes = tuple(box for box, _ in found)
        last = found[-1][1]
        names_given = [name for _, annotation in found if (name := _name(annotation))]
        yield ImportedTrack(
            track, names[last["category_id"]], (boxes,), names_given[-1] if names_given else None
        )


def _track_id(annotation: Record) -> str | None:
    about = {**_attributes(annotation), **annotation}
    own = own_id({name: about[name] for name in ("person_id", "face_id") if name in about})
    track = about.get("track_id", about.get("instance_id"))
    return own or (None if track is None else str(track))


def _attributes(annotation: Record) -> Record:
    attributes = annotation.get("attributes")
    return attributes if isinstance(attributes, Mapping) else {}


def _name(annotation: Record) -> str | None:
    return person_name(_attributes(annotation)) or person_name(
        {"name": text_of(annotation, "person_label", "person_name")}
    )


def _box(annotation: Record, image: Record) -> FrameBox:
    time_s = next((number(image[key]) for key in _TIME_KEYS if image.get(key) is not None), None)
    score = annotation.get("score")
    confidence = None if score is None else min(1.0, max(0.0, number(score)))
    left, top, width, height = map(number, annotation["bbox"])
    return FrameBox(_frame(image), BBox(left, top, width, height), confidence, time_s=time_s)


def _frame(image: Record) -> int:
    """The frame of an image: what it says, else the last number in its file's name."""
    for key in _FRAME_KEYS:
        if image.get(key) is not None:
            return whole(image[key])
    found = _DIGITS.search(name_of(str(image["file_name"])))
    if found is None:
        raise ValueError(f"image {image['file_name']!r} does not say which frame it is")
    return int(found[1])


def _left_out(annotations: Sequence[Record]) -> Iterator[str]:
    crowds = sum(bool(annotation.get("iscrowd")) for annotation in annotations)
    if crowds:
        yield f"{crowds} boxes of crowds are left out"
